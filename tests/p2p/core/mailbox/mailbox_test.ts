/**
 * The mailbox returns stored messages unchanged and in order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Frame,
  FrameWriter,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  type Message,
  MessageFields,
  MessageKind,
  readFrames,
  readMessage,
  uuidWords,
  writeMessage,
} from "@netlab/protocol";
import { memoryStore } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { nameFactors } from "../../../../p2p/core/dedup/tables/name_table.ts";
import { Mailbox } from "../../../../p2p/core/mailbox/mailbox.ts";
import type { MailboxEntry } from "../../../../p2p/core/mailbox/recipient_queue.ts";
import { between, pick, randomUuid, seeded } from "@netlab/lab/random";
import { SeenNames } from "../../../../p2p/core/dedup/seen_names.ts";
import { VirtualStore } from "../virtual_store.ts";

const RECIPIENTS = ["Bob", "Zoë", "a name that is somewhat longer than the others are"];
/** Bytes of text: around what is copied in words, around a piece of memory, and the most. */
const SIZES = [0, 1, 2, 3, 5, 64, 130, 150, 200, 400, 1_000, 16_000, 16_384, 60_000];

pureTest(
  "mailbox returns every message unchanged and in order, while others come and go",
  () => {
    const random = seeded(5);
    const mailbox = new Mailbox({
      store: memoryStore,
      limits: {},
      names: new SeenNames(100, false),
      factors: nameFactors(random),
    });
    const fields = new MessageFields();
    const expected = new Map(RECIPIENTS.map((name) => [name, [] as [Message, MailboxEntry][]]));
    for (let step = 0; step < 4_000; step++) {
      const recipient = pick(random, RECIPIENTS);
      const its = expected.get(recipient)!;
      if (its.length > 0 && (its.length > 40 || random() < 0.45)) {
        // Mostly the oldest one goes first.
        const at = random() < 0.7 ? 0 : between(random, 0, its.length - 1);
        const [[, entry]] = its.splice(at, 1) as [[Message, MailboxEntry]];
        mailbox.remove(entry);
        assert(!entry.stored);
      } else {
        const text = String.fromCharCode(97 + step % 26).repeat(pick(random, SIZES));
        const message = { id: randomUuid(random), sender: "Ann", recipient, text };
        const out = new FrameWriter();
        writeMessage(out, message, MessageKind.Durable);
        const bytes = out.take();
        fields.read(bytes, HEADER_BYTES, bytes.length);
        its.push([message, mailbox.add("Ann", fields, 1_800_000_000_000 + step)]);
        assertEquals(its.at(-1)![1].acceptedAt, 1_800_000_000_000 + step);
      }
      if (step % 50 > 0) continue;
      mailbox.commit();
      mailbox.expire(1_800_000_000_000 + step);
      for (const [name, its] of expected) {
        const entries = [...mailbox.queues.get(name)?.entries() ?? []];
        assertEquals(entries.map(({ message }) => readMessage(message)), its.map(([one]) => one));
        assertEquals(entries.map(({ id }) => mailbox.messages.get(id)), entries);
        assertEquals(mailbox.queues.get(name)?.size ?? 0, its.length);
      }
    }
    for (const queue of mailbox.queues) for (const entry of queue.entries()) readAsFrame(entry);
  },
);

/** A mailbox with a store, and its expected messages by recipient, in order. */
class SpillingMailbox {
  readonly store = new VirtualStore();
  readonly expected = new Map(RECIPIENTS.map((name) => [name, [] as Message[]]));
  mailbox!: Mailbox;
  #now = 1_800_000_000_000;
  readonly #random: () => number;
  readonly #fields = new MessageFields();

  constructor(random: () => number) {
    this.#random = random;
    this.restart();
  }

  /** As after a crash. */
  restart(): void {
    const factors = nameFactors(this.#random);
    const names = new SeenNames(100, true);
    this.mailbox = new Mailbox({ store: this.store, limits: { maxAgeMs: 1_000 }, names, factors });
  }

  add(recipient: string, text: string): Message {
    const message = { id: randomUuid(this.#random), sender: "Ann", recipient, text };
    const out = new FrameWriter();
    writeMessage(out, message, MessageKind.Durable);
    const bytes = out.take();
    this.mailbox.add("Ann", this.#fields.read(bytes, HEADER_BYTES, bytes.length), ++this.#now);
    this.expected.get(recipient)!.push(message);
    return message;
  }

  /** The oldest for a user, as many as there are up to `most`, go out and are delivered. */
  deliver(recipient: string, most: number): void {
    const queue = this.mailbox.queues.get(recipient);
    const its = this.expected.get(recipient)!;
    queue?.wait();
    for (const message of its.splice(0, most)) {
      const entry = this.mailbox.next(queue!)!;
      assertEquals(readMessage(entry.message), message);
      queue!.sent(entry, "server", this.#now);
      this.mailbox.delivered(entry);
    }
  }

  /** Removes a message, in memory or on disk. */
  remove(recipient: string, index: number): void {
    const [{ id }] = this.expected.get(recipient)!.splice(index, 1) as [Message];
    const entry = this.mailbox.messages.get(id)!;
    assertEquals(entry.id, id);
    this.mailbox.delivered(entry);
    assert(!this.mailbox.messages.has(id));
    assertEquals(this.mailbox.messages.get(id), undefined);
  }

  /** Checks that exactly the expected messages are there. */
  check(): void {
    let size = 0;
    for (const [name, its] of this.expected) {
      const queue = this.mailbox.queues.get(name);
      assertEquals(queue?.size ?? 0, its.length);
      assertEquals(queue?.bytes ?? 0, its.reduce((sum, message) => sum + sizeOf(message), 0));
      assert(its.every(({ id }) => this.mailbox.messages.has(id)));
      size += its.length;
    }
    assertEquals(this.mailbox.messages.size, size);
    const { messages, bytes, recipients } = this.mailbox.usage;
    const all = [...this.expected.values()].flat();
    assertEquals([messages, bytes], [size, all.reduce((sum, one) => sum + sizeOf(one), 0)]);
    assert(recipients >= [...this.expected.values()].filter(({ length }) => length > 0).length);
  }
}

function sizeOf({ id, sender, recipient, text }: Message): number {
  return new TextEncoder().encode([id, sender, recipient, text].join("\0")).length;
}

pureTest(
  "mailbox returns spilled messages in order, whatever came and went meanwhile",
  () => {
    const random = seeded(11);
    const spills = new SpillingMailbox(random);
    let most = 0;
    for (let step = 0; step < 3_000; step++) {
      const recipient = pick(random, RECIPIENTS);
      const { mailbox } = spills;
      const queue = mailbox.queues.get(recipient);
      const { length } = spills.expected.get(recipient)!;
      most = Math.max(most, queue?.spilled ?? 0);
      const kind = random();
      if (kind < 0.4) {
        const count = between(random, 1, 60);
        for (let i = 0; i < count; i++) {
          spills.add(random() < 0.8 ? recipient : pick(random, RECIPIENTS), `${step} ${i}`);
        }
      } else if (kind < 0.55) {
        mailbox.commit();
        for (const one of mailbox.queues) if (random() < 0.7) mailbox.spill(one);
      } else if (kind < 0.6 && queue) {
        // Some are in flight, and the others are spilled; then those are queued again.
        for (let i = 0; i < 9; i++) {
          const entry = mailbox.next(queue);
          if (entry) queue.sent(entry, "server", 0);
        }
        mailbox.spill(queue);
        queue.wait();
        mailbox.spill(queue);
        assertEquals([...queue.entries()], []);
      } else if (kind < 0.8) {
        mailbox.commit();
        spills.deliver(recipient, between(random, 1, random() < 0.1 ? 900 : 60));
      } else if (kind < 0.98 && length > 0) {
        mailbox.commit();
        spills.remove(recipient, between(random, 0, length - 1));
      } else if (kind >= 0.98) {
        mailbox.commit();
        spills.restart();
      }
      if (step % 20 === 0) spills.check();
    }
    assert(most > 600, `${most} spilled`);
    spills.mailbox.commit();
    for (const [recipient, { length }] of spills.expected) spills.deliver(recipient, length);
    spills.mailbox.commit();
    assertEquals([spills.mailbox.messages.size, spills.store.ids], [0, []]);
    spills.mailbox.expire(0);
    const { messages, bytes, recipients, unknownNames } = spills.mailbox.usage;
    assertEquals([messages, bytes, recipients, unknownNames], [0, 0, 0, 0]);
  },
);

pureTest("mailbox does not return messages that were removed while the store failed", () => {
  const spills = new SpillingMailbox(seeded(6));
  const { mailbox, store } = spills;
  for (let i = 0; i < 10; i++) spills.add("Bob", `${i}`);
  mailbox.commit();
  mailbox.spill(mailbox.queues.get("Bob")!);
  store.failing = true;
  for (const index of [9, 4, 0]) spills.remove("Bob", index);
  assert(mailbox.commit()?.error);
  spills.check();
  spills.deliver("Bob", 7);
  assertEquals(mailbox.next(mailbox.queues.get("Bob")!), undefined);
  store.failing = false;
  mailbox.commit();
  assertEquals(store.ids, []);
});

pureTest(
  "mailbox that cannot read spilled messages continues with the others, and has all again after a restart",
  () => {
    const spills = new SpillingMailbox(seeded(2));
    const { mailbox, store } = spills;
    const messages = Array.from({ length: 600 }, (_, index) => spills.add("Bob", `${index}`));
    const other = spills.add("Zoë", "is not lost");
    mailbox.commit();
    const queue = mailbox.queues.get("Bob")!;
    mailbox.spill(queue);
    assertEquals(queue.spilled, 600);
    store.unreadable = true;
    assertEquals(mailbox.messages.get(messages[0]!.id), undefined);
    assertEquals(mailbox.next(queue), undefined);
    assertEquals([queue.size, queue.bytes, mailbox.messages.size], [0, 0, 1]);
    store.unreadable = false;
    const again = spills.add("Bob", "again");
    mailbox.commit();
    assertEquals(mailbox.next(queue)!.id, again.id);
    assertEquals(mailbox.messages.inMemory(uuidWords(other.id, new Int32Array(4)))!.id, other.id);
    spills.restart();
    spills.check();
    spills.deliver("Bob", 601);
  },
);

pureTest("mailbox reports spilled messages that expire, and no others", () => {
  const spills = new SpillingMailbox(seeded(4));
  const { mailbox } = spills;
  const messages = Array.from({ length: 700 }, (_, index) => spills.add("Bob", `${index}`));
  const takenAt = 1_800_000_000_000;
  mailbox.commit();
  const queue = mailbox.queues.get("Bob")!;
  mailbox.spill(queue);
  assertEquals(mailbox.expire(takenAt + 1_000), [], "the first is 999 ms old");
  assertEquals(queue.spilled, 700, "nothing was read back");
  const expired = mailbox.expire(takenAt + 1_300).map(({ id }) => id);
  assertEquals(expired, messages.slice(0, 300).map(({ id }) => id));
  mailbox.spill(queue);
  spills.expected.set("Bob", messages.slice(300));
  spills.check();
  assertEquals(mailbox.expire(takenAt + 1_300), []);
  assertEquals(queue.spilled, 400, "nothing more was read back");
  spills.deliver("Bob", 400);
});

/** Asserts that the bytes of an entry are one whole frame with its message. */
function readAsFrame({ bytes, start, end, id }: MailboxEntry): void {
  const frame = new Frame();
  let count = 0;
  readFrames(bytes, start, end, MAX_PAYLOAD_BYTES, frame, ({ payload }) => {
    assertEquals(readMessage(payload).id, id);
    count++;
  });
  assertEquals(count, 1);
}
