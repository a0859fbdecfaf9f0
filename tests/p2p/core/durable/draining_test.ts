/**
 * A draining server accepts no users, asks its own to move, and hands off its stored messages.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DisconnectKind, FrameType, readServers, ReceiptState } from "@netlab/protocol";
import {
  disconnectRules,
  servers,
  SessionClient,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import type { MailboxLimits } from "@netlab/p2p/core";
import { TestUser } from "../test_user.ts";
import { VirtualStore } from "../virtual_store.ts";

const { Delivered } = ReceiptState;

function start(seed = 1, count = 3, limits: readonly MailboxLimits[] = []) {
  const network = new VirtualNetwork(seed);
  const stores = Array.from({ length: count }, () => new VirtualStore());
  const nodes = servers(network, count, undefined, (index) => ({
    rules: disconnectRules,
    store: stores[index]!,
    ...limits[index] && { limits: limits[index] },
  }));
  settle(network, nodes, 10_000);
  return { network, nodes, stores, leaves: nodes[0]!, stays: nodes[1]! };
}

/** Drains a server as the real one does, and closes it. */
function drain(network: VirtualNetwork, node: VirtualNode, withinMs = 10_000): number {
  node.core.drain();
  const took = network.until(() => node.core.isDrained, withinMs);
  node.close();
  return took;
}

pureTest(
  "a draining server tells its users where to move, and accepts no new ones",
  () => {
    const { network, nodes, leaves } = start();
    const asked = network.watch(({ from, frame }) =>
      from === leaves.address && frame.type === FrameType.Disconnect &&
      frame.subtype === DisconnectKind.MoveRequest
    );
    const users = Array.from(
      { length: 5 },
      (_, index) => new SessionClient(network, `User ${index}`).moveTo(leaves),
    );
    network.run(500);
    leaves.core.drain();
    const late = new TestUser(network, "Late").register(leaves);
    network.run(50);
    assertEquals(late.errorNames(), ["ServerClosing"]);
    network.until(() => leaves.core.isDrained, 1_000);
    assertEquals(asked.length, users.length);
    const others = nodes.slice(1).map(({ address }) => address);
    assertEquals(readServers(asked[0]!.frame.payload).toSorted(), others);
    leaves.close();
    network.run(3_000);
    assertEquals(nodes[1]!.users(), users.map(({ name }) => name));
    assertEquals(nodes[2]!.users(), users.map(({ name }) => name));
  },
);

pureTest(
  "a draining server hands off its stored messages, and its successor reports the outcome to the sender",
  () => {
    const { network, nodes, stores, leaves } = start();
    const ann = new TestUser(network, "Ann").at(nodes[2]!);
    const anna = new TestUser(network, "Anna").at(leaves);
    network.run(50);
    const ids = Array.from({ length: 300 }, (_, index) => anna.send("Bob", `${index}`));
    network.run(200);
    assertEquals(stores[0]!.ids, ids);
    anna.connection!.abort();
    drain(network, leaves);
    network.run(100);
    assertEquals(stores[0]!.ids, []);
    const [next] = stores.slice(1).filter((store) => store.ids.length > 0);
    assertEquals(next!.ids, ids);
    anna.at(nodes[1]!);
    const bob = new TestUser(network, "Bob").at(nodes[2]!);
    network.run(500);
    assertEquals(bob.messages.map(({ id }) => id), ids);
    for (const id of ids) assertEquals(anna.statesOf(id).at(-1), Delivered);
    assertEquals(ann.messages, []);
  },
);

pureTest("a draining server without a successor keeps its messages and its users", () => {
  const { network, stores, leaves } = start(1, 1);
  const ann = new TestUser(network, "Ann").at(leaves);
  const id = ann.send("Bob", "hello");
  network.run(50);
  leaves.core.drain();
  assert(leaves.core.isDrained);
  leaves.close();
  assertEquals(stores[0]!.ids, [id]);
  leaves.start();
  const bob = new TestUser(network, "Bob").at(leaves);
  network.run(100);
  assertEquals(bob.textsFrom("Ann"), ["hello"]);
});

pureTest("messages that the successor cannot store stay with the draining server", () => {
  const { network, nodes, stores, leaves } = start(1, 2);
  const ann = new TestUser(network, "Ann").at(leaves);
  const id = ann.send("Bob", "hello");
  network.run(50);
  ann.connection!.abort();
  stores[1]!.failing = true;
  leaves.core.drain();
  network.run(5_000);
  assert(!leaves.core.isDrained);
  leaves.close();
  assertEquals([stores[0]!.ids, stores[1]!.ids], [[id], []]);
  network.run(2_000);
  stores[1]!.failing = false;
  leaves.start();
  settle(network, nodes, 40_000);
  const bob = new TestUser(network, "Bob").at(nodes[1]!);
  network.run(500);
  assertEquals(bob.textsFrom("Ann"), ["hello"]);
});

pureTest("messages in flight while a server drains are delivered once", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { network, nodes, leaves } = start(seed);
    network.latency = () => 1 + 20 * network.random();
    const addresses = nodes.map(({ address }) => address);
    const ann = new SessionClient(network, "Ann", addresses).moveTo(leaves);
    const bob = new SessionClient(network, "Bob", addresses).moveTo(nodes[seed % 3]!);
    network.run(1_000);
    const ids: string[] = [];
    const away: string[] = [];
    const send = () => {
      ids.push(ann.send("Bob", `${ids.length}`));
      away.push(ann.send("Cid", `${away.length}`));
      network.run(3);
    };
    while (ids.length < 40) send();
    leaves.core.drain();
    while (ids.length < 80) send();
    network.until(() => leaves.core.isDrained, 10_000);
    leaves.close();
    network.run(3_000);
    assertEquals(bob.messages.map(({ id }) => id).toSorted(), ids.toSorted(), `seed ${seed}`);
    assertEquals(ids.filter((id) => !ann.accepted.has(id)), []);
    const cid = new SessionClient(network, "Cid").moveTo(nodes[1]!);
    network.run(3_000);
    assertEquals(cid.messages.map(({ id }) => id).toSorted(), away.toSorted(), `seed ${seed}`);
  }
});

pureTest("messages for an absent user keep their order when their server drains", () => {
  const { network, nodes, leaves } = start();
  const senders = ["Ann", "Dan"].map((name) => new TestUser(network, name).at(leaves));
  const sent = senders.map(() => [] as string[]);
  for (let round = 0; round < 50; round++) {
    for (const [index, sender] of senders.entries()) {
      sent[index]!.push(`${round}`);
      sender.send("Bob", `${round}`);
    }
    network.run(5);
  }
  network.run(100);
  for (const sender of senders) sender.connection!.abort();
  drain(network, leaves);
  const bob = new SessionClient(network, "Bob").moveTo(nodes[2]!);
  network.run(3_000);
  assertEquals(senders.map(({ name }) => bob.textsFrom(name)), sent);
});

pureTest("a draining server hands off to another server what its successor may not store", () => {
  const few = { maxTotalMessages: 120, maxSenderPercent: 100 };
  for (const seed of [1, 2]) {
    const { network, nodes, stores, leaves } = start(seed, 3, [{}, few, few]);
    const ann = new TestUser(network, "Ann").at(nodes[2]!);
    const anna = new TestUser(network, "Anna").at(leaves);
    network.run(50);
    const names = Array.from({ length: 20 }, (_, i) => `User ${i}`);
    const ids = names.flatMap((name) => Array.from({ length: 10 }, () => anna.send(name, "x")));
    const before = ann.send("User 0", "from before");
    network.run(200);
    assertEquals(stores[0]!.ids.length, 200);
    anna.connection!.abort();
    drain(network, leaves);
    assertEquals(stores[0]!.ids, []);
    const [one, other] = [stores[1]!.ids, stores[2]!.ids];
    assert(one.length <= 120 && other.length <= 120, `${one.length} and ${other.length}`);
    assertEquals([...one, ...other].sort(), [before, ...ids].sort());
    // In order for each recipient, as long as one server stores them.
    const moved = names.filter((name) => {
      const its = ids.slice(10 * names.indexOf(name), 10 * names.indexOf(name) + 10);
      return its.every((id) => one.includes(id)) || its.every((id) => other.includes(id));
    });
    assert(moved.length >= 18, `${moved.length} stay together`);
    const user = new TestUser(network, "User 3").at(nodes[1]!);
    network.run(1_000);
    assertEquals(user.messages.length, 10);
  }
});

pureTest("a draining server keeps what no other server may store, and says so", () => {
  const few = { maxTotalMessages: 30, maxSenderPercent: 100 };
  const { network, stores, leaves } = start(1, 3, [{}, few, few]);
  const anna = new TestUser(network, "Anna").at(leaves);
  network.run(50);
  const ids = Array.from({ length: 100 }, (_, i) => anna.send(`User ${i % 10}`, "x"));
  network.run(200);
  anna.connection!.abort();
  leaves.core.drain();
  network.run(9_000);
  assert(!leaves.core.isDrained);
  assert(leaves.events.includes("handoff.full"));
  leaves.close();
  assert(leaves.events.includes("storage.left"));
  const all = stores.flatMap((store) => store.ids);
  assertEquals(all.toSorted(), ids.toSorted(), "each is somewhere, once");
  assertEquals(stores.map((store) => store.ids.length), [40, 30, 30]);
});

pureTest("a message that was not stored is accepted when the successor stores it", () => {
  const { network, nodes, stores, leaves } = start(1, 2, [{ maxTotalMessages: 1 }]);
  const anna = new TestUser(network, "Anna").at(leaves);
  const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]!);
  network.run(50);
  anna.send("Cid", "x");
  const id = anna.send("Bob", "hello");
  network.run(200);
  assertEquals(anna.statesOf(id), []);
  leaves.core.drain();
  network.run(1_000);
  assert(anna.isAccepted(id));
  assert(stores[1]!.ids.includes(id));
  leaves.close();
  network.run(100);
  bob.acknowledge(id);
  network.run(500);
  assert(!stores[1]!.ids.includes(id));
});

pureTest(
  "a successor whose disk fails does not take a message, although its recipient is there",
  () => {
    const { network, nodes, stores, leaves } = start(1, 2);
    const anna = new TestUser(network, "Anna").at(leaves);
    const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[1]!);
    network.run(50);
    const id = anna.send("Bob", "hello");
    network.run(200);
    assert(anna.isAccepted(id));
    stores[1]!.failing = true;
    leaves.core.drain();
    network.run(5_000);
    assertEquals(stores[0]!.ids, [id], "it was accepted, so one server must store it");
    stores[1]!.failing = false;
    network.run(15_000);
    assertEquals([stores[0]!.ids, stores[1]!.ids], [[], [id]]);
    assertEquals(bob.messages.length, 1);
  },
);
