/**
 * News of servers comes from where it is believed, and only from there.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  FrameType,
  LinkStateKind,
  MessageKind,
  PresenceKind,
  readLinkStateVersion,
  readPresenceChanges,
  UserKind,
  type UserRecord,
  writePresenceSnapshot,
} from "@netlab/protocol";
import { LIMITS } from "@netlab/p2p/core";
import {
  addressOf,
  ring,
  servers,
  settle,
  VirtualNetwork,
  VirtualNode,
} from "@netlab/lab/simulator";
import { seeded } from "@netlab/lab/random";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

const SERVERS = 6;
/** Within this time, servers tell each other what they need: milliseconds. */
const TOLD_MS = 2_000;

function start(count: number, edges?: [number, number][], seed = 1) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, count, edges);
  settle(network, nodes);
  network.run(TOLD_MS);
  return { network, nodes };
}

pureTest("a user who joins a full mesh is announced to each other server once", () => {
  const { network, nodes } = start(SERVERS);
  const changes = network.watch(({ frame }) =>
    frame.type === FrameType.Presence && frame.subtype === PresenceKind.Changes
  );
  new TestUser(network, "Ann").at(nodes[0]!);
  network.run(1_000);
  assertEquals(changes.length, SERVERS - 1);
  for (const node of nodes) assertEquals(node.users(), ["Ann"]);
});

pureTest("a link state that is repeated reaches each server of a full mesh once", () => {
  const { network } = start(SERVERS);
  network.run(20_000);
  const versions = new Map<string, number>();
  network.watch(({ frame }) => {
    if (frame.type !== FrameType.LinkState || frame.subtype !== LinkStateKind.Links) return false;
    const { server, version } = readLinkStateVersion(frame.payload);
    const key = `${server} ${version}`;
    versions.set(key, (versions.get(key) ?? 0) + 1);
    return false;
  });
  network.run(180_000);
  assert(versions.size >= 3 * SERVERS, `${versions.size} announcements`);
  assertEquals(new Set(versions.values()), new Set([SERVERS - 1]));
});

pureTest("news comes from another peer as soon as the peer that sent it is lost", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { network, nodes } = start(4, ring(4), seed);
    const [near, one, far, other] = nodes as [VirtualNode, VirtualNode, VirtualNode, VirtualNode];
    const next = near.core.mesh.nextHop(far.core.id)!.address;
    const lost = next === one.address ? one : other;
    // The link is lost while the users change, so that some changes are on their way.
    const random = seeded(seed);
    for (let number = 0; number < 20; number++) {
      const user = new TestUser(network, `user ${number}`).dial(far);
      network.after(20 * random(), () => user.claim());
    }
    network.after(10, () => network.separate(near.address, lost.address));
    network.run(2_000);
    assertEquals(near.users(), far.users(), `seed ${seed}`);
    assertEquals(near.users().length, 20);
  }
});

pureTest("servers agree on all users although links come and go while users change", () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { network, nodes } = start(SERVERS, undefined, seed);
    const random = seeded(seed);
    const any = () => nodes[Math.floor(random() * SERVERS)]!;
    const joined: TestUser[] = [];
    for (let step = 0; step < 200; step++) {
      const [a, b] = [any().address, any().address];
      if (a !== b) {
        network.separate(a, b);
        network.after(2_000 * random(), () => network.join(a, b));
      }
      if (random() < 0.7) joined.push(new TestUser(network, `user ${step}`).at(any()));
      else joined.splice(Math.floor(random() * joined.length), 1)[0]?.connection?.close();
      network.run(100 * random());
    }
    network.run(20_000);
    const users = joined.map(({ name }) => name).sort();
    for (const node of nodes) assertEquals(node.users(), users, `seed ${seed}`);
  }
});

pureTest("an older peer is not told what is not needed, and gets all news", () => {
  const { network, nodes } = start(3);
  const [first, second] = nodes;
  const peer = new ScriptedPeer(network, first!);
  // The peer repeats what the first server hears from the second itself.
  const state = first!.core.topology.get(second!.core.id)!;
  for (let at = 0; at < 10; at++) {
    peer.announce(state);
    network.run(300);
  }
  new TestUser(network, "Ann").at(second!);
  network.run(1_000);
  const presence = peer.frames.filter(({ type }) => type === FrameType.Presence);
  assertEquals(presence.filter(({ subtype }) => subtype === PresenceKind.Unneeded), []);
  const changes = presence.filter(({ subtype }) => subtype === PresenceKind.Changes);
  assertEquals(
    changes.flatMap(({ payload }) => readPresenceChanges(payload).changes.map(({ name }) => name)),
    ["Ann"],
  );
});

pureTest("ownLinks: many servers form a sparse mesh, in which each still reaches all", () => {
  assertEquals(LIMITS.ownLinks.default, 16);
  const count = 14;
  const ownLinks = 4;
  const network = new VirtualNetwork(3);
  const nodes = Array.from({ length: count }, (_, index) => {
    const peers = [addressOf((index + 1) % count)];
    return new VirtualNode(network, addressOf(index), {
      ...{ network: "many", peers, limits: { ownLinks } },
    });
  });
  settle(network, nodes, 30_000);
  network.run(5_000);
  const links = nodes.map((node) => node.neighbours().length);
  assert(Math.min(...links) >= ownLinks, `${links}`);
  assert(links.reduce((sum, more) => sum + more) / count < 2 * ownLinks, `${links}`);
  // A server that loses all its peers at once looks for others.
  const peers = nodes[0]!.neighbours();
  for (const node of nodes) if (peers.includes(node.address)) node.crash();
  const left = nodes.filter(({ isRunning }) => isRunning);
  network.until(
    () => left.every(({ core }) => core.topology.routes().size === left.length - 1),
    30_000,
  );
});

pureTest("servers link to all that they were told of, however many", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 20);
  settle(network, nodes);
  network.run(2_000);
  assertEquals(new Set(nodes.map((node) => node.neighbours().length)), new Set([19]));
});

pureTest(
  "a message on its way to a server whose new list lacks the recipient is sent to another",
  () => {
    const network = new VirtualNetwork();
    const node = new VirtualNode(network, addressOf(0));
    const before = new ScriptedPeer(network, node, "10.0.9.8:5001");
    const after = new ScriptedPeer(network, node, "10.0.9.9:5001");
    const bob = {
      ...{ name: "Bob", kind: UserKind.Session, session: network.uuid(), since: network.now },
    };
    const list = (peer: ScriptedPeer, version: number, users: UserRecord[]) => {
      writePresenceSnapshot(peer.out, { server: peer.id, version, part: 0, parts: 1, users });
      network.run(100);
    };
    list(before, 1, [bob]);
    list(after, 1, [bob]);
    const alice = new TestUser(network, "Alice").at(node);
    alice.send("Bob", "Hello");
    network.run(500);
    const messages = (peer: ScriptedPeer) =>
      peer.frames.filter(({ type, subtype }) =>
        type === FrameType.Message && subtype === MessageKind.Outbound
      ).length;
    assertEquals([messages(before), messages(after)], [1, 0]);
    list(before, 2, []);
    network.run(500);
    assertEquals([messages(before), messages(after)], [1, 1]);
  },
);
