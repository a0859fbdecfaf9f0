/**
 * Where a server is: `host:port` in text, as it stands in options and in lists of servers. Owns its
 * syntax and the default ports; never resolves a name.
 *
 * @module
 */

/** Where servers listen, and clients look for them, when nothing else is said. */
export const DEFAULT_HOST = "127.0.0.1";

/** The ports of a small network on one machine, in the order in which servers take them. */
export const DEFAULT_PORTS: readonly number[] = [5001, 5002, 5003, 5004, 5005];

/** An address in its two parts. */
export interface Address {
  /** A host name or an IP address; IPv6 without brackets. */
  hostname: string;
  /** A TCP port, 0 to 65,535. */
  port: number;
}

/**
 * What an address looks like. No host name has control characters, and a terminal would obey them. Each part
 * ends where the next one must begin, so that no text is tried twice.
 */
// deno-lint-ignore no-control-regex
const ADDRESS = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:[\]\x00-\x1f\x7f-\x9f]+)):([0-9]{1,5})$/;

/**
 * The two parts of `host:port`. IPv6 addresses stand in brackets: `[::1]:5001`.
 *
 * @throws {TypeError} When the text is not of that form or the port not a number from 1 to 65,535.
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

/** An address as text, with brackets around IPv6. */
export function formatAddress({ hostname, port }: Address): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Whether {@linkcode parseAddress} would take the text. */
export function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}
