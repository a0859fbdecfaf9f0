/**
 * Many users of one server that goes away: how long until each is on another, and how they spread. Owns
 * the measuring; knows nothing of what is shown of it.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { type Latency, latencyOf } from "../statistics.ts";
import { RttClient } from "@netlab/rtt/client";
import type { Cluster, ClusterSystem } from "../cluster/cluster.ts";

/** Users that connect at one time: a server takes so many at once without a queue. */
const TOGETHER = 100;

/** What a {@linkcode measureFailover} found. */
export interface Failover {
  /** How long it took from the end of the server until a user was on another one; of those who are. */
  readonly backMs: Latency | undefined;
  /** How many users are on no server at the deadline. */
  readonly lost: number;
  /** How many users each of the other servers has got. */
  readonly spread: readonly number[];
}

/**
 * Puts users on the first server of a cluster, ends that server, and waits for the users.
 *
 * @param system What the cluster's servers and the users are.
 * @param how `kill` crashes it, `terminate` ends it in good order.
 * @param deadlineMs How long it is waited for them: milliseconds.
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
    // Users who choose by time and load are anywhere.
    await client.moveTo(first!.address);
  };
  for (let from = 0; from < users; from += TOGETHER) {
    const some = Array.from({ length: Math.min(TOGETHER, users - from) }, (_, i) => from + i);
    await Promise.all(some.map(connect));
  }
  endedAt = performance.now();
  const ending = first![how]();
  const timer = setTimeout(all.resolve, deadlineMs);
  await all.promise;
  clearTimeout(timer);
  await ending;
  return {
    backMs: latencyOf(back),
    lost: clients.filter(({ server }) => server === undefined).length,
    spread: others.map(({ address }) => clients.filter(({ server }) => server === address).length),
  };
}
