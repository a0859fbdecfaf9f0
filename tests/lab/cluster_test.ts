import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { RttClient } from "@netlab/rtt/client";
import { Cluster, type ClusterServer, type LoggedEvent } from "@netlab/lab";
import { eventually, nextMessage, processTest, socketTest } from "../p2p/network.ts";

/** Connects a user to each of two servers, and sends a message between them. */
async function exchange(cluster: Cluster, one: number, other: number): Promise<void> {
  const join = (name: string, server: number) =>
    P2pClient.connect({ name, servers: [cluster.servers[server]!.address] });
  await using alice = await join("Alice", one);
  await using bob = await join("Bob", other);
  await eventually("Bob is known", async () => (await alice.users()).includes("Bob"));
  await alice.send("Bob", "Hello");
  assertEquals((await nextMessage(bob)).text, "Hello");
}

socketTest("cluster in one process links its servers, loses one and links it again", async () => {
  const log: [number, LoggedEvent][] = [];
  await using cluster = await Cluster.start({
    servers: 4,
    onEvent: (server, event) => log.push([server, event]),
  });
  await cluster.linked();
  assertEquals(cluster.servers.map(({ links }) => links), [3, 3, 3, 3]);
  assertEquals(new Set(cluster.servers.map(({ address }) => address)).size, 4);
  await exchange(cluster, 0, 3);

  const [, second] = cluster.servers;
  const before = second!.address;
  await second!.kill();
  await second!.kill();
  assertEquals([second!.running, second!.links], [false, 0]);
  await eventually("the others miss it", () => cluster.servers[0]!.links === 2);
  await cluster.linked();
  await second!.restart();
  await cluster.linked();
  assertEquals([second!.address, second!.links], [before, 3]);
  await assertRejects(
    () => second!.restart(),
    Error,
    "Cannot start server 1: it is already running",
  );
  assert(log.some(([server, { event }]) => server === 0 && event === "link.down"));
  assert(!log.some(([, { event }]) => event === "crashed"));
});

socketTest("cluster of rtt servers serves rtt clients", async () => {
  await using cluster = await Cluster.start({ servers: 2, system: "rtt" });
  await cluster.linked();
  const servers = cluster.servers.map(({ address }) => address);
  await using alice = await RttClient.connect({ name: "Alice", servers });
  assert(servers.includes(alice.server!));
});

socketTest(
  "cluster with proxies is partitioned in one direction and in both, and heals",
  async () => {
    await using cluster = await Cluster.start({ servers: 3, proxies: true, seed: 1 });
    await cluster.linked();
    await exchange(cluster, 0, 2);

    cluster.partition([0], [1, 2]);
    await eventually(
      "0 is alone",
      () => cluster.servers.map(({ links }) => links).join() === "0,1,1",
    );
    await assertRejects(() => cluster.linked(10), Error, "no link 0-1, 0-2, 1-0, 2-0");
    await exchange(cluster, 1, 2);
    cluster.heal();
    await cluster.linked();
    await exchange(cluster, 0, 2);

    // Nothing from 2 reaches 1, so 1 closes the link. They still reach each other over 0.
    cluster.partition([2], [1], "forth");
    await eventually(
      "1 has closed the link to 2",
      () => !cluster.servers[1]!.isLinkedWith(cluster.servers[2]!),
    );
    await exchange(cluster, 1, 2);
    cluster.heal();
    await cluster.linked();
  },
);

socketTest("cluster cuts a link, and its servers link again", async () => {
  const downs: string[] = [];
  await using cluster = await Cluster.start({
    servers: 3,
    proxies: true,
    onEvent: (server, { event, address }) => {
      if (event === "link.down") downs.push(`${server} from ${address}`);
    },
  });
  await cluster.linked();
  cluster.cutLink(0, 1);
  await eventually("both ends notice", () => downs.length === 2);
  assertEquals(downs.sort(), ["0 from 127.0.0.1:701", "1 from 127.0.0.1:700"]);
  await cluster.linked();
});

socketTest("cluster delays messages over a link", async () => {
  await using cluster = await Cluster.start({ servers: 2, proxies: true });
  await cluster.linked();
  const join = (name: string, server: number) =>
    P2pClient.connect({ name, servers: [cluster.servers[server]!.address] });
  await using alice = await join("Alice", 0);
  await using bob = await join("Bob", 1);
  const reading = (async () => {
    for await (const message of bob) {
      if (message.text !== "last") continue;
      bob.take(message);
      break;
    }
  })();
  await eventually("Bob is known", async () => (await alice.users()).includes("Bob"));
  const send = async (text: string) => {
    const start = performance.now();
    await (await alice.send("Bob", text)).delivered;
    return performance.now() - start;
  };
  cluster.setFaults(0, 1, { latencyMs: 60 });
  for (let i = 0; i < 3; i++) assert(await send("slow") >= 59);
  cluster.setFaults(0, 1, {});
  // A busy machine may be slow without any fault, but not forever.
  await eventually("the latency is gone", async () => await send("fast") < 59);
  await send("last");
  await reading;
});

socketTest("cluster refuses invalid options and faults without proxies", async () => {
  for (const servers of [0, 26, 1.5]) {
    await assertRejects(() => Cluster.start({ servers }), RangeError, `Cannot start ${servers}`);
  }
  await using cluster = await Cluster.start({ servers: 1 });
  await cluster.linked();
  assertThrows(() => cluster.cutLink(0, 1), TypeError, "the cluster was started without proxies");
  await cluster.close();
  await cluster.close();
  assertEquals(cluster.servers[0]!.running, false);
});

processTest("cluster of processes survives kill -9 and SIGTERM", async () => {
  const log: string[] = [];
  const cluster = await Cluster.start({
    servers: 3,
    processes: true,
    onEvent: (server, { event }) => log.push(`${server} ${event}`),
  });
  {
    await using _cluster = cluster;
    await cluster.linked();
    await exchange(cluster, 0, 2);
    const [first, second] = cluster.servers as [ClusterServer, ClusterServer];
    const killed = first.pid!;
    await first.kill();
    assertEquals([first.pid, first.running], [undefined, false]);
    assert(!log.includes("0 closing"), "it had no time to sign off");
    await second.terminate();
    assert(log.includes("1 closing"), "it signed off");
    await Promise.all([first.restart(), second.restart()]);
    assertNotEquals(first.pid, killed);
    await cluster.linked();
    await exchange(cluster, 0, 1);
  }
  for (const { port } of cluster.servers) {
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
    await assertRejects(connect, Deno.errors.ConnectionRefused, "", "a server is left");
  }
});

processTest("cluster of processes says why one does not start", async () => {
  await using cluster = await Cluster.start({ servers: 1, processes: true });
  const [server] = cluster.servers as [ClusterServer];
  await server.kill();
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: server.port });
  await assertRejects(() => server.restart(), Error, "the address is in use");
  assertEquals(server.running, false);
});
