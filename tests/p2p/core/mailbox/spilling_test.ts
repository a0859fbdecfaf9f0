/**
 * Messages for absent users that are on disk only are delivered like those in memory.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, ReceiptState } from "@netlab/protocol";
import type { MailboxLimits } from "@netlab/p2p/core";
import {
  disconnectRules,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";
import { VirtualStore } from "../virtual_store.ts";

const { Accepted, Delivered, Expired } = ReceiptState;
/** More than may be in flight to one user. */
const MANY = 3_000;

function start(limits: MailboxLimits = { maxMessages: 10 * MANY }) {
  const network = new VirtualNetwork();
  const stores = [new VirtualStore(), new VirtualStore()] as const;
  const nodes = servers(network, 2, undefined, (index) => ({
    ...{ limits, rules: disconnectRules, store: stores[index]! },
  })) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  const user = (name: string, index: number, options = {}) => {
    const user = new TestUser(network, name, options).at(nodes[index]!);
    network.run(50);
    return user;
  };
  return { network, nodes, store: stores[0], stores, user, ann: user("Ann", 0) };
}

type Started = ReturnType<typeof start>;

/** Ann sends so many to Bob, in many event loop turns, and all are accepted. */
function sendMany({ network, ann }: Started, count = MANY): string[] {
  const ids: string[] = [];
  while (ids.length < count) {
    for (let i = 0; i < 100; i++) ids.push(ann.send("Bob", `${ids.length}`));
    network.run(20);
  }
  network.run(50);
  assertEquals(ids.filter((id) => !ann.isAccepted(id)), []);
  return ids;
}

pureTest(
  "spilled messages arrive in order when their recipient registers, here or elsewhere",
  () => {
    for (const at of [0, 1]) {
      const started = start();
      const { network, store, user, ann } = started;
      const ids = sendMany(started);
      assertEquals(store.reads, 0);
      const bob = user("Bob", at);
      // Ann sends more while earlier messages are in flight.
      ids.push(...sendMany(started, 500));
      network.run(5_000);
      assertEquals(bob.messages.map(({ id }) => id), ids);
      assertEquals(ids.filter((id) => !ann.isDelivered(id)), []);
      assert(store.reads > MANY / 300, `${store.reads} reads`);
      assertEquals(store.ids, []);
      const { reads } = store;
      ids.push(ann.send("Bob", "and now"));
      network.run(100);
      assertEquals(bob.messages.at(-1)!.id, ids.at(-1));
      assertEquals(store.reads, reads, "messages for a present user are not spilled");
    }
  },
);

pureTest(
  "a recipient that repeatedly registers, reads some messages and leaves gets each once and in order",
  () => {
    for (const at of [0, 1]) {
      const started = start();
      const { network, ann, user } = started;
      const ids = sendMany(started);
      const taken: string[] = [];
      for (let round = 0; taken.length < ids.length; round++) {
        assert(round < 100, `stuck at ${taken.length}`);
        const bob = user("Bob", at, { forgetful: true });
        network.until(() => bob.messages.length >= Math.min(200, ids.length - taken.length), 5_000);
        const some = bob.messages.slice(0, 200).map(({ id }) => id);
        bob.acknowledge(...some);
        taken.push(...some);
        network.run(50);
        bob.connection!.abort();
        if (round < 5) ids.push(...sendMany(started, 100));
        network.run(100);
      }
      assertEquals(taken, ids);
      assertEquals(ids.filter((id) => !ann.isDelivered(id)), []);
    }
  },
);

pureTest(
  "a spilled message that is sent again is accepted again, and delivered once",
  () => {
    const started = start();
    const { network, store, user, ann } = started;
    const ids = sendMany(started, 300);
    for (const [index, id] of ids.entries()) ann.send("Bob", `${index}`, { id });
    network.run(100);
    assertEquals(ids.filter((id) => ann.statesOf(id).length !== 2), []);
    assertEquals(store.ids, ids);
    const bob = user("Bob", 1);
    network.run(1_000);
    assertEquals(bob.messages.map(({ id }) => id), ids);
    assertEquals(ann.statesOf(ids[7]!), [Accepted, Accepted, Delivered]);
  },
);

pureTest("spilled messages expire, their sender is told, and later ones are delivered", () => {
  const started = start({ maxMessages: 10 * MANY, maxAgeMs: 10_000 });
  const { network, store, user, ann } = started;
  const old = sendMany(started, 700);
  network.run(8_000);
  const young = sendMany(started, 300);
  network.run(4_000);
  assertEquals(old.filter((id) => ann.statesOf(id)[1] !== Expired), []);
  assertEquals(store.ids, young);
  const bob = user("Bob", 0);
  network.run(1_000);
  assertEquals(bob.messages.map(({ id }) => id), young);
});

pureTest(
  "spilled messages count for the limit, after a crash as well",
  () => {
    const started = start({ maxMessages: 400 });
    const { network, nodes, user } = started;
    sendMany(started, 300);
    nodes[0].crash();
    nodes[0].start();
    settle(network, nodes, 40_000);
    const ann = user("Ann", 0);
    const more = Array.from({ length: 150 }, (_, index) => ann.send("Bob", `${index}`));
    network.run(100);
    assertEquals(more.filter((id) => ann.isAccepted(id)), more.slice(0, 100));
    const bob = user("Bob", 1);
    network.run(2_000);
    assertEquals(bob.messages.length, 400);
  },
);

pureTest(
  "a draining server hands off all spilled messages, in order and quickly",
  () => {
    const started = start();
    const { network, nodes, stores, user, ann } = started;
    const ids = sendMany(started);
    const others = Array.from({ length: 50 }, (_, index) => ann.send(`User ${index}`, "hello"));
    network.run(100);
    ann.connection!.abort();
    network.latency = () => 80;
    const deliveries = network.watch(({ from, frame }) =>
      from === nodes[0].address && frame.type === FrameType.Message
    );
    nodes[0].core.drain();
    network.until(() => nodes[0].core.isDrained, 5_000);
    nodes[0].close();
    network.run(100);
    assertEquals(deliveries.length, ids.length + others.length, "each once");
    assertEquals(stores[0].ids, []);
    assertEquals(new Set(stores[1].ids), new Set([...ids, ...others]));
    const bob = user("Bob", 1);
    network.run(2_000);
    assertEquals(bob.messages.map(({ id }) => id), ids);
  },
);
