/**
 * How far an address reaches: this machine, one network, or everywhere. Owns which addresses a party may name to
 * another one, so that nobody can make a server or a client connect to machines that only it can reach. Never
 * resolves a name.
 *
 * @module
 */
import ipaddr from "ipaddr.js";
import { isLoopbackHost } from "./address.ts";

/**
 * From where a host can be reached:
 *
 * - `machine`: from the machine itself (127.0.0.0/8, `::1`, `localhost`).
 * - `segment`: from the same network segment (169.254.0.0/16, `fe80::/10`).
 * - `private`: from inside a private network (RFC 1918, 4193, 6598, and others of RFC 6890).
 * - `public`: from everywhere.
 * - `name`: it is a host name, so nobody knows before it is resolved.
 * - `nowhere`: nobody can connect to it, or it hides an IPv4 address.
 */
export type HostReach = "machine" | "segment" | "private" | "public" | "name" | "nowhere";

/** From the nearest to the farthest. */
const ORDER: readonly HostReach[] = ["machine", "segment", "private", "public"];

/** The ranges of IP addresses (IANA, RFC 6890), as `ipaddr.js` names them. All others reach nowhere. */
const REACH_OF_RANGE: ReadonlyMap<string, HostReach> = new Map([
  ["loopback", "machine"],
  ["linkLocal", "segment"],
  ["private", "private"],
  ["carrierGradeNat", "private"],
  ["uniqueLocal", "private"],
  ["deprecatedSiteLocal", "private"],
  ["unicast", "public"],
]);

/** Addresses for documentation. Nobody owns them, so nothing is hidden there. */
const DOCUMENTATION = /^(?:192\.0\.2|198\.51\.100|203\.0\.113)\.|^(?:2001:db8|3fff):/;
/** Addresses for measuring inside a laboratory (RFC 2544), and for protocols of one network (RFC 6890). */
const LABORATORY = /^(?:198\.1[89]|192\.0\.0)\./;
/** An IPv4 address in a deprecated IPv6 form (RFC 4291, section 2.5.5.1). */
const IPV4_COMPATIBLE = /^::(?:[0-9a-f]{1,4}:)?[0-9a-f]{1,4}$/;

/**
 * Returns from where a host can be reached.
 *
 * @param host A canonical host, as `parseHost` returns it; brackets around an IPv6 address are allowed.
 */
export function reachOf(host: string): HostReach {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (!ipaddr.isValid(bare)) return isLoopbackHost(bare) ? "machine" : "name";
  const address = ipaddr.process(bare);
  const text = address.toString();
  if (DOCUMENTATION.test(text)) return "public";
  if (LABORATORY.test(text)) return "private";
  const range = address.range();
  if (range === "unicast" && IPV4_COMPATIBLE.test(text)) return "nowhere";
  return REACH_OF_RANGE.get(range) ?? "nowhere";
}

/**
 * Returns whether a party may name a host, so that another one connects to it. It may name hosts that reach at
 * least as far as its own: only a party on this machine may name this machine, and only one in a private network
 * may name hosts of private networks.
 *
 * @param host A canonical host. A name is allowed; whoever resolves it must ask again with the result.
 * @param by From where the party that names it can be reached. One of which only a name is known counts as public.
 */
export function mayName(by: HostReach, host: string): boolean {
  const reach = reachOf(host);
  if (reach === "name") return true;
  return reach !== "nowhere" && rank(reach) >= rank(by);
}

/** Returns the one of two parties that may name more hosts. */
export function nearer(a: HostReach, b: HostReach): HostReach {
  return rank(b) < rank(a) ? b : a;
}

function rank(reach: HostReach): number {
  const at = ORDER.indexOf(reach);
  return at < 0 ? ORDER.length - 1 : at;
}
