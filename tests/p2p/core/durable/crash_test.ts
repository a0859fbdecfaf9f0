/**
 * Servers crash and restart, links break and routes change while durable messages are in flight. No
 * stored message is lost, and none is seen twice.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, MessageKind, ReceiptKind, ReceiptState } from "@netlab/protocol";
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
import { VirtualStore } from "../virtual_store.ts";

const { Accepted, Delivered } = ReceiptState;

function start(seed = 1, edges: [number, number][] = chain(3), latency = () => 10) {
  const network = new VirtualNetwork(seed);
  const store = new VirtualStore();
  const nodes = servers(
    network,
    3,
    edges,
    (index) => ({ rules: disconnectRules, ...index === 0 && { store } }),
  ) as [VirtualNode, VirtualNode, VirtualNode];
  settle(network, nodes);
  network.latency = latency;
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  network.run(100);
  return { network, nodes, store, ann };
}

pureTest(
  "every accepted message is delivered once although its server crashes at any moment and restarts",
  () => {
    for (let moment = 0; moment <= 120; moment += 4) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(100);
      const ids: string[] = [];
      for (let at = 0; at < 120; at += 2) {
        if (at === moment) nodes[0].crash();
        if (at < moment) ids.push(ann.send("Bob", `${at}`));
        network.run(2);
      }
      const accepted = ids.filter((id) => ann.isAccepted(id));
      assert(moment < 60 || accepted.length > 10, `at ${moment}: ${accepted.length} accepted`);
      network.run(1_000);
      nodes[0].start();
      settle(network, nodes, 40_000);
      network.run(1_000);
      const seen = bob.messages.map(({ id }) => id);
      assertEquals(accepted.filter((id) => !seen.includes(id)), [], `at ${moment}`);
      assertEquals(seen, ids.filter((id) => seen.includes(id)), `once and in order, at ${moment}`);
    }
  },
);

pureTest(
  "a message for an absent user survives a crash of its server, and its sender learns the outcome",
  () => {
    const { network, nodes, store, ann } = start();
    const ids = ["one", "two", "three"].map((text) => ann.send("Bob", text));
    network.run(100);
    for (let times = 0; times < 3; times++) {
      nodes[0].crash();
      network.run(5_000);
      nodes[0].start();
    }
    settle(network, nodes, 40_000);
    assertEquals(store.ids, ids);
    ann.at(nodes[1]);
    const bob = new TestUser(network, "Bob").at(nodes[2]);
    network.run(500);
    assertEquals(bob.textsFrom("Ann"), ["one", "two", "three"]);
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted, Delivered]);
    assertEquals(store.ids, []);
  },
);

pureTest(
  "messages stored in memory are lost with their server, and arrive when they are sent again",
  () => {
    const { network, nodes } = start();
    const ann = new TestUser(network, "Anna").at(nodes[1]);
    const id = ann.send("Bob", "hello");
    network.run(100);
    assertEquals(ann.statesOf(id), [Accepted]);
    nodes[1].crash();
    nodes[1].start();
    settle(network, nodes, 40_000);
    const bob = new TestUser(network, "Bob").at(nodes[2]);
    network.run(500);
    assertEquals(bob.messages, []);
    ann.at(nodes[0]).send("Bob", "hello", { id });
    network.run(500);
    assertEquals(bob.textsFrom("Anna"), ["hello"]);
  },
);

pureTest(
  "messages arrive once and in order although the recipient's server crashes at any moment",
  () => {
    for (let moment = 0; moment <= 120; moment += 6) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob", [nodes[1].address]).moveTo(nodes[2]);
      network.run(100);
      const ids: string[] = [];
      for (let at = 0; at < 150; at += 3) {
        if (at === moment) nodes[2].crash();
        ids.push(ann.send("Bob", `${at}`));
        network.run(3);
      }
      network.run(12_000);
      assertEquals(bob.messages.map(({ id }) => id), ids, `at ${moment}`);
      assertEquals(ids.filter((id) => !ann.isDelivered(id)), []);
    }
  },
);

pureTest("a link that is cut at any moment between a message and its receipt loses nothing", () => {
  for (const far of [false, true]) {
    for (let moment = 0; moment <= 100; moment += 3) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(100);
      const deliveries = network.watch(({ to, frame }) =>
        to === bob.party && frame.type === FrameType.Message
      );
      const id = ann.send("Bob", "hello");
      network.run(moment);
      if (far) network.cut(nodes[1].address, nodes[2].address);
      else network.cut(nodes[0].address, nodes[1].address);
      network.run(5_000);
      assertEquals(deliveries.length, 1, `at ${moment}`);
      assertEquals(bob.textsFrom("Ann"), ["hello"]);
      assertEquals(ann.statesOf(id), [Accepted, Delivered], `at ${moment}`);
    }
  }
});

pureTest(
  "messages that were in flight on a broken route are sent over another, in order",
  () => {
    for (let moment = 0; moment <= 60; moment += 3) {
      const { network, nodes, ann } = start(moment + 1, [[0, 1], [1, 2], [0, 2]]);
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(100);
      const ids: string[] = [];
      for (let at = 0; at < 100; at += 2) {
        if (at === moment) network.separate(nodes[0].address, nodes[2].address);
        ids.push(ann.send("Bob", `${at}`));
        network.run(2);
      }
      network.run(300);
      assertEquals(bob.messages.map(({ id }) => id), ids, `at ${moment}`);
    }
  },
);

pureTest("a message that gets no answer is sent again after ten seconds", () => {
  const { network, nodes, ann } = start();
  const bob = new TestUser(network, "Bob").at(nodes[2]);
  network.run(100);
  const sent = network.watch(({ from, frame }) =>
    from === nodes[0].address && frame.type === FrameType.Message &&
    frame.subtype === MessageKind.Outbound
  );
  // The answer is lost, and no route has changed: the client there forgets once.
  const forgetful = new TestUser(network, "Cid", { forgetful: true }).at(nodes[2]);
  network.run(100);
  const id = ann.send("Cid", "hello");
  network.run(9_000);
  assertEquals(sent.length, 1);
  network.run(2_000);
  assertEquals(sent.length, 2);
  assertEquals(forgetful.messages.length, 1, "delivered already");
  forgetful.acknowledge(id);
  network.run(20_000);
  assertEquals(sent.length, 2);
  assert(ann.isDelivered(id));
  assertEquals(bob.messages, []);
});

pureTest(
  "a recipient that leaves while messages are in flight gets them in order where it registers next",
  () => {
    for (let moment = 0; moment <= 90; moment += 3) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(100);
      const refusals = network.watch(({ frame }) =>
        frame.type === FrameType.Receipt && frame.subtype === ReceiptKind.ToServer
      );
      const ids: string[] = [];
      for (let at = 0; at < 150; at += 3) {
        if (at === moment) bob.leave();
        if (at === moment + 45) bob.moveTo(nodes[1]);
        ids.push(ann.send("Bob", `${at}`));
        network.run(3);
      }
      network.run(3_000);
      assert(refusals.length > 0);
      assertEquals(bob.messages.map(({ id }) => id), ids, `at ${moment}`);
    }
  },
);
