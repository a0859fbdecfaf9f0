/**
 * Parses and formats server addresses: `host:port` in text, as in options and in lists of servers, or
 * `tls://host:port` for a server that is reached with TLS. Owns their syntax and the default ports. Never
 * resolves a name.
 *
 * One address has many spellings, such as `127.0.0.1`, `127.1` and `[::ffff:127.0.0.1]`. Parsing returns one
 * spelling for all of them, the canonical one, so that comparing text compares addresses.
 *
 * @module
 */
import { quote } from "./quote.ts";

/** The default host that servers listen on and clients connect to. */
export const DEFAULT_HOST = "127.0.0.1";

/** The default ports of a small network on one machine, in the order in which servers try them. */
export const DEFAULT_PORTS: readonly number[] = [5001, 5002, 5003, 5004, 5005];

/** The parts of an address. */
export interface Address {
  /** A host name or an IP address; IPv6 without brackets. */
  hostname: string;
  /** A TCP port, 0 to 65,535. */
  port: number;
  /**
   * Whether the server is reached with TLS.
   *
   * @default {false}
   */
  tls?: boolean;
}

/** The beginning of an address that is reached with TLS, in its canonical spelling. */
const TLS = "tls://";
/** The syntax of an address. The parts cannot overlap, so matching takes linear time. */
const ADDRESS = /^(tls:\/\/)?(?:\[([^[\]]+)\]|([^:[\]]+)):([0-9]+)$/i;
/**
 * Characters with a meaning in a URL, and white space. `URL` would end the host there, decode them or drop
 * them.
 */
const NOT_IN_HOSTS = /[\s/?#@\\%:[\]]/;
/** An IPv6 address, which may name a network interface behind a percent sign. */
const IPV6 = /^([0-9a-fA-F:.]+)(%[0-9A-Za-z._~-]+)?$/;
/** An IPv4 address that `URL` has written as an IPv6 address. */
const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
/** A host name: labels of at most 63 characters (RFC 1035). Names in containers may have underscores. */
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
/** The longest host name (RFC 1035): characters. */
const MAX_HOST_LENGTH = 253;

/**
 * Parses `host:port` or `tls://host:port`, and returns its canonical parts, as {@linkcode parseHost} defines
 * them. An IPv6 address needs brackets: `[::1]:5001`. `tls` is set only if it is true.
 *
 * @throws {TypeError} When the text has another form, or when the port is not a number from 1 to 65,535.
 */
export function parseAddress(text: string): Address {
  const address = tryParse(text);
  if (address) return address;
  throw new TypeError(
    `Cannot read the address ${quote(text)}: it must be HOST:PORT, with a port from 1 to 65535`,
  );
}

/**
 * Returns the canonical spelling of an address, `host:port` or `tls://host:port`; `undefined` for text that is
 * no address.
 */
export function canonicalAddress(text: string): string | undefined {
  const address = tryParse(text);
  return address && formatAddress(address);
}

function tryParse(text: string): Address | undefined {
  const [, tls, ipv6, name, digits = ""] = ADDRESS.exec(text) ?? [];
  const port = parsePort(digits);
  // Only an IPv6 address has brackets.
  if (!port || (ipv6 !== undefined && !ipv6.includes(":"))) return undefined;
  const hostname = parseHost(ipv6 ?? name!);
  return hostname === undefined ? undefined : { hostname, port, ...tls && { tls: true } };
}

/** Reads a port in decimal digits, from 0 to 65,535. Returns `undefined` for any other text. */
export function parsePort(digits: string): number | undefined {
  return /^0{0,9}[0-9]{1,5}$/.test(digits) && Number(digits) <= 65_535 ? Number(digits) : undefined;
}

/**
 * Returns the canonical spelling of a host name or an IP address (IPv6 without brackets); `undefined` for text
 * that is neither. It is the host of a URL, as browsers and Deno spell it, with two differences: an IPv4
 * address in IPv6 form becomes IPv4, and the dot at the end of a name is left out.
 *
 * It is ASCII, in lower case, and contains no white space.
 */
export function parseHost(text: string): string | undefined {
  if (text.includes(":")) {
    const [, address, zone = ""] = IPV6.exec(text) ?? [];
    const canonical = address && urlHost(`[${address}]`)?.slice(1, -1);
    if (!canonical) return undefined;
    const [, high, low] = MAPPED_IPV4.exec(canonical) ?? [];
    return high === undefined ? canonical + zone : mappedIpv4(high, low!);
  }
  if (NOT_IN_HOSTS.test(text)) return undefined;
  const name = urlHost(text)?.replace(/\.$/, "");
  return name && name.length <= MAX_HOST_LENGTH && NAME.test(name) ? name : undefined;
}

function urlHost(host: string): string | undefined {
  return URL.parse(`http://${host}/`)?.hostname;
}

function mappedIpv4(high: string, low: string): string {
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}

/** Returns whether a canonical host is an IP address, and not a name. */
export function isIpAddress(hostname: string): boolean {
  return hostname.includes(":") || /^[0-9.]+$/.test(hostname);
}

/** Returns whether a canonical host stands for every address of a machine. Nobody can connect to it. */
export function isEveryAddress(hostname: string): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

/** Formats an address as `host:port` or `tls://host:port`, with brackets around an IPv6 address. */
export function formatAddress({ hostname, port, tls = false }: Address): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${tls ? TLS : ""}${host}:${port}`;
}

/** Returns whether a canonical address is reached with TLS. */
export function isTlsAddress(address: string): boolean {
  return address.startsWith(TLS);
}

/** Returns a canonical address as parties know it that cannot read `tls://`: `host:port`. */
export function withoutTls(address: string): string {
  return isTlsAddress(address) ? address.slice(TLS.length) : address;
}

/** Returns the host of a canonical address, with brackets around an IPv6 address. */
export function hostOf(address: string): string {
  return withoutTls(address.slice(0, address.lastIndexOf(":")));
}

/**
 * Returns whether a host leads back to the machine that uses it, so that it means something else on every
 * machine. The host is canonical, except that brackets around an IPv6 address are allowed.
 */
export function isLoopbackHost(host: string): boolean {
  return /^(?:127\.[0-9.]+|(?:.*\.)?localhost|0\.0\.0\.0|\[?::1?\]?)$/i.test(host);
}

/** Returns whether the host of a canonical address is a {@link isLoopbackHost | loopback host}. */
export function isLoopback(address: string): boolean {
  return isLoopbackHost(hostOf(address));
}
