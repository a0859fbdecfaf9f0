/**
 * The fast path for batches changes no byte of the output, and neither do batches: they are written as
 * if their messages had come one by one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { MAX_HOPS } from "../../../../p2p/core/mesh/server_network.ts";
import {
  BatchFields,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MessageKind,
  splitBatch,
  writeBatch,
  writeInformationRequest,
} from "@netlab/protocol";
import fc from "fast-check";
import { FastPathNetwork } from "../fast_path_network.ts";

const encoder = new TextEncoder();
const hex = (number: number) => number.toString(16).padStart(8, "0");

interface Sent {
  stream: string;
  first: number;
  sender: string;
  recipient: string;
  texts: string[];
  hops: number;
  /** What is wrong with it. */
  fault: "none" | "length" | "id" | "UTF-8" | "names";
}

const aText = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 30 }) },
);
/** Batches whose numbers mostly follow each other, and some that come again, or too early. */
const aBatch = fc.record({
  stream: fc.constantFrom("a", "a", "b"),
  step: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, {
    weight: 2,
    arbitrary: fc.integer({ min: -8, max: 40 }),
  }),
  // Mostly the user of the connection.
  sender: fc.oneof({ weight: 12, arbitrary: fc.constant("") }, {
    weight: 1,
    arbitrary: fc.constantFrom("Ann", "An", "Far", " "),
  }),
  recipient: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("Cy", "Cy", "Dee", "New") },
    { weight: 2, arbitrary: fc.constantFrom("Ann", "Bo", "Text", "Тест", "Far", "Off", "Nobody") },
  ),
  texts: fc.array(aText, { minLength: 1, maxLength: 12 }),
  hops: fc.constantFrom(0, 0, 0, 1, MAX_HOPS - 1, MAX_HOPS, 0xffff),
  fault: fc.oneof({ weight: 30, arbitrary: fc.constant("none" as const) }, {
    weight: 1,
    arbitrary: fc.constantFrom("length", "id", "UTF-8", "names"),
  }),
});
const aStep = fc.record({
  from: fc.constantFrom("Ann", "Cy", "Text", "peer", "newer"),
  batches: fc.array(aBatch, { minLength: 5, maxLength: 30 }),
  /** Which of them are single messages instead, and before which something else comes. */
  singles: fc.array(fc.nat(30), { maxLength: 4 }),
  question: fc.nat(60),
});

/** Writes it as a batch; with `apart`, as its messages one by one. */
function write(out: FrameWriter, from: string, sent: Sent, apart: boolean): void {
  const sender = sent.sender || { peer: "Far", newer: "New" }[from] || from;
  const own = new FrameWriter();
  own.begin(FrameType.Message, MessageKind.Batch, sent.hops);
  const version = sent.fault === "id" ? 4 : 8;
  own.uuid(`0000000${sent.stream}-0001-${version}aaa-9000-abcd${hex(sent.first)}`);
  own.shortText(sent.fault === "names" ? "Al\0ce" : sender);
  own.shortText(sent.recipient);
  own.u16(sent.texts.length);
  const texts = sent.texts.map((text) => encoder.encode(text));
  if (sent.fault === "UTF-8") texts[0] = Uint8Array.of(0x78, 0xc3, 0x28);
  for (const text of texts) own.u16(text.length + (sent.fault === "length" ? 1 : 0));
  for (const text of texts) own.bytes(text);
  own.end();
  const bytes = own.take();
  if (!apart) return out.raw(bytes);
  splitBatch(new BatchFields().read(bytes, HEADER_BYTES, bytes.length), out, sent.hops);
}

/** What the steps are on the wire, read by read. */
function* reads(steps: (typeof aStep extends fc.Arbitrary<infer T> ? T : never)[], apart: boolean) {
  const next = new Map<string, number>();
  for (const { from, batches, singles, question } of steps) {
    const out = new FrameWriter();
    for (const [index, { step, ...batch }] of batches.entries()) {
      const stream = `${batch.sender || from} ${batch.stream}`;
      const first = Math.max(0, (next.get(stream) ?? 0) + step);
      next.set(stream, first + batch.texts.length);
      if (index === question) writeInformationRequest(out, 1);
      const isSound = batch.fault === "none";
      // An error is reported once for a batch, but once for each single message.
      const mayBeApart = isSound && batch.sender === "" && batch.recipient !== "Nobody";
      write(
        out,
        from,
        { ...batch, first },
        (apart && mayBeApart) || (isSound && singles.includes(index)),
      );
    }
    yield { from, bytes: out.take() };
  }
}

pureTest(
  "a core that gets whole reads of batches writes the same bytes as one that gets frame by frame",
  () => {
    let passed = 0;
    let whole = 0;
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 6 }), (steps) => {
        const fast = new FastPathNetwork(true);
        const slow = new FastPathNetwork(false);
        for (const { from, bytes } of reads(steps, false)) {
          for (const network of [fast, slow]) network.feed(from, bytes);
          const written = fast.written();
          assertEquals(written, slow.written());
          for (const frames of Object.values(written)) {
            whole += frames.split(/0304(?=....00)/).length - 1;
          }
        }
        passed += fast.passed;
      }),
      { numRuns: 250 },
    );
    assert(passed > 100_000, `only ${passed} bytes took the fast path`);
    assert(whole > 500, `only ${whole} batches came out whole`);
  },
);

pureTest("batches are written like their messages one by one", () => {
  let messages = 0;
  fc.assert(
    fc.property(fc.array(aStep, { minLength: 1, maxLength: 4 }), (steps) => {
      const [batches, singles] = [new FastPathNetwork(true), new FastPathNetwork(true)];
      const alike = [...reads(steps, true)];
      for (const [index, { from, bytes }] of [...reads(steps, false)].entries()) {
        batches.feed(from, bytes);
        singles.feed(from, alike[index]!.bytes);
        const written = batches.writtenApart();
        assertEquals(written, singles.writtenApart());
        for (const frames of Object.values(written)) messages += frames.split(" 0300").length - 1;
      }
    }),
    { numRuns: 250 },
  );
  assert(messages > 5_000, `only ${messages} messages came out`);
});

/** A run of batches, all in order. */
function runOf(recipient: string, count: number, each: number, length: number): Uint8Array {
  const out = new FrameWriter();
  const texts = Array.from({ length: each }, () => "x".repeat(length));
  for (let i = 0; i < count; i++) {
    const id = `0000000a-0001-8aaa-9000-abcd${hex(i * each)}`;
    assertEquals(writeBatch(out, { id, sender: "Ann", recipient, texts }), each);
  }
  return out.take();
}

for (const recipient of ["Cy", "New"]) {
  const link = recipient === "New" ? "newer" : recipient;
  pureTest(
    `batch fast path handles a long run to ${recipient} except for the first batch`,
    () => {
      const network = new FastPathNetwork(true);
      const frames = runOf(recipient, 300, 20, 30);
      network.feed("Ann", frames);
      assertEquals(network.passed, frames.length - frames.length / 300);
      const { out } = network.ports.get(link)!;
      assertEquals(out.take().length, frames.length);
      network.feed("Ann", frames);
      assertEquals(out.take().length, recipient === "New" ? frames.length : 0, "no copy twice");
    },
  );

  pureTest(
    `batch fast path leaves batches that are too much for ${recipient} to the router, which pauses the sender`,
    () => {
      const [fast, slow] = [new FastPathNetwork(true), new FastPathNetwork(false)];
      const frames = runOf(recipient, 40, 500, 100);
      for (const network of [fast, slow]) network.feed("Ann", frames);
      assert(fast.passed > 1_000_000 && fast.passed < 1_200_000, `${fast.passed} bytes passed`);
      assert(fast.ports.get("Ann")!.paused);
      assertEquals(fast.ports.get(link)!.out.length, frames.length, "all the same");
      assertEquals(fast.written(), slow.written());
    },
  );
}
