/**
 * How much a server stores in all and for one sender, what happens to more, and what a sender learns about
 * names that nobody has used.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ErrorCode, ReceiptState } from "@netlab/protocol";
import { type FlaggedLimit, LIMITS, type MailboxLimits } from "@netlab/p2p/core";
import { chain, servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { RecipientQueue } from "../../../../p2p/core/mailbox/recipient_queue.ts";
import { TestUser } from "../test_user.ts";
import { VirtualStore } from "../virtual_store.ts";

const { Accepted, Delivered, Refused } = ReceiptState;
const KINDS = [true, false];

function start(limits: MailboxLimits, { durable = true, count = 2, seed = 1 } = {}) {
  const network = new VirtualNetwork(seed);
  const stores = Array.from({ length: count }, () => new VirtualStore({ durable }));
  const nodes = servers(network, count, chain(count), (index) => ({
    store: stores[index]!,
    ...index === 0 && { limits: { maxSenderPercent: 100, ...limits } },
  }));
  settle(network, nodes);
  const user = (name: string, index = 0, options = {}) => {
    const user = new TestUser(network, name, options).at(nodes[index]!);
    network.run(50);
    return user;
  };
  return { network, nodes, store: stores[0]!, user };
}

/** Registers users and lets them leave, so that their names are known. */
function meet(user: (name: string) => TestUser, network: VirtualNetwork, ...names: string[]): void {
  for (const name of names) user(name).connection!.close();
  network.run(100);
}

/** How to exceed each total by one: the limits, what Ann sends first, and what she sends then. */
const EXCESSES: {
  readonly limit: FlaggedLimit;
  readonly durable: boolean;
  readonly limits: MailboxLimits;
  readonly value: number;
  readonly first: readonly string[];
  readonly then: string;
  readonly text?: string;
}[] = [
  {
    limit: "maxMessages",
    durable: true,
    limits: { maxMessages: 3 },
    value: 3,
    first: ["Bob", "Bob", "Bob"],
    then: "Bob",
  },
  {
    limit: "maxBytes",
    durable: true,
    limits: { maxBytes: 1_000 },
    value: 1_000,
    first: ["Bob", "Bob"],
    then: "Bob",
    text: "x".repeat(460),
  },
  {
    limit: "maxTotalMessages",
    durable: false,
    limits: { maxTotalMessages: 3 },
    value: 3,
    first: ["Bob", "Bob", "Cid"],
    then: "Dan",
  },
  {
    limit: "maxMemoryBytes",
    durable: false,
    limits: { maxMemoryBytes: 1_000 },
    value: 1_000,
    first: ["Bob"],
    then: "Cid",
    text: "x".repeat(460),
  },
  {
    limit: "maxDiskBytes",
    durable: true,
    limits: { maxDiskBytes: 1_000 },
    value: 1_000,
    first: ["Bob"],
    then: "Cid",
    text: "x".repeat(460),
  },
  {
    limit: "maxRecipients",
    durable: true,
    limits: { maxRecipients: 2 },
    value: 2,
    first: ["Bob", "Cid", "Bob"],
    then: "Dan",
  },
  {
    limit: "maxUnknownNames",
    durable: true,
    limits: { maxUnknownNames: 2 },
    value: 2,
    first: ["Who", "Whom", "Who", "Bob"],
    then: "Whose",
  },
];

for (const { limit, durable, limits, value, first, then, text = "x" } of EXCESSES) {
  pureTest(`a message beyond ${limit} is refused, and the refusal names the limit`, () => {
    const { network, user } = start(limits, { durable });
    meet(user, network, "Bob", "Cid", "Dan");
    const ann = user("Ann");
    const ids = first.map((name) => ann.send(name, text));
    network.run(100);
    for (const id of ids) assertEquals(ann.statesOf(id), [Accepted]);
    const id = ann.send(then, text);
    network.run(100);
    const [receipt] = ann.receiptsFor(id);
    const { flag, code } = LIMITS[limit] as typeof LIMITS.maxBytes;
    assertEquals([receipt!.state, receipt!.code], [Refused, code]);
    assertMatch(receipt!.reason, new RegExp(`^Cannot store a message for ${then}: `));
    assertStringIncludes(receipt!.reason, `${value.toLocaleString("en")} `);
    assertStringIncludes(receipt!.reason, `its operator can raise --${flag}`);
    assertEquals(ann.receiptsFor(id).length, 1);

    // There is room again when something was delivered.
    user(first[0]!);
    network.run(1_000);
    const again = ann.send(then, text);
    network.run(100);
    assertEquals(ann.statesOf(again)[0], Accepted);
  });
}

for (const durable of KINDS) {
  pureTest(
    `one sender uses up one sender's share, and others still send (${
      durable ? "on disk" : "in memory"
    })`,
    () => {
      const bytes = { maxMemoryBytes: 4_000, maxDiskBytes: 4_000 };
      const cases: [
        limits: MailboxLimits,
        most: number,
        names: (i: number) => string,
        x: string,
      ][] = [
        [{ maxTotalMessages: 20 }, 5, () => "Bob", "x"],
        [bytes, 2, () => "Bob", "x".repeat(420)],
        [{ maxRecipients: 12 }, 3, (i) => `Known ${i}`, "x"],
        [{ maxUnknownNames: 8 }, 2, (i) => `Unknown ${i}`, "x"],
      ];
      for (const [limits, most, names, text] of cases) {
        const { network, user } = start({ ...limits, maxSenderPercent: 25 }, { durable });
        meet(user, network, "Bob", ...Array.from({ length: 8 }, (_, i) => `Known ${i}`));
        const [ann, eve] = [user("Ann"), user("Eve")];
        const ids = Array.from({ length: most + 2 }, (_, i) => ann.send(names(i), text));
        network.run(100);
        assertEquals(ids.map((id) => ann.isAccepted(id)), ids.map((_, i) => i < most));
        const last = ann.receiptsFor(ids.at(-1)!)[0]!;
        assertEquals(last.code, ErrorCode.ShareUsedUp);
        assertStringIncludes(
          last.reason,
          "your share; the server's operator can raise --max-sender-percent",
        );
        const other = eve.send(names(most + 1), text);
        network.run(100);
        assert(eve.isAccepted(other), JSON.stringify(limits));
      }
    },
  );
}

pureTest(
  "a message for a name that nobody has used is accepted, and its sender learns of it",
  () => {
    for (const durable of KINDS) {
      const { network, nodes, user } = start({ maxUnknownNames: 1 }, { durable, count: 3 });
      const ann = user("Ann");
      const texts = Array.from({ length: 20 }, (_, number) => `${number}`);
      const ids = texts.map((text) => ann.send("Bbo", text));
      const from = ann.send("Ann", "x");
      network.run(100);
      const since = durable ? "" : " since the server started";
      const reason = `no one called Bbo has been here${since}; kept for 7 days`;
      const receipts = ids.map((id) => ann.receiptsFor(id)[0]!);
      assert(receipts.every((receipt) => receipt.state === Accepted));
      assert(receipts.every(({ code }) => code === ErrorCode.UnknownRecipient));
      assertEquals(receipts[0]!.reason, reason);
      // Most of them arrive together: then the reason is not repeated.
      assertEquals(new Set(receipts.map(({ reason }) => reason)), new Set([reason, ""]));
      assertEquals(ann.receiptsFor(from)[0]!.code, 0);
      // Somebody comes by that name, at the other end of the network, and the room for one is free.
      const bbo = user("Bbo", 2);
      network.run(500);
      assertEquals(bbo.textsFrom("Ann"), texts);
      bbo.connection!.close();
      network.run(500);
      const known = ann.send("Bbo", "z");
      const next = ann.send("Who", "x");
      network.run(100);
      assertEquals(ann.receiptsFor(known)[0]!.code, 0);
      assertEquals(ann.receiptsFor(next)[0]!.code, ErrorCode.UnknownRecipient);
      // A server that starts later knows the name, and so does this one after a crash.
      nodes[1]!.crash();
      nodes[1]!.start();
      settle(network, nodes, 30_000);
      nodes[0]!.crash();
      nodes[0]!.start();
      settle(network, nodes, 30_000);
      network.run(1_000);
      for (const index of [0, 1]) {
        const eve = user(`Eve ${index}`, index);
        const ids = [eve.send("Bbo", "x"), eve.send("Nobody", "x")];
        network.run(100);
        const codes = ids.map((id) => eve.receiptsFor(id)[0]!.code);
        const unknown = index === 0 ? ErrorCode.TooManyUnknownNames : ErrorCode.UnknownRecipient;
        assertEquals(codes, [0, unknown], `server ${index}`);
      }
    }
  },
);

pureTest(
  "when storage is full, messages between connected users are delivered in order, and not stored",
  () => {
    for (const durable of KINDS) {
      for (const where of [0, 1]) {
        const { network, store, user } = start({ maxTotalMessages: 2 }, { durable });
        const [ann, bob] = [user("Ann"), user("Bob", where, { forgetful: true })];
        const stored = [ann.send("Cid", "x"), ann.send("Bob", "0")];
        const passed = Array.from({ length: 20 }, (_, i) => ann.send("Bob", `${i + 1}`));
        const refused = ann.send("Cid", "too many");
        network.run(500);
        assertEquals(bob.textsFrom("Ann"), Array.from({ length: 21 }, (_, i) => `${i}`));
        assertEquals(stored.map((id) => ann.statesOf(id)), [[Accepted], [Accepted]]);
        // Nothing is promised yet.
        ann.send("Bob", "1", { id: passed[0]! });
        network.run(100);
        for (const id of passed) assertEquals(ann.statesOf(id), []);
        assertEquals(ann.refusalOf(refused), ErrorCode.StorageFull);
        assertEquals(store.ids, durable ? stored : store.ids);
        bob.acknowledge(...passed);
        network.run(100);
        for (const id of passed) {
          const receipts = ann.receiptsFor(id).map(({ state, code }) => [state, code]);
          assertEquals(receipts, [[Delivered, ErrorCode.NotStored]]);
        }
        bob.acknowledge(stored[1]!);
        network.run(100);
        assertEquals(ann.statesOf(stored[1]!), [Accepted, Delivered]);
        const next = ann.send("Bob", "stored");
        network.run(100);
        assertEquals(ann.statesOf(next), [Accepted]);
      }
    }
  },
);

pureTest(
  "a message that was not stored is lost with its server, and its sender was promised nothing",
  () => {
    const { network, nodes, user } = start({ maxTotalMessages: 1 });
    const [ann, bob] = [user("Ann"), user("Bob", 1, { forgetful: true })];
    const stored = ann.send("Cid", "x");
    const id = ann.send("Bob", "hello");
    network.run(200);
    assertEquals(bob.textsFrom("Ann"), ["hello"]);
    nodes[0]!.crash();
    nodes[0]!.start();
    settle(network, nodes, 30_000);
    const again = new TestUser(network, "Ann", { key: ann.key }).at(nodes[0]!);
    network.run(500);
    // Her client sends again what was not accepted. Bob's client drops the copy.
    again.send("Bob", "hello", { id });
    network.run(200);
    bob.acknowledge(id);
    network.run(200);
    assertEquals(again.receiptsFor(id).map(({ state, code }) => [state, code]), [
      [Delivered, ErrorCode.NotStored],
    ]);
    assertEquals(ann.statesOf(stored), [Accepted]);
  },
);

pureTest(
  "a message that was not stored and that nobody acknowledges is given up, and nobody is misled",
  () => {
    for (const isGone of [false, true]) {
      const { network, nodes, user } = start({ maxTotalMessages: 1 });
      const [ann, bob] = [user("Ann"), user("Bob", 1, { forgetful: true })];
      ann.send("Cid", "x");
      const id = ann.send("Bob", "hello");
      network.run(200);
      if (isGone) bob.connection!.abort();
      network.run(18_000);
      assertEquals(ann.statesOf(id), []);
      network.run(3_000);
      const [receipt] = ann.receiptsFor(id);
      assertEquals([receipt!.state, receipt!.code], [Refused, ErrorCode.NotStored]);
      assertMatch(receipt!.reason, /^Cannot tell whether Bob got the message: it was not stored/);
      if (!isGone) continue;
      // If Bob comes back in time, it arrives after all.
      const next = user("Bob", 0, { forgetful: true });
      const other = ann.send("Bob", "again");
      network.run(100);
      next.connection!.abort();
      network.run(5_000);
      const back = user("Bob", 1);
      network.run(500);
      assertEquals([next.textsFrom("Ann"), back.textsFrom("Ann")], [["again"], ["again"]]);
      assert(ann.isDelivered(other));
      // A sender who went to another server sends again from there, so this server refuses nothing.
      const late = ann.send("Bob", "late");
      back.connection!.abort();
      network.run(50);
      ann.connection!.abort();
      const moved = new TestUser(network, "Ann", { key: ann.key }).at(nodes[1]!);
      network.run(25_000);
      assertEquals(moved.receiptsFor(late).filter(({ state }) => state === Refused), []);
    }
  },
);

pureTest("messages for absent users cost nothing while nothing happens", () => {
  const { network, user } = start({ maxUnknownNames: 1_000, maxRecipients: 1_000 });
  const ann = user("Ann");
  const ids = Array.from({ length: 500 }, (_, i) => ann.send(`User ${i}`, "x"));
  network.run(2_000);
  assert(ids.every((id) => ann.isAccepted(id)));
  // Every look at a queue begins with its oldest message.
  const first = Object.getOwnPropertyDescriptor(RecipientQueue.prototype, "first")!;
  let looks = 0;
  Object.defineProperty(RecipientQueue.prototype, "first", {
    ...first,
    get() {
      looks++;
      return first.get!.call(this);
    },
  });
  try {
    network.run(10_000);
  } finally {
    Object.defineProperty(RecipientQueue.prototype, "first", first);
  }
  assertEquals(looks, 0);
});

pureTest(
  "a server with a disk keeps less in memory than it may, and delivers everything in order",
  () => {
    const { network, store, user } = start({ maxMemoryBytes: 50_000, maxMessages: 10_000 });
    const [ann, bob] = [user("Ann"), user("Bob", 1, { forgetful: true })];
    const text = "x".repeat(2_000);
    for (let i = 0; i < 2_000; i++) {
      ann.send("Bob", `${i} ${text}`);
      if (i % 100 === 99) network.run(50);
    }
    network.run(1_000);
    assertEquals(store.ids.length, 2_000);
    assert(bob.messages.length <= 1_000, "the others wait");
    const seen = new Set<string>();
    for (let round = 0; round < 50 && seen.size < 2_000; round++) {
      const news = bob.messages.map(({ id }) => id).filter((id) => !seen.has(id));
      for (const id of news) seen.add(id);
      bob.acknowledge(...news);
      network.run(200);
    }
    const numbers = [...new Set(bob.textsFrom("Ann").map((one) => Number.parseInt(one)))];
    assertEquals(numbers, Array.from({ length: 2_000 }, (_, i) => i));
    assert(store.reads > 0, "some were on disk only");
  },
);

pureTest("a message that is not stored never overtakes messages that are on disk only", () => {
  const { network, user } = start({ maxTotalMessages: 1_500, maxMessages: 5_000 });
  const ann = user("Ann");
  const ids = Array.from({ length: 1_500 }, (_, i) => ann.send("Bob", `${i}`));
  network.run(1_000);
  const bob = user("Bob", 1, { forgetful: true });
  network.run(1_000);
  assertEquals(bob.messages.length, 1_000, "the others wait");
  const next = ann.send("Bob", "next");
  network.run(100);
  assertEquals(ann.refusalOf(next), ErrorCode.StorageFull);
  for (let acknowledged = 0; acknowledged < ids.length;) {
    const news = bob.messages.slice(acknowledged).map(({ id }) => id);
    assert(news.length > 0, `stuck at ${acknowledged}`);
    bob.acknowledge(...news);
    acknowledged += news.length;
    network.run(200);
  }
  assertEquals(bob.messages.map(({ id }) => id), ids);
});
