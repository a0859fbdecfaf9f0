/**
 * Parses and formats server addresses: `host:port` in text, as in options and in lists of servers. Owns their
 * syntax and the default ports. Never resolves a name.
 *
 * @module
 */

/** The default host that servers listen on and clients connect to. */
export const DEFAULT_HOST = "127.0.0.1";

/** The default ports of a small network on one machine, in the order in which servers try them. */
export const DEFAULT_PORTS: readonly number[] = [5001, 5002, 5003, 5004, 5005];

/** The two parts of an address. */
export interface Address {
  /** A host name or an IP address; IPv6 without brackets. */
  hostname: string;
  /** A TCP port, 0 to 65,535. */
  port: number;
}

/**
 * The syntax of an address. It excludes control characters, which a terminal would interpret. Its parts
 * cannot overlap, so matching takes linear time.
 */
// deno-lint-ignore no-control-regex
const ADDRESS = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]\x00-\x1f\x7f-\x9f]+)):([0-9]{1,5})$/;

/**
 * Parses `host:port`. An IPv6 address needs brackets: `[::1]:5001`.
 *
 * @throws {TypeError} When the text has another form, or when the port is not a number from 1 to 65,535.
 */
export function parseAddress(text: string): Address {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) {
    throw new TypeError(
      `Cannot read the address ${
        JSON.stringify(text)
      }: it must be HOST:PORT, with a port from 1 to 65535`,
    );
  }
  return { hostname: match[1] ?? match[2]!, port };
}

/** Formats an address as `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ hostname, port }: Address): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Returns whether {@linkcode parseAddress} accepts the text. */
export function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}
