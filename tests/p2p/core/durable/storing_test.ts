/**
 * A server stores a durable message, accepts it, delivers it when the recipient is there, and reports
 * the outcome to the sender.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode, FrameType, MessageKind, ReceiptState } from "@netlab/protocol";
import { type MailboxLimits, StoreGoneError } from "@netlab/p2p/core";
import { chain, servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";
import { VirtualStore } from "../virtual_store.ts";

const { Accepted, Delivered, Expired } = ReceiptState;
const HOUR_MS = 3_600_000;

function start({ durable = true, limits = {} as MailboxLimits } = {}) {
  const network = new VirtualNetwork();
  const store = new VirtualStore({ durable });
  const nodes = servers(network, 3, chain(3), (index) => index === 0 ? { store, limits } : {});
  settle(network, nodes);
  const user = (name: string, index: number, options = {}) => {
    const user = new TestUser(network, name, options).at(nodes[index]!);
    network.run(50);
    return user;
  };
  return { network, nodes, store, user };
}

pureTest("a message is neither accepted nor sent before it is stored", () => {
  for (const durable of [true, false]) {
    const { network, store, user } = start({ durable });
    const [ann, bob] = [user("Ann", 0), user("Bob", 0)];
    const before = store.writes.length;
    let early: number | undefined;
    const out = () => ann.connection!.peer.out.length + bob.connection!.peer.out.length;
    store.onWrite = () => {
      if (store.writes.length === before) early = out();
    };
    const id = ann.send("Bob", "hello");
    network.run(100);
    assertEquals(early, 0);
    assertEquals(store.writes[before], { added: [id], removed: [] });
    assertEquals(ann.statesOf(id), [Accepted, Delivered]);
    assertEquals(bob.textsFrom("Ann"), ["hello"]);
    if (durable) assertEquals(store.ids, [], "it is settled");
  }
});

pureTest(
  "a message that cannot be stored is refused if its recipient is absent, and stored messages stay",
  () => {
    for (const durable of [true, false]) {
      const { network, nodes, store, user } = start({ durable });
      const [ann, bob] = [user("Ann", 0), user("Bob", 2)];
      const before = ann.send("Cid", "from before");
      network.run(50);
      store.failing = true;
      const [passed, lost] = [ann.send("Bob", "passed on"), ann.send("Cid", "lost")];
      network.run(100);
      assertEquals(ann.receiptsFor(lost).map(({ code }) => code), [ErrorCode.StorageFailed]);
      assertStringIncludes(ann.receiptsFor(lost)[0]!.reason, "Cid");
      const [receipt, ...more] = ann.receiptsFor(passed);
      assertEquals([receipt!.state, receipt!.code, more], [Delivered, ErrorCode.NotStored, []]);
      assertEquals([bob.textsFrom("Ann"), store.ids], [["passed on"], [before]]);
      assert(nodes[0]!.events.includes("storage.failed"));
      store.failing = false;
      ann.send("Cid", "again", { id: lost });
      const cid = user("Cid", 1);
      network.run(100);
      assertEquals(cid.textsFrom("Ann"), ["from before", "again"]);
      assert(ann.isDelivered(lost) && ann.isDelivered(before));
    }
  },
);

pureTest(
  "a server whose store is gone refuses messages, delivers what it has, and logs it once",
  () => {
    const { network, nodes, store, user } = start();
    const count = (event: string) => nodes[0]!.events.filter((each) => each === event).length;
    const ann = user("Ann", 0);
    const before = ann.send("Bob", "from before");
    network.run(50);
    store.gone = new StoreGoneError("messages.db was removed");
    network.run(1_000);
    assertEquals(count("storage.gone"), 1, "within a second, and without a message");
    const refused = [ann.send("Bob", "1"), ann.send("Bob", "2")];
    network.run(1_000);
    for (const id of refused) {
      assertEquals(ann.refusalOf(id), ErrorCode.StorageFailed);
      assertStringIncludes(ann.receiptsFor(id)[0]!.reason, "use another server");
    }
    const bob = user("Bob", 2);
    network.run(1_000);
    assertEquals(bob.textsFrom("Ann"), ["from before"]);
    assert(ann.isDelivered(before));
    assertEquals([count("storage.gone"), count("storage.restored")], [1, 0]);

    // It comes back on a disk that is full.
    store.gone = undefined;
    store.failing = true;
    network.run(1_000);
    ann.send("Bob", "3");
    network.run(1_000);
    assertEquals(count("storage.failed"), 1);
    store.failing = false;
    const after = ann.send("Bob", "4");
    network.run(1_000);
    assert(ann.isDelivered(after));
    assertEquals(store.ids, []);
    assertEquals([count("storage.gone"), count("storage.failed")], [1, 1]);
  },
);

pureTest("messages from many connections in one event loop turn are stored in one write", () => {
  const { network, store, user } = start();
  const senders = Array.from({ length: 8 }, (_, index) => user(`User ${index}`, 0));
  network.latency = () => 10;
  const writes = store.writes.length;
  for (const sender of senders) for (let i = 0; i < 5; i++) sender.send("Bob", `${i}`);
  network.run(200);
  const added = store.writes.slice(writes).map(({ added }) => added.length);
  assertEquals(added.reduce((sum, count) => sum + count), 40);
  assert(added.length <= 3, `${added}`);
});

pureTest(
  "messages that could not be removed from the store are removed with the next write, and not delivered again",
  () => {
    const { network, nodes, store, user } = start();
    const [ann, bob] = [user("Ann", 0), user("Bob", 2, { forgetful: true })];
    const id = ann.send("Bob", "hello");
    network.run(100);
    store.failing = true;
    bob.acknowledge(id);
    network.run(100);
    assertEquals(ann.statesOf(id), [Accepted, Delivered]);
    assertEquals(store.ids, [id]);
    store.failing = false;
    network.run(2_000);
    assertEquals(store.ids, [], "tried again without anything else to write");
    nodes[0]!.crash();
    nodes[0]!.start();
    settle(network, nodes, 30_000);
    network.run(1_000);
    assertEquals(bob.messages.length, 1);
  },
);

pureTest("a message for an absent user is delivered when the user registers at any server", () => {
  for (const where of [0, 1, 2]) {
    const { network, user } = start();
    const ann = user("Ann", 0);
    const ids = ["one", "two", "three"].map((text) => ann.send("Bob", text));
    network.run(60_000);
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted]);
    const bob = user("Bob", where);
    network.run(100);
    assertEquals(bob.textsFrom("Ann"), ["one", "two", "three"]);
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted, Delivered]);
  }
});

pureTest("a legacy user gets stored messages as text, and they count as delivered", () => {
  const { network, user } = start();
  const ann = user("Ann", 0);
  const ids = ["one", " two"].map((text) => ann.send("Bob", text));
  network.run(1_000);
  const bob = user("Bob", 2, { legacy: true });
  network.run(100);
  assertEquals(bob.text, "Ann: oneAnn:  two");
  for (const id of ids) assertEquals(ann.statesOf(id), [Accepted, Delivered]);
});

pureTest(
  "a message whose recipient does not come in time expires, and its sender learns of it",
  () => {
    const { network, store, user } = start({ limits: { maxAgeMs: HOUR_MS } });
    const ann = user("Ann", 0);
    const id = ann.send("Bob", "too late");
    network.run(HOUR_MS - 60_000);
    const later = ann.send("Bob", "in time");
    network.run(50_000);
    assertEquals(ann.statesOf(id), [Accepted]);
    network.run(12_000);
    assertEquals(ann.statesOf(id), [Accepted, Expired]);
    assertEquals(store.ids, [later]);
    const bob = user("Bob", 1);
    network.run(100);
    assertEquals(bob.textsFrom("Ann"), ["in time"]);
  },
);

pureTest("an absent sender learns the outcome when it registers at any server", () => {
  for (const back of [0, 2]) {
    const { network, nodes, user } = start();
    const ann = user("Ann", 0);
    const [first, second] = [ann.send("Bob", "one"), ann.send("Cid", "two")];
    network.run(100);
    ann.connection!.abort();
    network.run(100);
    const bob = user("Bob", 1);
    network.run(500);
    assertEquals(bob.textsFrom("Ann"), ["one"]);
    assertEquals(ann.statesOf(first), [Accepted]);
    ann.at(nodes[back]!);
    network.run(500);
    assertEquals(ann.statesOf(first), [Accepted, Delivered]);
    assertEquals(ann.statesOf(second), [Accepted]);
  }
});

pureTest("a durable message that is too long for a link is refused with the limit", () => {
  const { network, user } = start();
  const [ann, bob] = [user("Ann", 0), user("Bob", 0)];
  const id = network.uuid();
  const payload = new TextEncoder().encode(`${id}\0Ann\0Bob\0${"x".repeat(65_535 - 45)}`);
  ann.connection!.out.frame(FrameType.Message, MessageKind.Durable, payload);
  network.run(100);
  assertEquals(ann.refusalOf(id), ErrorCode.TextTooLong);
  assertStringIncludes(ann.receiptsFor(id)[0]!.reason, "65487");
  assertEquals(bob.messages, []);
});

pureTest(
  "a message that waits for a server out of reach is delivered when it is within reach again",
  () => {
    const { network, nodes, user } = start();
    const [ann, bob] = [user("Ann", 0), user("Bob", 2)];
    const [near, far] = [nodes[0]!.address, nodes[1]!.address];
    network.separate(near, far);
    network.cut(near, far);
    network.run(5_000);
    assert(!nodes[0]!.users().includes("Bob"));
    const id = ann.send("Bob", "hello");
    network.run(10_000);
    assertEquals(ann.statesOf(id), [Accepted]);
    network.join(near, far);
    network.until(() => nodes[0]!.users().includes("Bob"), 60_000);
    network.run(1_000);
    assertEquals(bob.textsFrom("Ann"), ["hello"]);
    assertEquals(ann.statesOf(id), [Accepted, Delivered]);
  },
);

pureTest(
  "a receipt for a sender at a server out of reach arrives when it is within reach again",
  () => {
    const { network, nodes, user } = start();
    const [ann, bob] = [user("Ann", 2), user("Bob", 0, { forgetful: true })];
    // Ann moves after the server next to Bob has stored her message.
    const before = new TestUser(network, "Eve").at(nodes[0]!);
    const id = before.send("Bob", "hello");
    network.run(100);
    before.connection!.abort();
    network.run(100);
    const eve = new TestUser(network, "Eve", { key: before.key }).at(nodes[2]!);
    network.run(100);
    const [near, far] = [nodes[0]!.address, nodes[1]!.address];
    network.separate(near, far);
    network.cut(near, far);
    network.run(5_000);
    bob.acknowledge(id);
    network.run(1_000);
    assertEquals(eve.statesOf(id), []);
    network.join(near, far);
    network.until(() => nodes[0]!.users().includes("Eve"), 60_000);
    network.run(1_000);
    assertEquals(eve.statesOf(id), [Delivered]);
    assertEquals(ann.receipts, []);
  },
);
