/**
 * What a program says about a client when it connects.
 *
 * @module
 */
import type { Dial } from "./connection/dialler.ts";
import type { TokenSource } from "./own_token.ts";
import type { ClientStatus } from "./roaming/roaming.ts";

/** Who a {@linkcode P2pClient} is, and where it looks for a server. */
export interface P2pClientOptions {
  /**
   * The user's name: letters, digits and ASCII signs of one script, up to 255 bytes of UTF-8. `checkUserName`
   * of `@netlab/protocol` has the rules. The client converts it to Unicode NFC.
   */
  name: string;
  /**
   * Addresses of servers, `host:port` or `tls://host:port` each. They are tried in this order: the next one starts when one has
   * failed, or has not answered within 250 ms, and the first one that answers is used. Once connected, the client
   * also knows the servers that its server knows.
   *
   * @default {the five default ports on 127.0.0.1}
   */
  servers?: readonly string[];
  /**
   * The name of the network to use. Servers of other networks are not used.
   *
   * @default {the network of the first server at which the client registers}
   */
  network?: string;
  /**
   * The user's token, for a network with keys, or a function that returns it. The function is called for every
   * connection, so a client with a renewed token uses it when it connects again. The token is sent only to servers
   * of its network, and to other machines only over connections that are encrypted.
   *
   * @default {none: only open networks can be used}
   */
  token?: TokenSource;
  /**
   * Whether the token may be sent to other machines over connections that are not encrypted. Whoever can read one of
   * them can then use the token.
   *
   * @default {false}
   */
  insecureToken?: boolean;
  /**
   * The secret that protects the name on an open network. If the name is not protected yet, it is from now on: only
   * who knows the secret can register it, at any server. The secret stays in the client.
   *
   * @default {none: anybody may register the name when it is free}
   */
  secret?: string;
  /**
   * A file with certificates of authorities: PEM. They are trusted besides the public ones, for servers at
   * `tls://host:port`.
   *
   * @default {none}
   */
  tlsCa?: string;
  /**
   * Opens the connections to servers, for programs without sockets.
   *
   * @default {TCP, or TLS for addresses that begin with `tls://`}
   */
  dial?: Dial;
  /**
   * How long a server may take to accept a message: milliseconds, from the moment when it has certainly read
   * the message. The time that a message needs on a slow link does not count. The client checks once a second,
   * so it gives a message up to three seconds late. Messages also fail when no server could be reached for so
   * long.
   *
   * @default {30000}
   */
  sendTimeoutMs?: number;
  /**
   * Cancels connecting when it aborts. It has no effect on a connected client; close that with
   * {@linkcode P2pClient.close}.
   */
  signal?: AbortSignal;
  /**
   * Returns the servers in the order in which the client tries them. Called at the start and after the
   * loss of a server.
   */
  rank?: (servers: string[]) => Promise<string[]>;
  /** Called with every change of the {@linkcode ClientStatus}. */
  onStatus?: (status: ClientStatus) => void;
  /**
   * Called with the address of a server that the client does not use because it belongs to another network, or
   * because it cannot be told which one. Once for each server.
   */
  onOtherNetwork?: (server: string) => void;
}

/** How a client sends one message. */
export interface SendOptions {
  /**
   * The id of the message: a UUID.
   *
   * @default {a new id}
   */
  readonly id?: string;
}
