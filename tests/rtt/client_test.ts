import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { Capability, ErrorCode, FrameType, NetlabError, writeError } from "@netlab/protocol";
import { P2pServer } from "@netlab/p2p/server";
import type { Sent } from "@netlab/p2p/client";
import { POLICY_NAMES } from "@netlab/rtt";
import { type Round, RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { LegacyClient, LegacyServer } from "../legacy.ts";
import { freePort } from "../processes.ts";
import { checkMoves } from "../p2p/moving.ts";
import { socketTest as test } from "../kinds.ts";
import {
  assertFails,
  eventually,
  Inbox,
  nextMessage,
  ScriptedServer,
  within,
} from "../p2p/network.ts";
import { DelayProxy } from "./delay_proxy.ts";
import { answerQuestion, OddServer } from "./odd_server.ts";

/** Longer than any round trip on this machine, and short for a test: milliseconds. */
const FAR_MS = 40;

/** Starts a near server and one that is far away, and links them. */
async function nearAndFar(): Promise<
  { near: RttServer; far: RttServer; proxy: DelayProxy } & AsyncDisposable
> {
  const proxy = new DelayProxy(FAR_MS);
  const far = await RttServer.listen({ advertise: proxy.address });
  proxy.target = far.port;
  const near = await RttServer.listen({ peers: [proxy.address] });
  await eventually("both are linked", () => near.peers().length + far.peers().length === 2);
  return {
    near,
    far,
    proxy,
    async [Symbol.asyncDispose]() {
      await Promise.all([near.close(), far.close()]);
      await proxy[Symbol.asyncDispose]();
    },
  };
}

test("rtt client finds a server that is faster than the given ones, and registers there", async () => {
  await using setting = await nearAndFar();
  const { near, far } = setting;
  const rounds: Round[] = [];
  await using alice = await RttClient.connect({
    name: "Alice",
    servers: [far.address],
    onRound: (round) => rounds.push(round),
  });
  assertEquals(alice.server, near.address);
  assertEquals(near.localUsers(), ["Alice"]);
  assertEquals(rounds.length, 1);
  const [{ servers, decision }] = rounds as [Round];
  assertEquals(servers.map(({ server }) => server), [far.address, near.address]);
  const [slow, fast] = servers.map(({ nowMs }) => nowMs!) as [number, number];
  assert(slow >= 2 * FAR_MS, `${slow} ms`);
  assert(fast > 0 && fast < slow, `${fast} ms`);
  assertEquals(servers.map(({ load }) => load), [0, 0]);
  assertEquals([decision.kind, decision.server], ["chose", near.address]);
  assertEquals(alice.round, rounds[0]);
});

test("rtt client moves to a faster server by itself, without losing a message", async () => {
  await using setting = await nearAndFar();
  const { near, far } = setting;
  await using alice = await RttClient.connect({
    name: "Alice",
    servers: [near.address],
    roundMs: 50,
    minStayMs: 0,
  });
  await using bob = await RttClient.connect({ name: "Bob", servers: [near.address] });
  const inbox = new Inbox(alice);
  const sent: Promise<Sent>[] = [];
  const send = () => {
    for (let i = 0; i < 50; i++) sent.push(bob.send("Alice", `${sent.length}`));
  };
  send();
  await alice.moveTo(far.address);
  send();
  await eventually("the near server knows", () => near.localUsers().join() === "Bob");
  send();
  await eventually("Alice is back", () => alice.server === near.address);
  send();
  for (const each of sent) await within("each one's end", (await each).delivered);
  await eventually("all has come", () => inbox.messages.length >= sent.length);
  assertEquals(inbox.from("Bob"), sent.map((_, number) => `${number}`));
});

test("rtt client whose server dies continues at the best remaining server", async () => {
  await using setting = await nearAndFar();
  const { near, far } = setting;
  await using third = await RttServer.listen({ peers: [near.address] });
  await using alice = await RttClient.connect({ name: "Alice", servers: [far.address] });
  const [gone, stays] = alice.server === near.address ? [near, third] : [third, near];
  await eventually("Alice knows all", () => alice.knownServers.length === 3);
  await gone.close();
  await eventually("Alice is back", () => alice.server !== undefined);
  await eventually("Alice is there", () => alice.server === stays.address);
  await alice.send("Alice", "hello again");
  assertEquals((await nextMessage(alice)).text, "hello again");
});

test("rtt client never chooses servers that do not answer, and says why", async () => {
  const nowhere = `127.0.0.1:${freePort()}`;
  // It announces that it answers echoes, but does not.
  await using deaf = new ScriptedServer(() => {}, [Capability.Session, Capability.Echo]);
  await using p2p = await P2pServer.listen();
  await using server = await RttServer.listen();
  await using alice = await RttClient.connect({
    name: "Alice",
    servers: [nowhere, deaf.address, p2p.address, server.address],
  });
  assertEquals(alice.server, server.address);
  const troubles = () => alice.round!.servers.map(({ server, trouble }) => [server, trouble]);
  const expected = (ofDeaf: string) => [
    [nowhere, "connection refused"],
    [deaf.address, ofDeaf],
    [p2p.address, "not an rtt server"],
    [server.address, undefined],
  ];
  // Alice does not wait for the server that is deaf. The round goes on without her.
  assertEquals(troubles(), expected("no answer yet"));
  await eventually("the round ends", () => troubles()[1]![1] !== "no answer yet");
  assertEquals(troubles(), expected("no answer in time"));
});

test("rtt client names the servers that it asked when none answers", async () => {
  const nowhere = `127.0.0.1:${freePort()}`;
  await using p2p = await P2pServer.listen();
  const servers = [nowhere, p2p.address];
  const connecting = RttClient.connect({ name: "Alice", servers });
  const { message } = await assertFails(connecting, ErrorCode.ConnectionLost);
  for (const server of servers) assertStringIncludes(message, server);
  assertEquals(p2p.users(), []);
});

test("rtt client moves 50 times under load, and nothing is lost or duplicated", async () => {
  await checkMoves({
    listen: (options) => RttServer.listen(options),
    connect: (options) => RttClient.connect(options),
  }, { moves: 50, bothMove: false });
});

test("rtt clients that write to each other move at the same time", async () => {
  await checkMoves({
    listen: (options) => RttServer.listen(options),
    connect: (options) => RttClient.connect(options),
  }, { moves: 25, bothMove: true });
});

test("rtt server measures the time to its peers", async () => {
  const start = performance.now();
  await using setting = await nearAndFar();
  const { near, far } = setting;
  await eventually(
    "both have a time",
    () => [near, far].every((server) => server.peers()[0]!.rttMs !== undefined),
  );
  for (const server of [near, far]) {
    const { rttMs, hops } = server.peers()[0]!;
    assert(rttMs! >= 2 * FAR_MS && rttMs! < performance.now() - start, `${rttMs} ms`);
    assertEquals(hops, 1);
  }
});

test("rtt client that leaves frees its name at once", async () => {
  await using server = await RttServer.listen();
  for (let round = 0; round < 20; round++) {
    const alice = await RttClient.connect({ name: "Alice", servers: [server.address] });
    await alice.close();
  }
  assertEquals(server.localUsers(), []);
});

test("legacy rtt client finds the fastest netlab server, and registers there", async () => {
  await using setting = await nearAndFar();
  const { near, far } = setting;
  const { client, times } = await LegacyClient.connectToFastest("Olga", near);
  await using olga = client;
  assertEquals(times.size, 2);
  assertEquals(olga.port, near.port);
  await eventually("the far server knows", () => far.users().join() === "Olga");
  await using nina = await RttClient.connect({ name: "Nina", servers: [far.address] });
  await nina.send("Olga", "Hello.");
  await olga.sees("Nina: Hello.");
  olga.signOff();
  await eventually("Olga has left", () => near.localUsers().join() === "Nina");
  const { client: back } = await LegacyClient.connectToFastest("Olga", near);
  await using _back = back;
  await (await nina.send("Olga", "Again.")).delivered;
  await back.sees("Nina: Again.");
});

test("rtt client finds the fastest of legacy and netlab servers", async () => {
  await using proxy = new DelayProxy(FAR_MS);
  await using far = await RttServer.listen({ advertise: proxy.address });
  proxy.target = far.port;
  await using old = new LegacyServer({ echoes: true });
  await using nina = await RttClient.connect({
    name: "Nina",
    servers: [proxy.address, old.address],
  });
  assertEquals(nina.server, old.address);
  await using olga = await LegacyClient.connect("Olga", old);
  await eventually("both are there", () => old.users.size === 2);
  await nina.send("Olga", "Hello.");
  await olga.sees("Nina: Hello.");
  olga.send("Nina", "and back");
  assertEquals((await nextMessage(nina)).text, "and back");
  await nina.close();
  await eventually("Nina has left", () => !old.users.has("Nina"));
});

test("rtt client uses a legacy server with every policy, and keeps measuring", async () => {
  await using one = new LegacyServer({ echoes: true });
  await using two = new LegacyServer({ echoes: true, siblings: [one.port] });
  await eventually("they know each other", () => one.known.size === 2);
  for (const policy of POLICY_NAMES) {
    const rounds: Round[] = [];
    await using nina = await RttClient.connect({
      name: `Nina ${policy}`,
      servers: [one.address],
      policy,
      roundMs: 20,
      onRound: (round) => rounds.push(round),
    });
    assert([one.address, two.address].includes(nina.server!));
    await eventually("five rounds", () => rounds.length >= 5);
    for (const { server, trouble, times, load } of rounds[4]!.servers) {
      assertEquals([trouble, load, times.loss], [undefined, undefined, 0], server);
      assert(times.lowMs! > 0);
    }
    assertEquals(rounds[4]!.servers.length, 2);
  }
});

test("rtt client that cannot move stays where it is, and says why", async () => {
  let isUp = false;
  await using refusing = new OddServer({
    frame(party, frame) {
      if (!isUp) return void party[Symbol.asyncDispose]();
      if (answerQuestion(party, frame)) return;
      if (frame.type === FrameType.Echo) party.out.forward(frame, 0);
      else writeError(party.out, new NetlabError(ErrorCode.ServerClosing, "Cannot do it: full"));
    },
  });
  await using setting = await nearAndFar();
  await setting.near.close();
  const failed: [server: string, reason: unknown][] = [];
  await using alice = await RttClient.connect({
    name: "Alice",
    servers: [setting.far.address, refusing.address],
    roundMs: 20,
    minStayMs: 0,
    onMoveFailed: (...failure) => failed.push(failure),
  });
  assertEquals(alice.server, setting.far.address);
  isUp = true;
  await eventually("it cannot move", () => failed.length > 0);
  const [server, reason] = failed[0]!;
  assertEquals(server, refusing.address);
  assertInstanceOf(reason, NetlabError);
  assertEquals([reason.code, alice.server], [ErrorCode.ServerClosing, setting.far.address]);
});
