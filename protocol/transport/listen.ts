/**
 * Listens on every address of a host name. Owns how the name is looked up, and that all addresses get the same
 * port. Does not know what arrives.
 *
 * @module
 */
import { formatAddress } from "../codec/names/address.ts";

/** Where to listen. */
export interface ListenOptions {
  /** A host name or an IP address; IPv6 without brackets. */
  readonly hostname: string;
  /** A TCP port. With 0, the system chooses a port that is free on all addresses. */
  readonly port: number;
  /** How many connections may wait to be accepted on each address. */
  readonly tcpBacklog?: number;
}

/** The listeners on the addresses of a host name. */
export interface Listening {
  /** At least one listener. All have the same port. */
  readonly listeners: readonly Deno.TcpListener[];
  /** The other addresses, `host:port` each, and why the system refused them. */
  readonly refused: readonly { readonly address: string; readonly error: Error }[];
}

/** What is no name that could have several addresses. */
const IP_ADDRESS = /:|^[0-9.]+$/;
/** What `node:dns` says of a name that is not known, and of a name server that does not answer. */
const NOT_FOUND: readonly unknown[] = ["ENOTFOUND", "EAI_AGAIN", "ENODATA"];
/** How many free ports of the first address are tried on the others. */
const MAX_ATTEMPTS = 20;

/**
 * Listens on every address that a host name has now. `localhost`, for example, often has `127.0.0.1` and `::1`.
 * Throws the errors of {@linkcode listenOnAddresses}.
 */
export async function listenOnAll(options: ListenOptions): Promise<Listening> {
  const { hostname, port, tcpBacklog } = options;
  return listenOnAddresses(await addressesOf(hostname), port, tcpBacklog);
}

/**
 * Listens on several addresses with one port.
 *
 * @param hostnames IP addresses; IPv6 without brackets.
 * @param port A TCP port. With 0, the system chooses a port that is free on all addresses.
 * @param tcpBacklog How many connections may wait to be accepted on each address.
 * @throws {Deno.errors.AddrInUse} When the port is in use on one of the addresses. Otherwise clients would reach
 *   one program or another by chance.
 * @throws {Error} The first error of `Deno.listen` when it is possible to listen on none of the addresses.
 */
export function listenOnAddresses(
  hostnames: readonly string[],
  port: number,
  tcpBacklog?: number,
): Listening {
  for (let attempt = 1;; attempt++) {
    try {
      return listenOnce(hostnames, port, tcpBacklog);
    } catch (error) {
      const mayRepeat = port === 0 && error instanceof Deno.errors.AddrInUse;
      if (!mayRepeat || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * Returns the IP addresses of a host name; of an address, the address itself. An answer may take the system half a
 * minute when its name server is silent.
 *
 * @throws {Error} When the name is not known, with the message that `Deno.listen` would give.
 */
export async function addressesOf(hostname: string): Promise<string[]> {
  if (IP_ADDRESS.test(hostname)) return [hostname];
  try {
    // Few servers need this module.
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(hostname, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    if (NOT_FOUND.includes((error as { code?: unknown }).code)) {
      throw new Error(`failed to lookup address information: ${hostname}`);
    }
    // Deno.listen looks the name up, too, but uses only one address. It explains other failures better.
    return [hostname];
  }
}

function listenOnce(hostnames: readonly string[], port: number, tcpBacklog?: number): Listening {
  const listeners: Deno.TcpListener[] = [];
  const refused: { address: string; error: Error }[] = [];
  for (const hostname of hostnames) {
    const chosen = listeners[0]?.addr.port ?? port;
    try {
      const backlog = tcpBacklog === undefined ? {} : { tcpBacklog };
      listeners.push(Deno.listen({ hostname, port: chosen, ...backlog }));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error instanceof Deno.errors.AddrInUse) {
        for (const listener of listeners) listener.close();
        throw error;
      }
      refused.push({ address: formatAddress({ hostname, port: chosen }), error });
    }
  }
  if (listeners.length === 0) throw refused[0]!.error;
  return { listeners, refused };
}
