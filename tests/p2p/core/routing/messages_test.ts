/**
 * Messages reach their recipients directly or through other servers, in order, and over no more links
 * than the hop limit.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  HEADER_BYTES,
  MessageKind,
  OUTBOUND_HEADER_BYTES,
  ReceiptState,
  UserKind,
} from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { MAX_HOPS } from "../../../../p2p/core/mesh/server_network.ts";
import { between, seeded } from "@netlab/lab/random";
import {
  chain,
  ring,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

function start(count: number, edges?: readonly (readonly [number, number])[], seed = 1) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, count, edges);
  settle(network, nodes);
  const user = (name: string, index: number, legacy = false) => {
    const user = new TestUser(network, name, { legacy }).at(nodes[index]!);
    network.run(50);
    return user;
  };
  /** The links between servers that messages go over from now on, as `from-to hops`. */
  const watch = () => {
    const indexOf = (address: string) => nodes.findIndex((node) => node.address === address);
    const seen = network.watch(({ from, to, frame }) =>
      frame.type === FrameType.Message && indexOf(from) >= 0 && indexOf(to) >= 0
    );
    return () =>
      seen.map(({ from, to, frame }) => `${indexOf(from)}-${indexOf(to)} ${frame.reserved}`);
  };
  return { network, nodes, user, watch };
}

/** A connected graph: a random tree, and some more links. */
function randomEdges(count: number, seed: number): [number, number][] {
  const random = seeded(seed);
  const edges: [number, number][] = [];
  for (let i = 1; i < count; i++) edges.push([between(random, 0, i - 1), i]);
  for (let i = 0; i < count / 2; i++) {
    edges.push([between(random, 0, count - 1), between(random, 0, count - 1)]);
  }
  return edges;
}

function hopsBetween(nodes: readonly VirtualNode[], from: number, to: number): number {
  return nodes[from]!.core.topology.route(nodes[to]!.core.id)?.hops ?? 0;
}

pureTest("a message to a user of its own server never uses a link", () => {
  const { network, user, watch } = start(3);
  const [ann, bob] = [user("Ann", 0), user("Bob", 0)];
  const seen = watch();
  const id = ann.send("Bob", "hello");
  network.run(100);
  assertEquals(bob.textsFrom("Ann"), ["hello"]);
  assertEquals(ann.statesOf(id), [ReceiptState.Accepted, ReceiptState.Delivered]);
  assertEquals(seen(), []);
});

pureTest("a message goes directly to the server of its recipient, and over no other link", () => {
  const { network, user, watch } = start(5);
  const [ann, bob] = [user("Ann", 0), user("Bob", 3)];
  const seen = watch();
  const id = ann.send("Bob", "hello");
  network.run(100);
  assertEquals(bob.textsFrom("Ann"), ["hello"]);
  assert(ann.isDelivered(id));
  assertEquals(seen(), ["0-3 1"]);
});

pureTest(
  "a message and its receipt go through the server between two that have no link",
  () => {
    const { network, nodes, user, watch } = start(3, chain(3));
    const [ann, cid] = [user("Ann", 0), user("Cid", 2)];
    const seen = watch();
    const receipts = network.watch(({ to, frame }) =>
      frame.type === FrameType.Receipt && to !== ann.party
    );
    const [first, second, third] = nodes.map(({ address }) => address);
    const id = ann.send("Cid", "hello");
    network.run(100);
    assertEquals(cid.textsFrom("Ann"), ["hello"]);
    assert(ann.isDelivered(id));
    assertEquals(seen(), ["0-1 1", "1-2 2"]);
    assertEquals(
      receipts.map(({ from, to, frame }) => [from, to, frame.reserved]),
      [[cid.party, third, 0], [third, second, 1], [second, first, 2]],
    );
    assertEquals(cid.deliveries[0]!.reserved, 0, "hops are not for users");
  },
);

pureTest("a message in a ring takes the shorter route, in both directions", () => {
  const { network, user, watch } = start(5, ring(5));
  const users = [0, 1, 2, 3, 4].map((index) => user(`User ${index}`, index));
  const seen = watch();
  users[0]!.send("User 2", "clockwise");
  network.run(100);
  assertEquals(seen(), ["0-1 1", "1-2 2"]);
  users[0]!.send("User 3", "anticlockwise");
  network.run(100);
  assertEquals(seen().slice(2), ["0-4 1", "4-3 2"]);
  assertEquals(users[2]!.messages.length + users[3]!.messages.length, 2);
});

pureTest("messages between all users of nine servers take the shortest routes, each once", () => {
  for (const seed of [1, 2, 3]) {
    const { network, nodes, user, watch } = start(9, randomEdges(9, seed), seed);
    const users = nodes.map((_, index) => user(`User ${index}`, index));
    const seen = watch();
    let hops = 0;
    const ids = users.map((from, a) =>
      users.map((to, b) => {
        hops += hopsBetween(nodes, a, b);
        return from.send(to.name, `from ${a} to ${b}`);
      })
    );
    network.run(500);
    assertEquals(seen().length, hops);
    for (const [a, from] of users.entries()) {
      for (const [b, to] of users.entries()) {
        assertEquals(to.textsFrom(from.name), [`from ${a} to ${b}`]);
        assertEquals(from.statesOf(ids[a]![b]!), [
          ReceiptState.Accepted,
          ReceiptState.Delivered,
        ]);
      }
    }
  }
});

pureTest("messages of one sender arrive in the order in which they were sent", () => {
  const { network, user } = start(4, chain(4));
  network.latency = () => 30 * network.random();
  const [ann, bob, dan] = [user("Ann", 0), user("Bob", 0), user("Dan", 3)];
  const texts = Array.from({ length: 500 }, (_, index) => `${index} ${"x".repeat(index)}`);
  const ids: string[] = [];
  for (const text of texts) {
    ids.push(ann.send("Dan", text));
    bob.send("Dan", text);
    if (network.random() < 0.1) network.run(10);
  }
  network.run(5_000);
  assertEquals(dan.textsFrom("Ann"), texts);
  assertEquals(dan.textsFrom("Bob"), texts);
  for (const id of ids) {
    assertEquals(ann.statesOf(id), [ReceiptState.Accepted, ReceiptState.Delivered]);
  }
});

pureTest(
  "a message's text arrives unchanged, with NULs, with line breaks and at the maximum length",
  () => {
    const { network, user } = start(2);
    const [ann, bob] = [user("Ann", 0), user("Bob", 1)];
    const legacy = user("Bea", 1, true);
    const longest = "x".repeat(65_535 - 36 - 3 - "Ann".length - "Bob".length);
    const texts = ["", "\0", "a\0b\0\0c", "Grüße 🦊\r\n\t"];
    const all = [...texts, longest, ...texts, longest.slice(OUTBOUND_HEADER_BYTES)];
    for (const [index, text] of all.entries()) {
      const kind = index < texts.length + 1 ? MessageKind.Ephemeral : MessageKind.Durable;
      ann.send("Bob", text, { kind });
    }
    for (const text of texts) ann.send("Bea", text);
    network.run(500);
    assertEquals(bob.textsFrom("Ann"), all);
    const ends = bob.deliveries.map(({ end }) => end - HEADER_BYTES);
    assertEquals([ends[4], ends.at(-1)], [65_535, 65_535 - OUTBOUND_HEADER_BYTES]);
    assertEquals(legacy.text, texts.map((text) => `Ann: ${text}`).join(""));
  },
);

pureTest("a message keeps its kind, and gets a receipt only if it asks for one", () => {
  const { network, user } = start(2);
  const [ann, bob] = [user("Ann", 0), user("Bob", 1)];
  const ephemeral = ann.send("Bob", "ephemeral", { kind: MessageKind.Ephemeral });
  const durable = ann.send("Bob", "with", { kind: MessageKind.Durable });
  network.run(100);
  assertEquals(
    bob.deliveries.map(({ subtype }) => subtype),
    [MessageKind.Ephemeral, MessageKind.Durable],
  );
  assertEquals(ann.receiptsFor(ephemeral), []);
  assertEquals(ann.statesOf(durable), [ReceiptState.Accepted, ReceiptState.Delivered]);
});

pureTest("receipts for many messages share frames", () => {
  const { network, user } = start(2);
  const [ann] = [user("Ann", 0), user("Bob", 1)];
  const frames = network.watch(({ to, frame }) =>
    frame.type === FrameType.Receipt && to === ann.party
  );
  for (let i = 0; i < 1_000; i++) ann.send("Bob", `${i}`);
  network.run(500);
  assertEquals(ann.receipts.length, 2_000);
  assert(frames.length < 400, `${frames.length} frames`);
});

pureTest("a legacy user sends and receives messages over any number of servers", () => {
  const { network, user } = start(3, chain(3));
  const [ann, bob] = [user("Ann", 0, true), user("Bob", 2, true)];
  ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
  bob.send("Ann", "hello yourself", { kind: MessageKind.Ephemeral });
  network.run(100);
  assertEquals(bob.text, "Ann: hello");
  assertEquals(ann.text, "Bob: hello yourself");
});

pureTest(
  "a message takes another route when a link breaks, and a new link when there is one",
  () => {
    const { network, nodes, user, watch } = start(3);
    const [ann, bob] = [user("Ann", 0), user("Bob", 2)];
    const seen = watch();
    network.separate(nodes[0]!.address, nodes[2]!.address);
    network.run(20);
    ann.send("Bob", "over the third");
    network.run(50);
    assertEquals(seen(), ["0-1 1", "1-2 2"]);
    network.join(nodes[0]!.address, nodes[2]!.address);
    network.until(() => nodes[0]!.linkTo(nodes[2]!) !== undefined, 31_000);
    network.run(50);
    ann.send("Bob", "straight");
    network.run(50);
    assertEquals(seen().slice(2), ["0-2 1"]);
    assertEquals(bob.textsFrom("Ann"), ["over the third", "straight"]);
  },
);

pureTest("a message goes over as many links as the hop limit allows, and no more", () => {
  const { network, user } = start(MAX_HOPS + 2, chain(MAX_HOPS + 2));
  const ann = user("Ann", 0);
  const [near, far] = [user("Near", MAX_HOPS), user("Far", MAX_HOPS + 1)];
  network.run(500);
  const kind = MessageKind.Ephemeral;
  const [near1, far1] = [
    ann.send("Near", "ephemeral", { kind }),
    ann.send("Far", "ephemeral", { kind }),
  ];
  const [near2, far2] = [ann.send("Near", "durable"), ann.send("Far", "durable")];
  network.run(1_000);
  assertEquals(near.textsFrom("Ann"), ["ephemeral", "durable"]);
  assertEquals(far.messages, []);
  assertEquals([near1, far1].map((id) => ann.refusalOf(id)), [undefined, ErrorCode.TooManyHops]);
  assertEquals([near2, far2].map((id) => ann.isDelivered(id)), [true, false]);
  assertEquals(
    ann.statesOf(far2),
    [ReceiptState.Accepted],
    "stored until there is a shorter route",
  );
});

/** A scripted peer announces that it has a link to a server, and that Bob is there. */
function announceServerOfBob(network: VirtualNetwork, peer: ScriptedPeer): void {
  const server = network.uuid();
  peer.announceLinks(server);
  const links = [{ server: peer.id, cost: 1 }];
  peer.announce({ server, version: 1, address: "10.0.9.8:5001", links });
  // Only the next hop to a server is believed about its users.
  network.run(100);
  const bob = { name: "Bob", kind: UserKind.LegacyClient, session: network.uuid(), since: 1 };
  peer.present([bob], { server });
  network.run(100);
}

pureTest("a message in a loop is refused at the hop limit, and its sender is told", () => {
  const { network, nodes, user } = start(2, chain(2));
  const ann = user("Ann", 0);
  // A server that announces a link to Bob's server, and sends everything back through another.
  const mirror = new ScriptedPeer(network, nodes[1]!);
  const other = new ScriptedPeer(network, nodes[1]!, "10.0.9.7:5001");
  announceServerOfBob(network, mirror);
  const passed: number[] = [];
  mirror.onMessage = (frame) => {
    passed.push(frame.reserved);
    other.out.forward(frame, frame.reserved + 1);
  };
  const id = ann.send("Bob", "round and round", { kind: MessageKind.Ephemeral });
  network.run(1_000);
  assertEquals(passed.at(-1), MAX_HOPS);
  assertEquals(passed.length, MAX_HOPS / 2);
  assertEquals(ann.receiptsFor(id).length, 1);
  assertEquals(ann.refusalOf(id), ErrorCode.TooManyHops);
});

pureTest("a message is never sent back to the server that it came from", () => {
  const { network, nodes, user } = start(2, chain(2));
  const ann = user("Ann", 0);
  // A server that announces a link to Bob's server, and sends everything back.
  const mirror = new ScriptedPeer(network, nodes[1]!);
  announceServerOfBob(network, mirror);
  const passed: number[] = [];
  mirror.onMessage = (frame, out) => {
    passed.push(frame.reserved);
    out.forward(frame, frame.reserved + 1);
  };
  const id = ann.send("Bob", "there and back", { kind: MessageKind.Ephemeral });
  network.run(1_000);
  assertEquals(passed, [2]);
  assertEquals(ann.receiptsFor(id).length, 1);
  assertEquals(ann.refusalOf(id), ErrorCode.TooManyHops);
  // A server sends a stored message again when the route has changed: the sender is not told.
  const durable = ann.send("Bob", "there and back");
  network.run(1_000);
  assertEquals(passed, [2, 2]);
  assertEquals(ann.statesOf(durable), [ReceiptState.Accepted]);
});
