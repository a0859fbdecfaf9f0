/**
 * Decides which requests of browsers are answered. Owns the rules against pages of other hosts: a page can lead its
 * own host name to this machine (DNS rebinding), and a WebSocket may be opened by any page. Does not know HTTP servers.
 *
 * @module
 */
import { isIpAddress, parseHost, parsePort } from "@netlab/protocol/codec";

/** The longest origin: characters. The status of a server has no room for a longer one. */
const MAX_ORIGIN_LENGTH = 255;
/** The longest host and port that are read: characters. */
const MAX_HOST_LENGTH = 300;

/** Knows under which names the web server is reached, and which pages may open a WebSocket. */
export class Guard {
  readonly #names: ReadonlySet<string>;
  readonly #scheme: string;
  readonly #otherOrigins: () => Iterable<string>;

  /**
   * Creates the guard of one web server.
   *
   * @param names The host names under which browsers reach it, besides `localhost` and IP addresses.
   * @param isTls Whether it is reached with TLS.
   * @param otherOrigins Returns the origins of pages that other servers of the network serve.
   */
  constructor(names: Iterable<string>, isTls: boolean, otherOrigins: () => Iterable<string>) {
    this.#names = new Set(names);
    this.#scheme = isTls ? "https" : "http";
    this.#otherOrigins = otherOrigins;
  }

  /**
   * Returns whether the header `Host` names this server. A page of another host that leads its name here names its own.
   * Nobody can lead an IP address or `localhost` elsewhere.
   */
  admitsHost(host: string | undefined): boolean {
    const hostname = hostnameOf(host);
    return hostname !== undefined &&
      (isIpAddress(hostname) || hostname === "localhost" || this.#names.has(hostname));
  }

  /**
   * Returns whether the page with the header `Origin` may open a WebSocket: a page of this server, or of another server
   * of its network. Programs that are no browsers send none and use the port of the server instead.
   */
  admitsOrigin(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || host === undefined) return false;
    const given = originOf(origin);
    if (given === undefined) return false;
    if (given === originOf(`${this.#scheme}://${host}`)) return true;
    // Behind a proxy with TLS, the page has another scheme than this server.
    if (given === originOf(`https://${host}`)) return true;
    for (const other of this.#otherOrigins()) if (other === given) return true;
    return false;
  }
}

/** Returns an origin in the spelling of browsers; `undefined` for other text, and for one that is too long. */
export function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  const isOrigin = url.pathname === "/" && url.search === "" && url.hash === "" &&
    url.username === "" && url.origin.length <= MAX_ORIGIN_LENGTH;
  return isOrigin ? url.origin : undefined;
}

/** Returns the canonical host of a header `Host`, without its port. */
function hostnameOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > MAX_HOST_LENGTH) return undefined;
  const [, ipv6, name, port] = /^(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::(\d+))?$/.exec(header) ?? [];
  if (port !== undefined && parsePort(port) === undefined) return undefined;
  const host = ipv6 ?? name;
  return host === undefined ? undefined : parseHost(host);
}
