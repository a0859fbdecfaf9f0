/**
 * Watching real servers over real sockets: their status, events and users, on open networks and on those with keys.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Capability, ErrorCode, UserScope, writeStatusRequest } from "@netlab/protocol";
import {
  askEvents,
  askServerUsers,
  askStatus,
  NetworkWatch,
  P2pClient,
  StatusConnection,
} from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import {
  assertFails,
  eventually,
  RawParty,
  ScriptedServer,
  socketTest,
  storageTest,
} from "./network.ts";
import { TestAuthority } from "./tls/certificates.ts";
import { admitted, answerTo, KeyFiles } from "./tokens/test_network.ts";

socketTest("status, events and users of a server can be asked through another one", async () => {
  await using one = await RttServer.listen({ network: "office" });
  await using two = await RttServer.listen({ network: "office", peers: [one.address] });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [two.address] });
  await eventually("a measured link", () => two.peers()[0]?.rttMs !== undefined);
  await alice.send("Alice", "hello");
  const target = two.id;
  const status = await askStatus(one.address, { target, network: "office" });
  assertEquals([status.server, status.address, status.users], [two.id, two.address, 1]);
  assertEquals([status.system, status.network], ["rtt", "office"]);
  assert(/^\d+\.\d+\.\d+/.test(status.version), status.version);
  assert(status.totals.bytesRead > 0 && status.totals.bytesWritten > 0);
  assert(status.memory.rssBytes > status.memory.heapBytes && status.memory.heapBytes > 0);
  assert(status.connections >= 2);
  const [link] = status.links;
  assert(link!.rttMs !== undefined && link!.rttMs > 0 && link!.rttMs < 1_000);
  const { events } = await askEvents(one.address, 0, { target });
  assert(events.some((event) => event.kind === "joined" && event.user === "Alice"));
  const own = await askServerUsers(one.address, UserScope.Own);
  assertEquals(own, []);
  const all = await askServerUsers(one.address, UserScope.All);
  assertEquals(all.map(({ name, server }) => [name, server]), [["Alice", two.id]]);
});

socketTest("a server that cannot tell its status is reported as too old", async () => {
  await using old = new ScriptedServer(undefined, [Capability.Session]);
  await assertFails(askStatus(old.address), ErrorCode.Unsupported);
  await using server = await P2pServer.listen({ network: "office" });
  await assertFails(askStatus(server.address, { network: "lab" }), ErrorCode.OtherNetwork);
  await assertFails(
    askStatus(server.address, { target: crypto.randomUUID() }),
    ErrorCode.ServerUnreachable,
  );
});

socketTest("a connection that is closed fails all that waits, and says why", async () => {
  await using server = await P2pServer.listen();
  const watcher = await StatusConnection.open(server.address);
  await watcher.queries.status();
  await server.close();
  assertEquals((await watcher.ended).code, ErrorCode.ConnectionLost);
  await assertFails(watcher.queries.status(), ErrorCode.ConnectionLost);
  await watcher.close();
  await using silent = new ScriptedServer(undefined, [Capability.Status]);
  const waiting = await StatusConnection.open(silent.address);
  const answer = waiting.queries.status();
  answer.catch(() => {});
  await waiting.close();
  await assertFails(answer, ErrorCode.Closed);
});

socketTest("a watch sees all servers, and goes on through others when one dies", async () => {
  const network = "office";
  await using one = await P2pServer.listen({ network });
  await using two = await P2pServer.listen({ network, peers: [one.address] });
  await using three = await P2pServer.listen({ network, peers: [two.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [three.address] });
  await eventually(
    "all are linked",
    () => [one, two, three].every((server) => server.peers().length === 2),
  );
  await using watch = new NetworkWatch({ servers: [one.address] });
  const first = await watch.round();
  assertEquals(first.via, one.address);
  assertEquals(first.servers.map(({ id }) => id).sort(), [one.id, two.id, three.id].sort());
  assertEquals(first.users.map(({ name }) => name), ["Bob"]);
  assertEquals(first.servers[0]!.rates, undefined);
  await bob.send("Bob", "hello");
  const second = await watch.round();
  const rates = second.servers.find(({ id }) => id === three.id)!.rates!;
  assert(rates.messagesReceived > 0 && rates.messagesDelivered > 0);
  await one.close();
  const after = await eventually("a round without the dead server", async () => {
    const round = await watch.round();
    return round.servers.length === 2 ? round : undefined;
  });
  assert(after!.via === two.address || after!.via === three.address);
  assert(after!.servers.every(({ status }) => status !== undefined));
  await two.close();
  await three.close();
  await assertFails(watch.round(), ErrorCode.ConnectionLost);
});

storageTest("on a network with keys, observers may watch and strangers may not", async () => {
  using files = await KeyFiles.create();
  await using one = await files.listen();
  await using two = await files.listen({ name: "two", peers: [one.address] });
  await eventually("they are linked", () => one.peers().length === 1);
  for (const role of ["observer", "user", "server"]) {
    const token = await files.token({ sub: "Watcher", role });
    const { server } = await askStatus(one.address, { target: two.id, token });
    assertEquals(server, two.id, role);
  }
  await assertFails(askStatus(one.address), ErrorCode.TokenRequired);
  await using stranger = await RawParty.connect(one);
  writeStatusRequest(stranger.out, { number: 1, target: one.id });
  const error = await answerTo(stranger);
  assert(typeof error !== "string");
  assertEquals([error.code, error.fatal], [ErrorCode.TokenRequired, true]);
  // An observer can do nothing else.
  await using observer = await admitted(one, await files.token({ role: "observer" }));
  observer.out.frame(8, 0);
  const refusal = await answerTo(observer);
  assert(typeof refusal !== "string");
  assertEquals(refusal.code, ErrorCode.NotPermitted);
});

storageTest("a watch uses TLS and a token with servers that require both", async () => {
  using authority = new TestAuthority();
  using files = await KeyFiles.create();
  const tls = await authority.server();
  await using one = await files.listen(tls);
  await using two = await files.listen({ ...tls, name: "two", peers: [one.address] });
  await eventually("they are linked", () => one.peers().length === 1 && two.peers().length === 1);
  await using watch = new NetworkWatch({
    servers: [one.address],
    token: () => files.token({ sub: "Watcher", role: "observer" }),
    tlsCa: authority.ca,
  });
  const { servers } = await watch.round();
  assertEquals(servers.map(({ status }) => status?.server).sort(), [one.id, two.id].sort());
  await one.close();
  await eventually(
    "a round through the other server",
    async () => (await watch.round()).via === two.address,
  );
});
