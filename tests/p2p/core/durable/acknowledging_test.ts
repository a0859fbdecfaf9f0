/**
 * A server stores a durable message until the recipient's client acknowledges it. It delivers the
 * message again after a connection was lost, and the program sees it once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, MessageKind, ReceiptKind, ReceiptState } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { LegacyServer } from "../legacy_parties.ts";
import {
  chain,
  disconnectRules,
  servers,
  SessionClient,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { TestUser } from "../test_user.ts";

const { Accepted, Delivered } = ReceiptState;

function start(seed = 1) {
  const network = new VirtualNetwork(seed);
  const options = { rules: disconnectRules };
  const nodes = servers(network, 3, chain(3), options) as [VirtualNode, VirtualNode, VirtualNode];
  settle(network, nodes);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  network.run(50);
  return { network, nodes, ann };
}

pureTest(
  "a message is delivered when the recipient's client acknowledges it, and not before",
  () => {
    const { network, nodes, ann } = start();
    const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[2]);
    network.run(50);
    const ids = ["one", "two"].map((text) => ann.send("Bob", text));
    network.run(60_000);
    assertEquals(bob.textsFrom("Ann"), ["one", "two"], "delivered once, however long it takes");
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted]);
    bob.acknowledge(ids[1]!, network.uuid());
    network.run(100);
    assertEquals(ids.map((id) => ann.isDelivered(id)), [false, true]);
    bob.acknowledge(...ids);
    network.run(100);
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted, Delivered]);
  },
);

pureTest(
  "a message that a client did not acknowledge before it died goes to the next client",
  () => {
    for (const back of [0, 1, 2]) {
      const { network, nodes, ann } = start();
      const bob = new TestUser(network, "Bob", { forgetful: true }).at(nodes[2]);
      network.run(50);
      const ids = ["one", "two", "three"].map((text) => ann.send("Bob", text));
      network.run(100);
      bob.acknowledge(ids[0]!);
      network.run(100);
      bob.connection!.abort();
      network.run(100);
      const next = new TestUser(network, "Bob").at(nodes[back]!);
      network.run(200);
      assertEquals(next.textsFrom("Ann"), ["two", "three"]);
      for (const id of ids) assertEquals(ann.statesOf(id), [Accepted, Delivered]);
    }
  },
);

pureTest(
  "a session that reconnects receives unacknowledged messages again, and its program sees each once",
  () => {
    for (const back of [0, 2]) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      bob.taking = false;
      network.run(100);
      const id = ann.send("Bob", "hello");
      network.run(100);
      bob.leave();
      network.run(100);
      bob.moveTo(nodes[back]!);
      const again = network.watch(({ to, frame }) =>
        to === bob.party && frame.type === FrameType.Message
      );
      network.run(500);
      assertEquals([again.length, bob.messages.length], [1, 1]);
      assert(!ann.isDelivered(id));
      bob.take();
      network.run(100);
      assert(ann.isDelivered(id));
    }
  },
);

pureTest(
  "a message that is sent again through another server is seen once, and both servers get its acknowledgement",
  () => {
    for (const forgetful of [false, true]) {
      const { network, nodes, ann } = start();
      const bob = new TestUser(network, "Bob", { forgetful }).at(nodes[1]);
      network.run(50);
      const answers = network.watch(({ frame }) =>
        frame.type === FrameType.Receipt && frame.subtype === ReceiptKind.ToServer
      );
      const id = ann.send("Bob", "hello");
      network.run(100);
      ann.connection!.abort();
      ann.at(nodes[2]);
      ann.send("Bob", "hello", { id });
      network.run(100);
      bob.acknowledge(id);
      network.run(100);
      assertEquals(bob.messages.length, 1);
      const told = answers.filter(({ from }) => from === nodes[1].address).map(({ to }) => to);
      assertEquals(told.toSorted(), [nodes[0].address, nodes[2].address]);
      assertEquals(ann.statesOf(id).filter((state) => state === Delivered).length, 2);
      assertEquals(nodes.map(({ core }) => core.isDrained), [true, true, true]);
    }
  },
);

pureTest(
  "a half-open old connection takes no messages from a session that is at another server",
  () => {
    for (const back of [0, 1]) {
      const { network, nodes, ann } = start();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(100);
      // Its server does not notice that the connection is gone, and continues to write to it.
      network.silence(bob.party, nodes[2].address);
      const before = ann.send("Bob", "before it noticed");
      network.run(500);
      bob.leave();
      bob.moveTo(nodes[back]!);
      network.run(500);
      const after = ann.send("Bob", "after that");
      network.run(500);
      assertEquals(bob.textsFrom("Ann"), ["before it noticed", "after that"]);
      assertEquals([before, after].map((id) => ann.isDelivered(id)), [true, true]);
      network.join(bob.party, nodes[2].address);
      network.run(60_000);
      assertEquals(bob.messages.length, 2);
    }
  },
);

pureTest("a durable message for a user of a legacy server arrives once that user is there", () => {
  const { network, nodes, ann } = start();
  const old = new LegacyServer(network, "10.0.5.1:6001");
  for (const index of [0, 1] as const) network.separate(nodes[index].address, old.address);
  old.announceTo(nodes[2].address);
  const ids = ["one", "two"].map((text) => ann.send("Olga", text));
  network.run(3_000);
  for (const id of ids) assertEquals(ann.statesOf(id), [Accepted]);
  const olga = new TestUser(network, "Olga", { legacy: true }).register(old);
  network.until(() => ids.every((id) => ann.isDelivered(id)), 5_000);
  assertEquals(olga.text, "Ann: oneAnn: two");
  assertEquals(
    old.messages().map(({ text, subtype }) => [text, subtype]),
    [["one", MessageKind.Ephemeral], ["two", MessageKind.Ephemeral]],
  );
});

pureTest(
  "a session that moves with messages in flight at any moment gets each once and in order",
  () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { network, nodes, ann } = start(seed);
      network.latency = () => 5 + 10 * network.random();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(500);
      const moveAt = seed;
      for (let at = 0; at < 60; at++) {
        if (at === moveAt) bob.moveTo(nodes[seed % 2]!);
        ann.send("Bob", `${at}`);
        network.run(3);
      }
      network.run(3_000);
      const texts = Array.from({ length: 60 }, (_, at) => `${at}`);
      assertEquals(bob.textsFrom("Ann"), texts, `seed ${seed}`);
    }
  },
);

pureTest(
  "a session that loses its connection at any moment and reconnects gets each message once and in order",
  () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { network, nodes, ann } = start(seed);
      network.latency = () => 5 + 10 * network.random();
      const bob = new SessionClient(network, "Bob").moveTo(nodes[2]);
      network.run(500);
      for (let at = 0; at < 80; at++) {
        if (at === seed) bob.leave();
        if (at === seed + 2) bob.moveTo(nodes[2]);
        ann.send("Bob", `${at}`);
        network.run(3);
      }
      network.run(12_000);
      const texts = Array.from({ length: 80 }, (_, at) => `${at}`);
      assertEquals(bob.textsFrom("Ann"), texts, `seed ${seed}`);
    }
  },
);
