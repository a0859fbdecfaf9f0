/**
 * The holder of a name is asked for a sign of life wherever it is connected.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import {
  FrameType,
  Information,
  PresenceKind,
  UserKind,
  writeClock,
  writeInformationRequest,
} from "@netlab/protocol";
import {
  addressOf,
  chain,
  disconnectRules,
  servers,
  settle,
  VirtualNetwork,
  VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

function start(count: number, edges = chain(count), seed = 1) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, count, edges, { rules: disconnectRules });
  settle(network, nodes);
  return { network, nodes, node: (index: number) => nodes[index]! };
}

/** The machine of a user loses its power: the server hears nothing of it, not even the end. */
function powerOff(network: VirtualNetwork, user: TestUser, node: VirtualNode): void {
  network.silence(user.party, node.address);
}

/** The session keys by which each server finds a user. */
function keys(nodes: readonly VirtualNode[], name: string): (string | undefined)[] {
  return nodes.map(({ core }) => core.locations.locate(name)?.user.session);
}

/** Watches the questions for a sign of life that reach a user. */
function questionsTo(network: VirtualNetwork, user: TestUser) {
  return network.watch(({ to, frame }) =>
    to === user.party && frame.type === FrameType.InformationRequest &&
    frame.subtype === Information.Capabilities
  );
}

pureTest("the name of a user who lost power is free within 3 s on every server", () => {
  for (const legacy of [false, true]) {
    for (const at of [0, 1, 3]) {
      const { network, nodes, node } = start(4);
      const bob = new TestUser(network, "Bob").at(node(0));
      network.run(100);
      powerOff(network, bob, node(0));
      const next = new TestUser(network, "Bob", { legacy }).register(node(at));
      const holder = () => node(at).core.users.get("Bob")?.session;
      network.until(() => holder() !== undefined && holder() !== bob.session, 3_000);
      network.run(300);
      const key = node(at).core.users.get("Bob")!.session;
      assertEquals(keys(nodes, "Bob"), Array(4).fill(key));
      assertEquals([next.errors, next.text], [[], ""]);
    }
  }
});

pureTest("a living user keeps its name on every server, and the other is told at once", () => {
  const { network, nodes, node } = start(4);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(100);
  for (const at of [3, 1, 0]) {
    const eve = new TestUser(network, "Bob").register(node(at));
    assertLess(network.until(() => eve.errors.length > 0, 3_000), 100);
    assertEquals(eve.errorNames(), ["NameTaken"]);
    network.run(3_000);
  }
  assertEquals(keys(nodes, "Bob"), Array(4).fill(bob.session));
  assertEquals([bob.errors, bob.connection!.closed], [[], false]);
});

pureTest("a claim that is lost while servers find each other is made again", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const network = new VirtualNetwork(seed);
    const [first, second] = [0, 1].map((index) =>
      new VirtualNode(network, addressOf(index), { rules: disconnectRules })
    ) as [VirtualNode, VirtualNode];
    const peers = [first.address, second.address];
    network.separate(first.address, second.address);
    // The servers have met: a stranger is not believed about the past.
    const between = new VirtualNode(network, addressOf(2), { peers, rules: disconnectRules });
    settle(network, [first, second, between]);
    network.run(500);
    between.crash();
    network.run(100);
    const older = new TestUser(network, "Bob").at(first);
    network.run(10_000);
    const younger = new TestUser(network, "Bob").at(second);
    network.run(1_000);
    between.start();
    network.until(() => younger.errors.length > 0, 2_500);
    assertEquals([younger.errorNames(), older.errors], [["NameTaken"], []], `seed ${seed}`);
  }
});

pureTest("a thousand claims a second cause two questions a second", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(100);
  const asked = questionsTo(network, bob);
  const claims = network.watch(({ to, frame }) =>
    to === node(0).address && frame.type === FrameType.Presence &&
    frame.subtype === PresenceKind.Claim
  );
  const eves = nodes.map((at) => new TestUser(network, "Bob").register(at));
  for (let ms = 0; ms < 3_000; ms += 3) {
    for (const eve of eves) eve.claim();
    network.run(3);
  }
  assert(asked.length >= 2 && asked.length <= 7, `${asked.length} questions in 3 s`);
  assertLessOrEqual(claims.length, 14);
  network.run(1_000);
  for (const eve of eves) {
    assertEquals(new Set(eve.errorNames()), new Set(["NameTaken"]));
    assertEquals(eve.welcomes, 0);
  }
  assertEquals(keys(nodes, "Bob"), Array(3).fill(bob.session));
});

pureTest("of users who claim one name at several servers at once, one gets it", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { network, nodes, node } = start(4, undefined, seed);
    const bob = new TestUser(network, "Bob").at(node(1));
    network.run(100);
    powerOff(network, bob, node(1));
    const claimants = nodes.map((at) => new TestUser(network, "Bob").register(at));
    network.run(15_000);
    const holders = nodes.map(({ core }) => core.users.get("Bob")?.session).filter((key) => key);
    assertEquals(holders.length, 1, `seed ${seed}`);
    assertEquals(keys(nodes, "Bob"), Array(4).fill(holders[0]), `seed ${seed}`);
    const losers = claimants.filter(({ session }) => session !== holders[0]);
    assertEquals(losers.length, 3);
    for (const loser of losers) assert(loser.errorNames().includes("NameTaken"), `seed ${seed}`);
  }
});

pureTest("a session that moves while its name is claimed keeps it", () => {
  for (let delay = 0; delay <= 2_400; delay += 200) {
    const { network, nodes, node } = start(3);
    const bob = new TestUser(network, "Bob", { mute: true }).at(node(0));
    network.run(100);
    const eve = new TestUser(network, "Bob").register(node(2));
    network.run(delay);
    // The old connection hangs while the session registers elsewhere.
    powerOff(network, bob, node(0));
    const moved = new TestUser(network, "Bob", { key: bob.key }).register(node(1));
    network.run(12_000);
    const winner = delay < 2_200 ? moved.session : keys(nodes, "Bob")[0];
    assertEquals(keys(nodes, "Bob"), Array(3).fill(winner), `after ${delay} ms`);
    if (delay < 2_200) assertEquals(eve.welcomes, 0, `after ${delay} ms`);
  }
});

pureTest("the holder's server that cannot be reached any more does not keep the name", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(100);
  network.silence(node(0).address, node(1).address);
  const next = new TestUser(network, "Bob").register(node(2));
  network.until(() => next.welcomes > 0, 5_000);
  network.join(node(0).address, node(1).address);
  // The older user is alive: it has the name when the servers find each other again.
  settle(network, nodes);
  network.run(8_000);
  assertEquals(keys(nodes, "Bob"), Array(3).fill(bob.session));
  assertEquals([bob.errorNames(), next.errorNames()], [[], ["NameTaken"]]);
});

pureTest("when networks join, a living user keeps its name although a dead one is older", () => {
  for (const dead of [0, 3]) {
    const { network, nodes, node } = start(4);
    const bob = new TestUser(network, "Bob").at(node(dead));
    network.run(100);
    network.separate(node(1).address, node(2).address);
    network.run(20_000);
    powerOff(network, bob, node(dead));
    const next = new TestUser(network, "Bob").at(node(3 - dead));
    network.join(node(1).address, node(2).address);
    settle(network, nodes, 60_000);
    network.run(4_000);
    assertEquals(keys(nodes, "Bob"), Array(4).fill(next.session));
    assertEquals(next.errors, []);
  }
});

pureTest("a user to whom much data waits to be sent has more time to answer", () => {
  const { network, node } = start(2);
  const bob = new TestUser(network, "Bob", { mute: true }).at(node(0));
  network.run(100);
  // The connection is so slow that the question is behind data for several seconds.
  bob.connection!.pause();
  node(0).core.users.get("Bob")!.out.raw(new Uint8Array(500_000));
  const eve = new TestUser(network, "Bob").register(node(0));
  network.run(5_000);
  assertEquals([eve.errors, eve.welcomes], [[], 0]);
  bob.connection!.resume();
  writeInformationRequest(bob.connection!.out, Information.Users);
  network.run(100);
  assertEquals(eve.errorNames(), ["NameTaken"]);
  assertEquals(node(0).core.users.get("Bob")!.session, bob.session);
});

pureTest("a server that did not run for a while does not blame its users", () => {
  const { network, node } = start(1);
  const bob = new TestUser(network, "Bob", { mute: true }).at(node(0));
  const eve = new TestUser(network, "Bob").register(node(0));
  network.run(100);
  node(0).core.tick(network.now + 60_000);
  network.run(100);
  assertEquals([eve.errors, eve.welcomes], [[], 0]);
  assertEquals(node(0).core.users.get("Bob")!.session, bob.session);
});

pureTest("a user of an older server, which takes no claims, keeps its name at once", () => {
  const { network, node } = start(1);
  const peer = new ScriptedPeer(network, node(0));
  const session = network.uuid();
  peer.present([{ name: "Bob", kind: UserKind.Session, session, since: network.now }]);
  network.run(100);
  const eve = new TestUser(network, "Bob").register(node(0));
  network.run(50);
  assertEquals(eve.errorNames(), ["NameTaken"]);
  assertEquals(peer.got(FrameType.Presence, PresenceKind.Claim), []);
});

pureTest("a server that takes claims but does not answer keeps the name for its user", () => {
  const { network, node } = start(1);
  const peer = new ScriptedPeer(network, node(0), undefined, ["claim"]);
  const session = network.uuid();
  peer.present([{ name: "Bob", kind: UserKind.Session, session, since: network.now }]);
  network.run(100);
  const eve = new TestUser(network, "Bob").register(node(0));
  network.run(3_500);
  assertEquals(eve.errors, []);
  // A client waits five seconds.
  network.run(1_000);
  assertEquals(eve.errorNames(), ["NameTaken"]);
  assertEquals(peer.got(FrameType.Presence, PresenceKind.Claim).length, 4);
});

const HOUR = 3_600_000;

pureTest("the older user keeps its name although the clocks of the servers differ", () => {
  for (
    const clocks of [[HOUR, 0, 0], [-HOUR, 0, 0], [0, HOUR, -HOUR], [0, -HOUR, 30 * 24 * HOUR]]
  ) {
    for (const older of [0, 2]) {
      const network = new VirtualNetwork();
      const nodes = servers(network, 3, chain(3), (index) => ({ clockAheadMs: clocks[index]! }));
      const [a, b, c] = nodes.map(({ address }) => address) as [string, string, string];
      // The servers have met: a stranger is not believed about the past.
      settle(network, nodes);
      network.run(500);
      network.separate(older === 0 ? b : a, older === 0 ? c : b);
      const bob = new TestUser(network, "Bob").at(nodes[older]!);
      network.run(20_000);
      const late = new TestUser(network, "Bob").at(nodes[2 - older]!);
      network.run(1_000);
      network.join(older === 0 ? b : a, older === 0 ? c : b);
      settle(network, nodes, 60_000);
      network.run(6_000);
      assertEquals(keys(nodes, "Bob"), Array(3).fill(bob.session), `${clocks}`);
      assertEquals([bob.errorNames(), late.errorNames()], [[], ["NameTaken"]], `${clocks}`);
    }
  }
});

pureTest("of two users who took a name at the same time, exactly one keeps it", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const network = new VirtualNetwork(seed);
    network.latency = () => 40 + 20 * network.random();
    const nodes = servers(network, 2, [], (index) => ({ clockAheadMs: index * HOUR }));
    const users = nodes.map((node) => new TestUser(network, "Bob").dial(node));
    for (const user of users) user.claim();
    network.run(500);
    network.join(nodes[0]!.address, nodes[1]!.address);
    settle(network, nodes, 60_000);
    network.run(8_000);
    const [first] = keys(nodes, "Bob");
    assertEquals(keys(nodes, "Bob"), [first, first], `seed ${seed}`);
    assertEquals(users.filter(({ errors }) => errors.length > 0).length, 1, `seed ${seed}`);
  }
});

pureTest("a session that moves takes its age along, whatever the clocks show", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, undefined, (index) => ({ clockAheadMs: index * HOUR }));
  settle(network, nodes);
  const bob = new TestUser(network, "Bob").at(nodes[0]!);
  network.run(10_000);
  bob.at(nodes[1]!);
  network.run(1_000);
  for (const [index, { core }] of nodes.entries()) {
    const { since } = core.locations.locate("Bob")!.user;
    const age = network.now + index * HOUR - since;
    assert(age > 10_500 && age < 11_500, `server ${index}: ${age} ms`);
  }
});

pureTest("a server whose clock cannot be right does not confuse the others", () => {
  const { network, node } = start(1);
  const peer = new ScriptedPeer(network, node(0));
  const user = { kind: UserKind.Session, session: network.uuid() };
  writeClock(peer.out, 0);
  peer.present([{ ...user, name: "Ann", since: 2 ** 53 - 1 }]);
  network.run(50);
  writeClock(peer.out, 2 ** 53 - 1);
  peer.present([{ ...user, name: "Bob", since: 0 }], { version: 2 });
  network.run(50);
  const { since } = node(0).core.locations.locate("Bob")!.user;
  assertEquals(since, 0);
  assert(!peer.connection.closed);
});
