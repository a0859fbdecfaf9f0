/**
 * What a server knows of an address is checked again, because the address may lead elsewhere later.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  FrameType,
  PresenceKind,
  Registration,
  UserKind,
  writePresenceDigest,
} from "@netlab/protocol";
import { addressOf, servers, settle, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest as test } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import { ScriptedPeer } from "../scripted_peer.ts";

const ALIAS = "chat.example:5001";
/** Longer than what is known of an address is kept. */
const LONG_MS = 301_000;

/** Lets an address lead to a server. */
function lead(network: VirtualNetwork, address: string, node: VirtualNode): void {
  network.listen(address, (connection) => {
    const link = node.core.accepted(connection, "10.0.0.1");
    connection.start({
      frame: (frame) => node.core.received(link, frame),
      flush: () => node.core.flush(),
      ended: () => node.core.closed(link),
      gone: () => node.core.closed(link),
    });
  });
}

test("an address that led to the server itself is dialled again, and may lead to another", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0), { peers: [ALIAS] });
  lead(network, ALIAS, node);
  network.run(60_000);
  assertEquals(node.neighbours(), []);
  const other = new VirtualNode(network, addressOf(1));
  lead(network, ALIAS, other);
  network.until(() => node.linkTo(other) !== undefined, LONG_MS);
});

test("an address of a linked server is dialled again, and may lead to another", () => {
  const network = new VirtualNetwork();
  const other = new VirtualNode(network, addressOf(1));
  const node = new VirtualNode(network, addressOf(0), { peers: [addressOf(1), ALIAS] });
  lead(network, ALIAS, other);
  network.run(60_000);
  assertEquals(node.neighbours(), [other.address]);
  node.events.length = 0;
  const third = new VirtualNode(network, addressOf(2));
  lead(network, ALIAS, third);
  network.until(() => node.linkTo(third) !== undefined, LONG_MS);
  assert(node.linkTo(other));
  assert(!node.events.includes("link.down"));
});

test("a linked server is checked without a second link, and without an end of the first", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3);
  settle(network, nodes);
  const [a, b] = nodes as [VirtualNode, VirtualNode, VirtualNode];
  const link = a.linkTo(b);
  const registrations = network.watch(({ frame }) =>
    frame.type === FrameType.Registration && frame.subtype === Registration.Peer
  );
  network.run(4 * LONG_MS);
  assertEquals(registrations.length, 0);
  assertEquals(a.linkTo(b), link);
  for (const node of nodes) assertEquals(node.connections, 2);
});

test("a linked server whose other address answers no more keeps its link", () => {
  const network = new VirtualNetwork();
  const other = new VirtualNode(network, addressOf(1));
  const node = new VirtualNode(network, addressOf(0), { peers: [addressOf(1), ALIAS] });
  lead(network, ALIAS, other);
  network.run(60_000);
  node.events.length = 0;
  network.unlisten(ALIAS);
  network.run(4 * LONG_MS);
  assertEquals(node.neighbours(), [other.address]);
  assert(!node.events.includes("link.down"));
});

test("a legacy server that is replaced by a netlab server, and back, is found as what it is", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0), { peers: [addressOf(1)] });
  const old = new LegacyServer(network, addressOf(1));
  network.until(() => node.events.includes("legacy.found"), 5_000);
  old.crash();
  const other = new VirtualNode(network, addressOf(1));
  network.until(() => node.linkTo(other) !== undefined, 5_000);
  other.crash();
  node.events.length = 0;
  new LegacyServer(network, addressOf(1));
  network.until(() => node.events.includes("legacy.found"), 5_000);
});

test("users whose server is unknown are not passed on to other servers", () => {
  const network = new VirtualNetwork();
  const node = new VirtualNode(network, addressOf(0));
  const peer = new ScriptedPeer(network, node);
  const server = network.uuid();
  const user = { name: "Bob", kind: UserKind.Session, session: network.uuid(), since: 1 };
  peer.present([user], { server });
  const snapshots = () => {
    peer.frames.length = 0;
    writePresenceDigest(peer.out, []);
    network.run(50);
    return peer.got(FrameType.Presence, PresenceKind.Snapshot).length;
  };
  // A peer speaks only for itself, and for servers behind it.
  assertEquals(snapshots(), 1);
});
