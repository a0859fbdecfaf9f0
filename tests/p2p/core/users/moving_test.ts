/**
 * A session moves from server to server, and no message in flight is lost or seen twice.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import {
  chain,
  disconnectRules,
  servers,
  SessionClient,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

function start(count: number, seed = 1, edges?: [number, number][]) {
  const network = new VirtualNetwork(seed);
  const nodes = servers(network, count, edges, { rules: disconnectRules });
  settle(network, nodes);
  return { network, nodes, node: (index: number) => nodes[index]! };
}

function has(node: VirtualNode, name: string): boolean {
  return node.core.users.get(name) !== undefined;
}

pureTest("a session is registered at two servers while it moves, and no server refuses it", () => {
  const { network, nodes, node } = start(3);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(1_000);
  bob.at(node(1));
  network.run(1_000);
  assertEquals(bob.errors, []);
  assertEquals([has(node(0), "Bob"), has(node(1), "Bob")], [true, true]);
  for (const each of nodes) assertEquals(each.users(), ["Bob"]);
  // Each server locates it at the newest server, with the age of the session.
  const locations = nodes.map(({ core }) => core.locations.locate("Bob")!);
  assertEquals(locations.map(({ server }) => server), Array(3).fill(node(1).core.id));
  for (const { user } of locations) assert(network.now - user.since >= 1_990, "its age");
  const link = [...nodes[2]!.core.locations.names()];
  assertEquals(link, ["Bob"], "one name, though at two servers");
});

pureTest(
  "a server closes a session that moves as soon as the other server announces it",
  () => {
    const { network, node } = start(2);
    network.latency = (from, to) => from.startsWith("10.") && to.startsWith("10.") ? 300 : 1;
    const bob = new SessionClient(network, "Bob").moveTo(node(0));
    const ann = new TestUser(network, "Ann").at(node(0));
    network.run(1_000);
    const before = bob.attached!;
    const movedAt = network.now;
    bob.moveTo(node(1));
    network.until(() => bob.attached !== before);
    network.run(100);
    // The other server's announcement is in flight, and the user is still found here.
    assert(has(node(0), "Bob"));
    ann.send("Bob", "to the old server");
    network.run(20);
    assertEquals(bob.textsFrom("Ann"), ["to the old server"]);
    network.until(() => before.closed);
    assertLessOrEqual(network.now - movedAt, 330);
    assert(!has(node(0), "Bob"));
    ann.send("Bob", "to the new server");
    network.run(1_000);
    assertEquals(bob.textsFrom("Ann"), ["to the old server", "to the new server"]);
  },
);

pureTest(
  "a server closes a session that moves after 2 s if no other server announces it",
  () => {
    const { network, node } = start(2);
    const bob = new SessionClient(network, "Bob").moveTo(node(0));
    network.run(1_000);
    network.separate(node(0).address, node(1).address);
    const before = bob.attached!;
    bob.moveTo(node(1));
    network.until(() => bob.attached !== before);
    network.run(1_900);
    assert(has(node(0), "Bob"));
    network.run(400);
    assert(!has(node(0), "Bob"));
    assert(before.closed);
  },
);

pureTest("a session that moves stays registered when it comes back before it was closed", () => {
  const { network, node } = start(2);
  const bob = new SessionClient(network, "Bob").moveTo(node(0));
  network.run(1_000);
  bob.moveTo(node(1));
  network.run(4);
  bob.moveTo(node(0));
  network.run(5_000);
  assertEquals([has(node(0), "Bob"), has(node(1), "Bob")], [true, false]);
  assertEquals(node(1).users(), ["Bob"]);
  assert(!bob.attached!.closed);
});

pureTest(
  "messages that are sent at any moment of the recipient's move arrive exactly once and in order",
  () => {
    for (let seed = 1; seed <= 8; seed++) {
      const { network, nodes, node } = start(4, seed, seed % 2 ? undefined : chain(4));
      const speeds = new Map<string, number>();
      network.latency = (from, to) => {
        const route = `${from} ${to}`;
        if (!speeds.has(route)) speeds.set(route, 1 + 40 * network.random());
        return speeds.get(route)! + 2 * network.random();
      };
      const senders = nodes.map((node, index) =>
        new SessionClient(network, `Sender ${index}`).moveTo(node)
      );
      const bob = new SessionClient(network, "Bob").moveTo(node(0));
      network.run(2_000);
      const texts = senders.map((): string[] => []);
      for (let at = 0; at < 1_200; at += 3) {
        if (at === 60) bob.moveTo(node(1));
        if (at === 450) bob.moveTo(node(3));
        if (at === 800) bob.moveTo(node(0));
        for (const [index, sender] of senders.entries()) {
          const text = `${index} at ${at}`;
          texts[index]!.push(text);
          sender.send("Bob", text);
        }
        network.run(3);
      }
      network.run(5_000);
      for (const [index, sender] of senders.entries()) {
        const refused = [...sender.outcomes.values()].filter((error) => error !== undefined);
        assertEquals(refused, [], `seed ${seed}`);
        assertEquals(sender.outcomes.size, texts[index]!.length, `seed ${seed}`);
        assertEquals(bob.textsFrom(sender.name), texts[index], `seed ${seed}`);
      }
    }
  },
);

pureTest("messages of a sender that moves at any moment arrive exactly once and in order", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { network, node } = start(3, seed);
    network.latency = () => 1 + 20 * network.random();
    const ann = new SessionClient(network, "Ann").moveTo(node(0));
    const bob = new SessionClient(network, "Bob").moveTo(node(2));
    network.run(1_000);
    const texts: string[] = [];
    for (let at = 0; at < 600; at += 2) {
      if (at === 100) ann.moveTo(node(1));
      if (at === 300) ann.moveTo(node(2));
      texts.push(`${at}`);
      ann.send("Bob", `${at}`);
      network.run(2);
    }
    network.run(3_000);
    assertEquals(bob.textsFrom("Ann"), texts, `seed ${seed}`);
    assertEquals([...ann.outcomes.values()].filter((error) => error), []);
    assertEquals(ann.outcomes.size, texts.length);
  }
});

pureTest("a session that registers again at its server replaces its older connection", () => {
  const { network, node } = start(1);
  const bob = new TestUser(network, "Bob").at(node(0));
  const before = bob.connection!;
  network.run(50);
  bob.at(node(0));
  network.run(50);
  assertEquals(bob.errorNames(), ["Replaced"]);
  assert(before.closed && !bob.connection!.closed);
  assertEquals(node(0).users(), ["Bob"]);
  bob.send("Bob", "to myself");
  network.run(50);
  assertEquals(bob.textsFrom("Bob"), ["to myself"]);
});

pureTest("a user who leaves is forgotten at once, and its connection cannot send any more", () => {
  const { network, node } = start(2);
  const bob = new TestUser(network, "Bob").at(node(0));
  network.run(50);
  const link = node(0).core.users.get("Bob")!;
  node(0).core.users.signOff(link, false);
  network.run(50);
  assertEquals([node(0).users(), node(1).users()], [[], []]);
  bob.send("Bob", "not registered");
  network.run(50);
  assertEquals(bob.errorNames(), ["NotRegistered"]);
  assertLess(bob.messages.length, 1);
});

pureTest(
  "a session that comes back while it moves leaves nothing of its old connection behind",
  () => {
    const { network, node } = start(2);
    const bob = new TestUser(network, "Bob").at(node(0));
    network.run(50);
    const before = node(0).core.users.get("Bob")!;
    let ends = 0;
    const { transport } = before.connection;
    const end = transport.end.bind(transport);
    transport.end = () => {
      ends++;
      return end();
    };
    node(0).core.users.signOff(before, true);
    bob.at(node(0));
    network.run(50);
    assert(node(0).core.users.get("Bob") !== before);
    network.run(60_000);
    assertLessOrEqual(ends, 1);
  },
);
