/**
 * The options of a server.
 *
 * @module
 */
import type { FrameRule } from "../core/frame_rule.ts";
import type { Logger } from "../core/logger.ts";
import type { ServerLimits } from "../core/server_limits.ts";
import type { Program } from "../core/status/own_status.ts";
import type { LinkCosts } from "../core/mesh/topology/link_costs.ts";
import type { Engine } from "./engine.ts";

/** How a `P2pServer` listens, and which servers it looks for. */
export interface P2pServerOptions {
  /**
   * The host name or IP address to listen on. The server listens on every address that a name has, on the same
   * port, and logs those that it cannot use.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on. With 0, the system chooses a free port.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The address at which others reach this server: `host:port`. Required when the server listens on all
   * addresses of a machine. With {@linkcode P2pServerOptions.tlsCert}, the address begins with `tls://` in any case.
   *
   * @default {the address it listens on}
   */
  advertise?: string;
  /**
   * Addresses of other servers: `host:port` or `tls://host:port` each. The server dials them, and the servers that they know,
   * until they answer. The list may contain the server's own address.
   *
   * @default {[]}
   */
  peers?: readonly string[];
  /**
   * Addresses where other servers may run although nobody named them: `host:port` each. The server dials them,
   * too. It joins another network there only in its first ten seconds, because what appears there later may be
   * a tunnel to another machine.
   *
   * @default {[]}
   */
  defaultPeers?: readonly string[];
  /**
   * The folder in which durable messages are stored before they are accepted, so that they survive a crash.
   * Only one server at a time can use a folder.
   *
   * @default {none: messages are stored in memory}
   */
  data?: string;
  /**
   * What connects this server with others and stores durable messages, such as `NatsEngine` of `@netlab/nats`. It
   * takes the place of {@linkcode P2pServerOptions.peers}, {@linkcode P2pServerOptions.data} and
   * {@linkcode P2pServerOptions.network}. The server closes it.
   *
   * @default {none: servers connect with each other}
   */
  engine?: Engine;
  /**
   * The name of the server's network: 1 to 63 letters, digits, dots, hyphens or underscores (ASCII). The server
   * links only with servers of the same name. Servers without a name form one network with those that they are
   * given as {@linkcode P2pServerOptions.peers}.
   *
   * @default {the network of the folder `data`, or a new network without a name}
   */
  network?: string;
  /**
   * The file with the server's certificate, and those between it and its authority: PEM. With it, the server takes
   * TLS connections only, and advertises `tls://host:port`. It needs {@linkcode P2pServerOptions.tlsKey}. When the
   * files change, new connections get the new certificate.
   *
   * @default {none: the server takes unencrypted connections only}
   */
  tlsCert?: string;
  /** The file with the private key of {@linkcode P2pServerOptions.tlsCert}: PEM, readable by its owner only. */
  tlsKey?: string;
  /**
   * A file with certificates of authorities: PEM. The server trusts them besides the public ones when it dials other
   * servers at `tls://host:port`.
   *
   * @default {none}
   */
  tlsCa?: string;
  /** How much is stored, for how long, and how many connections there may be. */
  limits?: ServerLimits;
  /**
   * The path of a file with the keys of the network: a JSON Web Key, or a set of them. The server then takes only
   * users and servers with a token that is signed with one of them. It reads the file again when it changes. The
   * network must have a name: {@linkcode P2pServerOptions.network}, or the member `network` of the file.
   *
   * @default {none: the network is open}
   */
  keys?: string;
  /**
   * The path of a file with this server's own token, for the role server. Without one, the server cannot link with
   * others. It reads the file again when it changes. The token may be bound to the server's own key, which is in
   * {@linkcode P2pServerOptions.data}.
   *
   * @default {none}
   */
  tokenFile?: string;
  /**
   * The path of a list of revoked tokens: lines `jti ID` or `sub NAME`. The server reads it again when it changes,
   * and closes the connections of those that were revoked.
   *
   * @default {none}
   */
  revoked?: string;
  /**
   * Whether the server sends its token over connections to other machines that are not encrypted.
   *
   * @default {false}
   */
  insecureToken?: boolean;
  /**
   * Whether the server takes legacy programs. They have no tokens: on a network with keys, anyone who reaches the
   * server may then register as a legacy user.
   *
   * @default {true when the server listens on loopback addresses only and has no keys}
   */
  legacy?: boolean;
  /**
   * Whether a server without keys may listen on other addresses than those of loopback. Whoever reaches it can then
   * register, and read what is stored for a name that nobody uses.
   *
   * @default {false}
   */
  open?: boolean;
  /**
   * Receives the server's log.
   *
   * @default {none: nothing is logged}
   */
  logger?: Logger;
  /**
   * Logs every message at level debug: sender, recipient, size and next hop, but never the text. This costs
   * most of the throughput.
   *
   * @default {false}
   */
  logMessages?: boolean;
  /**
   * The costs of links to other servers. Messages take the route with the lowest total cost.
   *
   * @default {1 for each link}
   */
  costs?: LinkCosts;
  /**
   * Rules for frame types that a p2p server does not know, by type.
   *
   * @default {none}
   */
  rules?: ReadonlyMap<number, FrameRule>;
  /**
   * What the server tells those who watch it about its program.
   *
   * @default {the system p2p and the version of this package}
   */
  program?: Program;
}
