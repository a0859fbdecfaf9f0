/**
 * On a network with keys, servers pass on the users of others as these have signed them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, readStatement } from "@netlab/protocol";
import {
  addressOf,
  chain,
  servers,
  settle,
  VirtualKeys,
  VirtualNetwork,
  VirtualNode,
} from "@netlab/lab/simulator";
import { FrameSource } from "../../../../lab/fuzz/frame_source.ts";
import { pureTest as test } from "../../../kinds.ts";
import { SignedPeer } from "../signed_peer.ts";
import { TestUser } from "../test_user.ts";

function start(count: number, edges?: [number, number][], seed = 1) {
  const network = new VirtualNetwork(seed);
  const keys = new VirtualKeys(network);
  const nodes = servers(network, count, edges, { keys });
  settle(network, nodes);
  return { network, keys, nodes };
}

test("signed presence reaches every server and those that come later, also after many changes", () => {
  const { network, keys, nodes } = start(3, chain(3));
  const signed = network.watch(({ from, frame }) =>
    from === nodes[0]!.address && frame.type === FrameType.Statement && frame.subtype === 0 &&
    readStatement(frame.payload, false).frames[0] === FrameType.Presence
  );
  // Users who come and go make the changes longer than the list, several times.
  for (let round = 0; round < 8; round++) {
    const users = Array.from({ length: 120 }, (_, n) => {
      const name = `User ${round} ${n} ${"x".repeat(100)}`;
      return new TestUser(network, name, { mute: true }).register(nodes[0]!);
    });
    network.run(200);
    if (round < 7) { for (const user of users) user.connection!.end(); }
    network.run(200);
    for (const node of nodes) assertEquals(node.users().length, round < 7 ? 0 : 120);
  }
  const lists = signed.filter(({ frame }) => {
    const { frames } = readStatement(frame.payload, false);
    return frames[1] === 0;
  });
  assert(lists.length >= 2, "the list is signed again");
  const late = new VirtualNode(network, addressOf(3), { keys, peers: [nodes[2]!.address] });
  for (const node of nodes.slice(0, 2)) network.separate(node.address, late.address);
  settle(network, [...nodes, late]);
  network.run(2_000);
  assertEquals(late.users(), nodes[0]!.users());
  // It knows them from the server in between, and gets changes as others do.
  new TestUser(network, "Late").register(nodes[0]!);
  network.run(1_000);
  assert(late.users().includes("Late"));
});

test("users who come in one event loop turn share a signature", () => {
  const { network, nodes } = start(2);
  const changes = network.watch(({ from, frame }) =>
    from === nodes[0]!.address && frame.type === FrameType.Statement
  );
  const { core } = nodes[0]!;
  for (let n = 0; n < 50; n++) {
    core.mesh.publish({
      server: core.id,
      version: n + 1,
      changes: [{ name: `User ${n}`, kind: 1, session: core.id, since: 1 }],
    });
  }
  core.flush();
  network.run(100);
  assertEquals(changes.length, 1);
  assertEquals(nodes[1]!.core.mesh.peerCount, 1);
});

test("a storm of moves, crashes and cut links leaves all servers of a network with keys agreed", () => {
  const { network, nodes } = start(4, undefined, 7);
  const names = ["Ann", "Bob", "Cid", "Dan", "Eve"];
  const users = names.map((name, n) => new TestUser(network, name).at(nodes[n % 4]!));
  for (let step = 0; step < 30; step++) {
    const node = nodes[step % 4]!;
    if (step % 5 === 4) {
      node.crash();
      network.run(300);
      node.start();
    }
    const user = users[step % users.length]!;
    user.connection?.abort();
    network.run(100);
    user.at(nodes[(step + 1) % 4]!);
    network.run(200);
  }
  network.run(20_000);
  for (const user of users) if (user.connection!.closed) user.at(nodes[0]!);
  network.run(5_000);
  for (const node of nodes) assertEquals(node.users(), names);
  const id = users[0]!.send("Eve", "hello");
  network.run(2_000);
  assert(users[0]!.isDelivered(id));
});

test("frames of any kind in correct statements end only the link of who signed them", () => {
  const addresses = ["10.0.0.1:5001", "10.0.9.9:5001"];
  const { network, keys, nodes } = start(2);
  const source = new FrameSource(5, addresses);
  let count = 0;
  for (let round = 0; round < 60; round++) {
    network.dial(addresses[1]!, nodes[0]!.address, {
      connected: (connection) => {
        const signing = keys.createKey();
        const peer = new SignedPeer(connection.out, signing, "keys", addresses[1]!, "server");
        connection.start({ frame: (frame) => peer.received(frame) });
        peer.begin();
        network.after(50, () => {
          for (let n = 0; n < 20 && !connection.closed; n++, count++) {
            const frames = source.signed(n % 3);
            if (n % 2 === 0) peer.say(() => {}, { frames });
            else peer.sayTo(nodes[n % 4 === 1 ? 0 : 1]!.core.id, () => {}, { frames });
          }
        });
      },
      failed: (reason) => {
        throw new Error(reason);
      },
    });
    network.run(200);
  }
  assert(count > 200);
  network.run(3_000);
  assert(nodes[0]!.linkTo(nodes[1]!));
  const [ann, bob] = ["Ann", "Bob"].map((name, n) => new TestUser(network, name).at(nodes[n]!));
  network.run(500);
  const id = ann!.send("Bob", "hello");
  network.run(1_000);
  assert(ann!.isDelivered(id));
  assertEquals(bob!.textsFrom("Ann"), ["hello"]);
});
