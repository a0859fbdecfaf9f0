/**
 * A scenario: many users lose their server. Measures how soon each is on another server, and how they
 * spread over the servers that are left.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { type Latency, latencyOf } from "../statistics.ts";
import { RttClient } from "@netlab/rtt/client";
import type { Cluster, ClusterSystem } from "../cluster/cluster.ts";
import { withDeadline } from "../cluster/deadline.ts";

/** How many users connect at once. A server accepts this many without queueing. */
const TOGETHER = 100;

/** What {@linkcode measureFailover} found. */
export interface Failover {
  /** The time from the end of the server until a user was on another one. `undefined` if none was. */
  readonly backMs: Latency | undefined;
  /** The number of users who were on no server at the deadline. */
  readonly lost: number;
  /** The number of users on each of the other servers. */
  readonly spread: readonly number[];
}

/**
 * Connects users to the first server of a cluster, ends that server, and waits until all users are on
 * another one.
 *
 * @param cluster A cluster of two servers or more.
 * @param system The system of the servers and the users.
 * @param users The number of users.
 * @param how `kill` crashes the server, `terminate` shuts it down gracefully.
 * @param deadlineMs How long to wait for the users: milliseconds.
 */
export async function measureFailover(
  cluster: Cluster,
  system: ClusterSystem,
  users: number,
  how: "kill" | "terminate",
  deadlineMs: number,
): Promise<Failover> {
  const [first, ...others] = cluster.servers;
  const servers = cluster.servers.map(({ address }) => address);
  const back: number[] = [];
  const all = Promise.withResolvers<void>();
  let endedAt = Infinity;
  await using stack = new AsyncDisposableStack();
  const clients: P2pClient[] = [];
  stack.defer(async () => {
    await Promise.all(clients.map((client) => client.close()));
  });
  const connect = async (number: number) => {
    const client = await (system === "rtt" ? RttClient : P2pClient).connect({
      name: `User ${number}`,
      servers,
      onStatus: ({ state }) => {
        if (state !== "connected" || endedAt === Infinity) return;
        if (back.push(performance.now() - endedAt) === users) all.resolve();
      },
    });
    clients.push(client);
    // A user of rtt chooses its own server first.
    await client.moveTo(first!.address);
  };
  for (let from = 0; from < users; from += TOGETHER) {
    const some = Array.from({ length: Math.min(TOGETHER, users - from) }, (_, i) => from + i);
    await Promise.all(some.map(connect));
  }
  endedAt = performance.now();
  const ending = first![how]();
  // Users who have no server at the deadline are a result, not an error.
  await withDeadline(all.promise, deadlineMs, () => new Error("Too late")).catch(() => {});
  await ending;
  return {
    backMs: latencyOf(back),
    lost: clients.filter(({ server }) => server === undefined).length,
    spread: others.map(({ address }) => clients.filter(({ server }) => server === address).length),
  };
}
