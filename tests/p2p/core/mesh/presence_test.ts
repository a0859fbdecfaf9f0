/**
 * Every server knows the users of every other: from snapshots, from changes, and after gaps.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  FrameType,
  PresenceKind,
  readPresenceDigest,
  UserKind,
  type UserRecord,
  writePresenceChanges,
} from "@netlab/protocol";
import {
  addressOf,
  chain,
  ring,
  servers,
  settle,
  VirtualNetwork,
  VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

function record(network: VirtualNetwork, name: string): UserRecord {
  return { name, kind: UserKind.Session, session: network.uuid(), since: network.now };
}

function start(count: number, edges?: [number, number][], seed = 1) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, count, edges);
  settle(network, nodes);
  return { network, nodes, node: (index: number) => nodes[index]! };
}

pureTest("presence of earlier users arrives when a link comes up", () => {
  const network = new VirtualNetwork();
  const a = new VirtualNode(network, addressOf(0));
  for (const name of ["Ann", "Bob"]) new TestUser(network, name).at(a);
  const b = new VirtualNode(network, addressOf(1), { peers: [a.address] });
  const snapshots = network.watch(({ to, frame }) =>
    to === b.address && frame.type === FrameType.Presence &&
    frame.subtype === PresenceKind.Snapshot
  );
  network.run(1_000);
  assertEquals(b.users(), ["Ann", "Bob"]);
  assertEquals(snapshots.length, 1);
});

pureTest("presence changes reach every server, through others where there is no link", () => {
  const { network, nodes, node } = start(5, ring(5));
  // Servers whose route has changed compare what they know.
  network.run(2_000);
  const changes = network.watch(({ frame }) => frame.type === FrameType.Presence);
  const ann = new TestUser(network, "Ann").at(node(0));
  network.run(50);
  for (const each of nodes) assertEquals(each.users(), ["Ann"]);
  assert(changes.length <= 6, "a change goes over each link of a ring, and over one twice");
  assert(changes.every(({ frame }) => frame.subtype === PresenceKind.Changes));
  ann.connection!.end();
  network.run(50);
  for (const each of nodes) assertEquals(each.users(), []);
});

pureTest("presence of more users than fit into a frame is sent in several parts", () => {
  const network = new VirtualNetwork();
  const a = new VirtualNode(network, addressOf(0));
  const names = Array.from({ length: 500 }, (_, i) => `User ${String(i).padStart(3, "0")}`);
  for (const name of names) new TestUser(network, name, { mute: true }).register(a);
  network.run(100);
  const nodes = [1, 2].map((index) =>
    new VirtualNode(network, addressOf(index), { peers: [addressOf(index - 1)] })
  );
  network.separate(addressOf(0), addressOf(2));
  settle(network, [a, ...nodes]);
  assertEquals(nodes[0]!.users(), names);
  assertEquals(nodes[1]!.users(), names);
});

pureTest("presence that lacks a change is requested, and complete after the answer", () => {
  const { network, node } = start(2);
  const peer = new ScriptedPeer(network, node(0));
  const users = ["Ann", "Bob", "Cid"].map((name) => record(network, name));
  peer.present([]);
  network.run(50);
  const asked = peer.got(FrameType.Presence, PresenceKind.Digest).length;
  writePresenceChanges(peer.out, { server: peer.id, version: 3, changes: [users[1]!] });
  writePresenceChanges(peer.out, { server: peer.id, version: 4, changes: [users[2]!] });
  network.run(50);
  assertEquals(node(1).users(), []);
  const digests = peer.got(FrameType.Presence, PresenceKind.Digest).slice(asked);
  assertEquals(digests.length, 1, "asked once, while the answer is in flight");
  const versions = readPresenceDigest(digests[0]!.payload);
  assertEquals(versions.find(({ server }) => server === peer.id)?.version, 1);
  peer.present(users, { version: 4 });
  network.run(50);
  assertEquals([node(0).users(), node(1).users()], Array(2).fill(["Ann", "Bob", "Cid"]));
});

pureTest("presence that is still missing after a while is requested again", () => {
  const { network, node } = start(1);
  const peer = new ScriptedPeer(network, node(0));
  peer.present([]);
  network.run(50);
  const digests = () => peer.got(FrameType.Presence, PresenceKind.Digest).length;
  const before = digests();
  for (const version of [5, 6, 7]) {
    const changes = [record(network, `User ${version}`)];
    writePresenceChanges(peer.out, { server: peer.id, version, changes });
    network.run(600);
  }
  assertEquals(digests(), before + 3);
});

pureTest("presence of a dead server is remembered by others but never used", () => {
  const { network, node } = start(3, chain(3));
  new TestUser(network, "Bob").at(node(2));
  network.run(50);
  node(2).crash();
  network.run(50);
  // A newcomer hears of the dead server from those who knew it.
  const late = new VirtualNode(network, addressOf(7), { peers: [addressOf(0), addressOf(1)] });
  network.run(1_000);
  for (const each of [node(0), node(1), late]) {
    assertEquals(each.users(), []);
    assertEquals(each.core.locations.locate("Bob"), undefined);
  }
  const bob = new TestUser(network, "Bob", { legacy: true }).at(late);
  network.run(50);
  assertEquals(bob.text, "");
  assertEquals(node(0).users(), ["Bob"]);
});

pureTest("presence follows a server that restarts under a new id", () => {
  const { network, node } = start(3, chain(3));
  new TestUser(network, "Bob").at(node(2));
  network.run(50);
  node(2).crash();
  node(2).start();
  const eve = new TestUser(network, "Eve").at(node(2));
  network.until(() => node(0).users().length > 0);
  assertEquals(node(0).users(), ["Eve"]);
  assertEquals(eve.welcomes, 1);
  network.run(201_000);
  assertEquals(node(0).users(), ["Eve"]);
  assertEquals([...node(0).core.topology.announcements()].length, 3, "the old id is forgotten");
});

pureTest("presence reaches a new server although a link was down when it started", () => {
  const { network, node } = start(3, chain(3));
  new TestUser(network, "Bob").at(node(2));
  network.run(50);
  // Server 1 knows server 2's users, but cannot reach it when server 0 links anew.
  network.separate(node(1).address, node(2).address);
  node(0).crash();
  node(0).start();
  network.until(() => node(0).neighbours().length === 1);
  network.run(1_000);
  assertEquals(node(0).users(), []);
  network.join(node(1).address, node(2).address);
  network.until(() => node(0).core.topology.reaches(node(2).core.id), 10_000);
  network.run(1_000);
  assertEquals(node(0).users(), ["Bob"]);
});

/**
 * Servers in a row, with a user at the last one. The first server is cut off until it forgets the others.
 * It then comes back to the second one before the rest does.
 */
function forgetAndComeBack(count: number, name: string): ReturnType<typeof start> {
  const started = start(count, chain(count));
  const { network, node } = started;
  const [a, b, c] = [node(0).address, node(1).address, node(2).address];
  new TestUser(network, name).at(node(count - 1));
  network.run(50);
  network.separate(a, b);
  network.run(230_000);
  network.separate(b, c);
  network.join(a, b);
  network.until(() => node(0).linkTo(node(1)) !== undefined, 31_000);
  network.run(20_000);
  network.join(b, c);
  network.until(() => node(0).core.topology.reaches(node(2).core.id), 31_000);
  network.run(1_000);
  return started;
}

pureTest(
  "presence that was forgotten comes back with its server, although servers between remember it",
  () => {
    const { node } = forgetAndComeBack(3, "Bob");
    assertEquals(node(1).users(), ["Bob"]);
    assertEquals(node(0).users(), ["Bob"]);
  },
);

pureTest("presence of distant servers comes back too, although nothing changed there", () => {
  const { node } = forgetAndComeBack(4, "Dan");
  assertEquals(node(0).core.servers().length, 4);
  assertEquals(node(0).users(), ["Dan"]);
});

pureTest(
  "presence keeps the older of two users with one name when two networks join, and the other is told",
  () => {
    for (const younger of [0, 3]) {
      const network = new VirtualNetwork();
      const nodes = servers(network, 4, chain(4));
      settle(network, nodes);
      network.separate(addressOf(1), addressOf(2));
      network.run(50);
      const older = new TestUser(network, "Bob").at(nodes[3 - younger]!);
      network.run(1_000);
      const late = new TestUser(network, "Bob").at(nodes[younger]!);
      network.run(1_000);
      assertEquals([older.errorNames(), late.errorNames()], [[], []]);
      network.join(addressOf(1), addressOf(2));
      settle(network, nodes, 31_000);
      assertEquals(older.errorNames(), []);
      assertEquals(late.errorNames(), ["NameTaken"]);
      assertEquals(late.errors[0]!.fatal, true);
      assert(late.connection!.closed);
      for (const node of nodes) {
        const { server, user } = node.core.locations.locate("Bob")!;
        assertEquals([server, user.session], [nodes[3 - younger]!.core.id, older.session]);
      }
    }
  },
);

pureTest(
  "presence gives a name that two users registered at one moment to the same one everywhere",
  () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { network, nodes } = start(3, undefined, seed);
      const users = nodes.map((node) =>
        new TestUser(network, "Bob", { legacy: seed % 2 === 0 }).dial(node)
      );
      for (const user of users) user.register(nodes[users.indexOf(user)]!);
      network.run(500);
      const serversOfBob = nodes.filter(({ core }) => core.users.get("Bob"));
      assertEquals(serversOfBob.length, 1, `seed ${seed}`);
      for (const { core } of nodes) {
        assertEquals(core.locations.locate("Bob")?.server, serversOfBob[0]!.core.id);
      }
    }
  },
);
