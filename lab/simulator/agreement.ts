/**
 * Compares what all parties of a run know once nothing fails any more: users, routes, stored messages and outcomes.
 * Changes nothing.
 *
 * @module
 */
import { sessionIdOf } from "@netlab/protocol";
import type { Guest } from "./world/guest.ts";
import type { SessionClient } from "./world/session_client.ts";
import type { VirtualDisk } from "./world/virtual_disk.ts";
import type { VirtualNode } from "./world/virtual_node.ts";

/** The parties of a run. */
export interface Parties {
  /** The servers. */
  readonly nodes: readonly VirtualNode[];
  /** Their disks, in the same order. */
  readonly disks: readonly VirtualDisk[];
  /** The pairs of servers that can link, by number. */
  readonly links: readonly (readonly [number, number])[];
  /** The users. */
  readonly users: readonly SessionClient[];
  /** The users who only hold names. */
  readonly guests: readonly Guest[];
  /** The ids of messages that a disk damaged: their outcome may be lost. */
  readonly damaged: ReadonlySet<string>;
}

/** Returns in words on what the parties do not agree. Empty if all is well. */
export function findDisagreements(parties: Parties): string[] {
  return [...usersOf(parties), ...routesOf(parties), ...storedBy(parties), ...unsettled(parties)];
}

/** Every server must know every user, once, at the server to which the user is connected. */
function* usersOf({ nodes, users, guests }: Parties): Iterable<string> {
  const names = new Set([...users, ...guests].map(({ name }) => name));
  const ids = new Map(nodes.map(({ address, core }) => [address, core.id]));
  for (const { address, core } of nodes) {
    for (const name of core.locations.names()) {
      if (!names.has(name)) yield `${address} still lists ${name}`;
    }
    for (const user of [...users, ...guests]) {
      const { name, key } = user;
      const [holder, ...others] = core.locations.holders(name);
      if (!holder) yield `${address} does not know ${name}`;
      else if (others.length > 0) yield `${address} knows ${name} at several servers`;
      else if (holder.user.session !== sessionIdOf(key)) {
        yield `${address} has a dead session of ${name}`;
      } else if ("attached" in user && user.attached) {
        const server = ids.get(user.attached.peer.party);
        if (holder.server !== server) yield `${address} knows ${name} at the wrong server`;
      }
    }
  }
}

/** Every server must have the shortest route to every other. */
function* routesOf({ nodes, links }: Parties): Iterable<string> {
  for (const [start, { address, core }] of nodes.entries()) {
    const distances = distancesFrom(start, links);
    for (const [index, node] of nodes.entries()) {
      if (index === start) continue;
      const cost = core.topology.route(node.core.id)?.cost;
      if (cost === distances.get(index)) continue;
      yield `${address} has a route of cost ${cost ?? "none"} to ${node.address}, not ` +
        `${distances.get(index)}`;
    }
  }
}

/** All messages are delivered, so no server must store one any more. */
function* storedBy({ nodes, disks }: Parties): Iterable<string> {
  for (const [index, disk] of disks.entries()) {
    const { address } = nodes[index]!;
    if (disk.size > 0) yield `${address} still stores ${disk.size} messages`;
    for (const fault of disk.faults) yield `${address}: ${fault}`;
  }
}

function* unsettled({ users, damaged }: Parties): Iterable<string> {
  for (const { name, pendingIds } of users) {
    const count = pendingIds.filter((id) => !damaged.has(id)).length;
    if (count > 0) yield `${name} did not learn the outcome of ${count} messages`;
  }
}

/** Returns the number of links on the shortest path to each server. */
function distancesFrom(
  start: number,
  links: readonly (readonly [number, number])[],
): Map<number, number> {
  const distances = new Map([[start, 0]]);
  for (const [at, distance] of distances) {
    for (const [a, b] of links) {
      const other = a === at ? b : b === at ? a : undefined;
      if (other !== undefined && !distances.has(other)) distances.set(other, distance + 1);
    }
  }
  return distances;
}
