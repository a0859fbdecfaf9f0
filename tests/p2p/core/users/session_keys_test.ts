/**
 * A session's key stays between its client and that client's server. Other servers learn the id that follows from
 * it, and a proof when the session moves.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  Capability,
  DisconnectKind,
  FrameType,
  PresenceKind,
  readNameClaim,
  readPresenceChanges,
  readPresenceSnapshot,
  sessionIdOf,
  UserKind,
  type UserRecord,
  writeDisconnect,
  writeNameClaim,
  writePresenceChanges,
  writePresenceDigest,
} from "@netlab/protocol";
import {
  chain,
  disconnectRules,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest as test } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

function start(count: number) {
  const network = new VirtualNetwork();
  const nodes = servers(network, count, chain(count), { rules: disconnectRules });
  settle(network, nodes);
  return { network, nodes, node: (index: number) => nodes[index]! };
}

function places(nodes: readonly VirtualNode[], name: string): (string | undefined)[] {
  return nodes.map(({ core }) => core.locations.locate(name)?.server);
}

/** A key as clients before session ids made it. */
function olderKey(network: VirtualNetwork): string {
  return network.uuid().replace(/^(.{14})./, "$17");
}

/** The users that a server has announced to a peer, by name. */
function announced(peer: ScriptedPeer, { core }: VirtualNode): Map<string, UserRecord> {
  const users = new Map<string, UserRecord>();
  for (
    const { subtype, payload } of peer.frames.filter(({ type }) => type === FrameType.Presence)
  ) {
    const [server, records] = subtype === PresenceKind.Snapshot
      ? [readPresenceSnapshot(payload).server, readPresenceSnapshot(payload).users]
      : subtype === PresenceKind.Changes
      ? [readPresenceChanges(payload).server, readPresenceChanges(payload).changes]
      : ["", []];
    if (server === core.id) { for (const user of records) users.set(user.name, user); }
  }
  return users;
}

test("no frame between servers contains the key of a session, whatever the session does", () => {
  const { network, nodes, node } = start(3);
  const keys = new Set<string>();
  let between = 0;
  network.watch(({ from, to, frame }) => {
    if (!from.startsWith("10.") || !to.startsWith("10.")) return false;
    between++;
    const hex = frame.payload.toHex();
    for (const key of keys) assert(!hex.includes(key.replaceAll("-", "")), `${frame.type}`);
    return false;
  });
  const user = (name: string, key?: string) => {
    const created = new TestUser(network, name, key === undefined ? {} : { key });
    keys.add(created.key);
    return created;
  };
  const bob = user("Bob").at(node(0));
  const ann = user("Ann").at(node(2));
  ann.send("Bob", "one");
  network.run(200);
  bob.at(node(1));
  user("Bob").register(node(2));
  ann.send("Bob", "two");
  network.run(4_000);
  network.silence(bob.party, node(1).address);
  user("Bob", bob.key).at(node(2));
  network.run(8_000);
  node(0).crash();
  node(0).start();
  settle(network, nodes, 60_000);
  assert(between > 100);
});

test("a session that has lost its old connection is found at its new server at once", () => {
  const { network, nodes, node } = start(4);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  network.silence(bob.party, node(0).address);
  bob.at(node(3));
  const there = () => places(nodes, "Bob").every((id) => id === node(3).core.id);
  assertLess(network.until(there, 5_000), 100);
  network.run(10_000);
  assert(there());
  assertEquals(node(0).core.users.get("Bob"), undefined);
});

test("a proof that is lost is sent again", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  const proofs = network.watch(({ frame }) =>
    frame.type === FrameType.Presence && frame.subtype === PresenceKind.Claim
  );
  network.silence(bob.party, node(0).address);
  network.separate(node(1).address, node(2).address);
  network.run(50);
  bob.at(node(2));
  network.join(node(1).address, node(2).address);
  settle(network, nodes, 60_000);
  network.run(10_000);
  assertEquals(places(nodes, "Bob"), Array(3).fill(node(2).core.id));
  assert(proofs.every(({ frame }) => readNameClaim(frame.payload).proof));
});

test("a proof that is sent again later by someone else moves nothing", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  const proofs = network.watch(({ to, frame }) =>
    to === node(0).address && frame.type === FrameType.Presence &&
    frame.subtype === PresenceKind.Claim
  );
  bob.at(node(2));
  network.run(5_000);
  const claim = readNameClaim(proofs[0]!.frame.payload);
  bob.at(node(0));
  network.run(5_000);
  assertEquals(places(nodes, "Bob"), Array(3).fill(node(0).core.id));
  const liar = new ScriptedPeer(network, node(0), undefined, [Capability.Claim]);
  writeNameClaim(liar.out, PresenceKind.Claim, claim, 1);
  writeNameClaim(liar.out, PresenceKind.Claim, { ...claim, from: liar.id }, 1);
  network.run(5_000);
  assertEquals(places(nodes, "Bob"), Array(3).fill(node(0).core.id));
  assertEquals([bob.errors, bob.connection!.closed], [[], false]);
});

test("a session stays at its server when the one that it moved to is gone at once", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  const old = bob.connection!;
  bob.at(node(2));
  network.until(() => places(nodes, "Bob")[0] === node(2).core.id);
  node(2).crash();
  network.run(6_000);
  assertEquals(node(1).core.locations.locate("Bob")?.server, node(0).core.id);
  assert(!old.closed);
});

test("a session that an older server announces counts as moved when the user signs off", () => {
  const { network, node } = start(1);
  for (const [i, key] of [olderKey(network), network.uuid()].entries()) {
    const bob = new TestUser(network, "Bob", { key }).at(node(0));
    network.run(1_000);
    const peer = new ScriptedPeer(network, node(0), `10.0.8.${i}:5001`);
    const record = { name: "Bob", kind: UserKind.Session, session: sessionIdOf(key), since: 1 };
    peer.present([record]);
    writePresenceDigest(peer.out, []);
    network.run(100);
    assertEquals(announced(peer, node(0)).get("Bob")?.session, sessionIdOf(key));
    assertEquals(node(0).core.locations.locate("Bob")?.server, node(0).core.id);
    writeDisconnect(bob.connection!.out, "Bob", DisconnectKind.Move);
    network.run(100);
    assertEquals(node(0).core.locations.locate("Bob")?.server, peer.id);
    // It comes back: the older server takes no claims, so nothing but the id shows that it is the same session.
    bob.at(node(0));
    assertEquals(bob.errors, []);
    const gone = { ...record, kind: UserKind.Gone };
    writePresenceChanges(peer.out, { server: peer.id, version: 2, changes: [gone] });
    bob.connection!.end();
    peer.connection.end();
    network.run(100);
  }
});

test("a session that another server announces without proof stays while its user is alive", () => {
  const { network, node } = start(1);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  const peer = new ScriptedPeer(network, node(0), undefined, [Capability.Claim]);
  peer.present([{ name: "Bob", kind: UserKind.Session, session: bob.session, since: 1 }]);
  network.run(10_000);
  assertEquals(node(0).core.locations.locate("Bob")?.server, node(0).core.id);
  network.silence(bob.party, node(0).address);
  peer.present([{ name: "Bob", kind: UserKind.Session, session: bob.session, since: 2 }], {
    version: 2,
  });
  network.run(5_000);
  assertEquals(node(0).core.locations.locate("Bob")?.server, peer.id);
});

test("a registration with another session's id is not that session", () => {
  const { network, node } = start(2);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(100);
  for (const at of [0, 1]) {
    const thief = new TestUser(network, "Bob", { key: bob.session }).register(node(at));
    network.run(3_000);
    assertEquals([thief.errorNames(), thief.welcomes], [["NameTaken"], 0]);
  }
  assertEquals([bob.errors, bob.connection!.closed], [[], false]);
});
