/**
 * Short names of servers. Owns how short they are.
 *
 * @module
 */

/**
 * Returns a short name for each address: the port alone if all servers are on one host; the host alone if each is on one
 * of its own, and without the domain if all are in the same one.
 */
export function shortNames(addresses: Iterable<string>): (address: string) => string {
  const all = [...new Set(addresses)];
  const hosts = new Set(all.map((address) => split(address).host));
  const domain = domainOf([...hosts]);
  return (address) => {
    const { host, port, text } = split(address);
    if (!hosts.has(host)) return text;
    if (hosts.size === 1) return port;
    return hosts.size === all.length ? host.slice(0, host.length - domain.length) : text;
  };
}

/** Returns the domain of all hosts, with a dot before it; empty if there is none. */
function domainOf([first = "", ...others]: readonly string[]): string {
  const domain = /^[^.]*[a-z][^.]*(\..+)$/.exec(first)?.[1] ?? "";
  return others.every((host) => host.slice(host.indexOf(".")) === domain) ? domain : "";
}

function split(address: string): { host: string; port: string; text: string } {
  const text = address.replace(/^tls:\/\//, "");
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon), port: text.slice(colon + 1), text };
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** Orders names as people do: 5002 before 10001. */
export const byName: (a: string, b: string) => number = compare;
