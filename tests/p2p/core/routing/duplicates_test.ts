/**
 * No user sees a message twice, and a message that is sent again arrives if its first copy did not.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, ReceiptState } from "@netlab/protocol";
import { chain, servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

function start(legacy = false) {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, chain(3)) as [VirtualNode, VirtualNode, VirtualNode];
  settle(network, nodes);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  const bob = new TestUser(network, "Bob", { legacy }).at(nodes[2]);
  network.run(50);
  return { network, nodes, ann, bob };
}

pureTest("a message that is sent again is delivered once and answered each time", () => {
  const { network, ann, bob } = start();
  const id = ann.send("Bob", "hello");
  network.run(50);
  const again = ann.receipts.length;
  ann.send("Bob", "hello", { id });
  ann.send("Bob", "hello", { id: id.toUpperCase() });
  network.run(50);
  assertEquals(bob.messages.length, 1);
  const { Accepted, Delivered } = ReceiptState;
  assertEquals(ann.statesOf(id).slice(0, again), [Accepted, Delivered]);
  assertEquals(ann.statesOf(id).at(-1), Delivered);
  assert(ann.receipts.length >= again + 2, "accepted and delivered once more at least");
});

pureTest("a message that is sent again to a legacy user is written once", () => {
  const { network, ann, bob } = start(true);
  const id = ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
  ann.send("Bob", "hello", { id });
  network.run(50);
  ann.send("Bob", "hello", { id });
  network.run(50);
  assertEquals(bob.text, "Ann: hello");
  assert(ann.isDelivered(id));
});

pureTest("a message that is sent again through another server is delivered once", () => {
  const { network, nodes, ann, bob } = start();
  const id = ann.send("Bob", "hello");
  network.run(50);
  ann.at(nodes[1]);
  network.run(50);
  ann.send("Bob", "hello", { id });
  network.run(50);
  assertEquals(bob.messages.length, 1);
  const { Accepted, Delivered } = ReceiptState;
  assertEquals(ann.statesOf(id), [Accepted, Delivered, Accepted, Delivered]);
});

pureTest(
  "a message that was refused because its recipient was absent arrives when it is sent again",
  () => {
    const { network, nodes, ann } = start();
    const id = ann.send("Cid", "hello", { kind: MessageKind.Ephemeral });
    network.run(50);
    assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
    const cid = new TestUser(network, "Cid").at(nodes[2]);
    network.run(50);
    ann.send("Cid", "hello", { id });
    network.run(50);
    assertEquals(cid.textsFrom("Ann"), ["hello"]);
    assert(ann.isDelivered(id));
  },
);

pureTest(
  "an ephemeral message that was lost with a link arrives when it is sent again",
  () => {
    const { network, nodes, ann, bob } = start();
    network.latency = () => 100;
    const id = ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
    network.run(250);
    network.cut(nodes[1].address, nodes[2].address);
    network.run(2_000);
    assertEquals([bob.messages.length, ann.receipts.length], [0, 0]);
    ann.send("Bob", "hello", { id });
    network.run(2_000);
    assertEquals(bob.textsFrom("Ann"), ["hello"]);
    assert(ann.isDelivered(id));
  },
);

pureTest(
  "a durable message that was lost with a link is sent again by the server that stores it",
  () => {
    const { network, nodes, ann, bob } = start();
    network.latency = () => 100;
    const id = ann.send("Bob", "hello");
    network.run(250);
    network.cut(nodes[1].address, nodes[2].address);
    network.run(100);
    assertEquals([bob.messages.length, ann.isDelivered(id)], [0, false]);
    network.run(2_000);
    assertEquals(bob.textsFrom("Ann"), ["hello"]);
    assertEquals(ann.statesOf(id), [ReceiptState.Accepted, ReceiptState.Delivered]);
  },
);

pureTest(
  "a message whose receipt was lost with a link is answered again, and not delivered again",
  () => {
    const { network, nodes, ann, bob } = start();
    network.latency = () => 100;
    const id = ann.send("Bob", "hello");
    const deliveries = network.watch(({ to, frame }) =>
      to === bob.party && frame.type === FrameType.Message
    );
    network.run(450);
    network.cut(nodes[1].address, nodes[2].address);
    network.run(100);
    assertEquals([deliveries.length, ann.statesOf(id)], [1, [ReceiptState.Accepted]]);
    network.run(2_000);
    assertEquals([deliveries.length, bob.messages.length], [1, 1]);
    assert(ann.isDelivered(id));
  },
);
