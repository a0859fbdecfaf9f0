/**
 * What is kept stays as it was, in order, whatever comes and goes around it.
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
  writeMessage,
} from "@netlab/protocol";
import { type KeptEntry, Mailbox, memoryStore, nameFactors } from "@netlab/p2p/core";
import { between, pick, randomUuid, seeded } from "../../../lab/random.ts";

const RECIPIENTS = ["Bob", "Zoë", "a name that is somewhat longer than the others are"];
/** Bytes of text: around what is copied in words, around a piece of memory, and the most. */
const SIZES = [0, 1, 2, 3, 5, 64, 130, 150, 200, 400, 1_000, 16_000, 16_384, 60_000];

Deno.test({
  name: "mailbox gives back every message as it was and in order, while others come and go",
  permissions: "none",
  fn() {
    const random = seeded(5);
    const mailbox = new Mailbox({
      store: memoryStore,
      limits: {},
      factors: nameFactors(random),
    });
    const fields = new MessageFields();
    const expected = new Map(RECIPIENTS.map((name) => [name, [] as [Message, KeptEntry][]]));
    for (let step = 0; step < 4_000; step++) {
      const recipient = pick(random, RECIPIENTS);
      const its = expected.get(recipient)!;
      if (its.length > 0 && (its.length > 40 || random() < 0.45)) {
        // Mostly the oldest one goes first.
        const at = random() < 0.7 ? 0 : between(random, 0, its.length - 1);
        const [[, entry]] = its.splice(at, 1) as [[Message, KeptEntry]];
        mailbox.remove(entry);
        assert(!entry.kept);
      } else {
        const text = String.fromCharCode(97 + step % 26).repeat(pick(random, SIZES));
        const message = { id: randomUuid(random), sender: "Ann", recipient, text };
        const out = new FrameWriter();
        writeMessage(out, message, MessageKind.WithReceipts);
        const bytes = out.take();
        fields.read(bytes, HEADER_BYTES, bytes.length);
        its.push([message, mailbox.add("Ann", fields, 1_800_000_000_000 + step)]);
        assertEquals(its.at(-1)![1].acceptedAt, 1_800_000_000_000 + step);
      }
      if (step % 50 > 0) continue;
      mailbox.commit();
      mailbox.expire(1_800_000_000_000 + step);
      for (const [name, its] of expected) {
        const entries = [...mailbox.box(name)?.entries() ?? []];
        assertEquals(entries.map(({ message }) => readMessage(message)), its.map(([one]) => one));
        assertEquals(entries.map(({ id }) => mailbox.get(id)), entries);
        assertEquals(mailbox.box(name)?.size ?? 0, its.length);
      }
    }
    for (const box of mailbox.boxes()) for (const entry of box.entries()) readAsFrame(entry);
  },
});

/** It lies ready as one whole frame. */
function readAsFrame({ bytes, start, end, id }: KeptEntry): void {
  const frame = new Frame();
  let count = 0;
  readFrames(bytes, start, end, MAX_PAYLOAD_BYTES, frame, ({ payload }) => {
    assertEquals(readMessage(payload).id, id);
    count++;
  });
  assertEquals(count, 1);
}
