/**
 * Data that is forwarded in place is sent from the buffer that it was read into. Nobody may write to that buffer
 * until it has been sent, and the result is the same as with a copy.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  enableInvariants,
  FrameConnection,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
} from "@netlab/protocol";
import { takeBuffer } from "../../protocol/codec/buffers/buffer_pool.ts";
import { SharedBuffer } from "../../protocol/codec/buffers/shared_buffer.ts";
import { ReadBuffer } from "../../protocol/transport/read_buffer.ts";
import { socketTest, tcpPair, within } from "./sockets.ts";

Deno.test({
  name: "a shared buffer has one writer, and is reused when reader and writer have left",
  permissions: "none",
  fn() {
    assertStrictEquals(SharedBuffer.find(takeBuffer(3 << 20).buffer), undefined);
    for (const leave of [["leaveReader", "leaveWriter"], ["leaveWriter", "leaveReader"]] as const) {
      const shared = new SharedBuffer(700_000);
      const { bytes } = shared;
      assert(bytes.length >= 700_000 && !shared.hasWriter);
      assertStrictEquals(SharedBuffer.find(bytes.buffer), shared);
      assert(shared.join());
      assert(shared.hasWriter && !shared.join(), "one writer only");
      for (const step of leave) {
        assert(takeBuffer(700_000) !== bytes, `in use before ${step}`);
        shared[step]();
      }
      assertStrictEquals(takeBuffer(700_000), bytes);
      assertStrictEquals(SharedBuffer.find(bytes.buffer), undefined);
    }
  },
});

Deno.test({
  name: "a shared buffer notices a reader or writer that leaves twice, or joins too late",
  permissions: "none",
  fn() {
    enableInvariants();
    const shared = new SharedBuffer(700_000);
    assertThrows(() => shared.leaveWriter(), Error, "after it has joined");
    shared.leaveReader();
    assertThrows(() => shared.leaveReader(), Error, "leaves once");
    assertThrows(() => shared.join(), Error, "while its reader uses it");
  },
});

const HEAD = "Alice: ";
/** A read, and what is done with each part of it. */
const aRead = fc.record({
  /** How many bytes precede each piece: a few more than the head has, or many. */
  skip: fc.constantFrom(1, HEAD.length, HEAD.length + 6, HEAD.length + 7, 60),
  parts: fc.array(
    fc.record({
      // Copied, written after a head, left out, replaced by part of another read, or followed by a frame.
      how: fc.oneof(
        { weight: 10, arbitrary: fc.constantFrom("copy", "row", "row") },
        { weight: 1, arbitrary: fc.constantFrom("leave out", "other", "own") },
      ),
      pieces: fc.array(fc.oneof(fc.nat(12), fc.nat(300), fc.nat(3_000)), { maxLength: 12 }),
      /** A few bytes before it that are left out. */
      gap: fc.constantFrom(0, 0, 1, 6),
    }),
    { maxLength: 8 },
  ),
});

/** A writer, and the calls of its callbacks. */
function telling(maxBytes: number): { out: FrameWriter; told: string[] } {
  const told: string[] = [];
  const out = new FrameWriter({
    maxBytes,
    onOverflow: () => told.push("overflow"),
    onFirstByte: () => told.push("first byte"),
  });
  return { out, told };
}

/** A read of so many bytes in a shared buffer. Another `factor` gives other bytes. */
function someRead(bytes: number, factor: number): SharedBuffer {
  const shared = new SharedBuffer(bytes + 8);
  const read = shared.bytes;
  for (let i = 0; i < bytes; i++) read[i] = (i * factor) ^ (i >>> 8);
  return shared;
}

Deno.test({
  name: "frame writer writes the same in a shared read buffer as in its own",
  permissions: "none",
  fn() {
    let inPlace = 0;
    const head = new DataView(new TextEncoder().encode(HEAD + " ".repeat(9)).buffer);
    const reads = fc.array(aRead, { minLength: 1, maxLength: 3 });
    // Some runs exceed the limit.
    const property = fc.property(
      reads,
      fc.integer({ min: 20_000, max: 99_000 }),
      (reads, maxBytes) => {
        const fast = telling(maxBytes);
        const plain = telling(maxBytes);
        for (const { skip, parts } of reads) {
          const total = parts.reduce((sum, { gap, pieces }) => {
            return sum + gap + pieces.reduce((sum, length) => sum + length + skip, 0);
          }, 0);
          // Reads in shared buffers, and copies that are not shared.
          const buffers = [someRead(total, 7), someRead(total, 11)] as const;
          const [read, other] = [buffers[0].bytes, buffers[1].bytes];
          const [copy, otherCopy] = [read.slice(), other.slice()];
          let at = 0;
          for (const { how, pieces, gap } of parts) {
            const starts = Int32Array.of(at += gap, ...pieces.map((length) => at += length + skip));
            for (const { out } of [fast, plain]) {
              const source = new DataView((out === fast.out ? read : copy).buffer);
              const another = new DataView((out === fast.out ? other : otherCopy).buffer);
              if (how === "copy") out.copy(source, starts[0]!, at);
              if (how === "other") out.copy(another, starts[0]!, at);
              if (how === "row") {
                out.joinEach(head, HEAD.length, source, starts, 0, pieces.length, skip);
              }
              if (how === "own") out.frame(FrameType.Echo, 0, Uint8Array.of(1, 2, 3));
            }
            assertEquals(fast.out.length, plain.out.length);
            // The following bytes are unchanged.
            assertEquals(read.subarray(at, total).toHex(), copy.subarray(at, total).toHex());
          }
          for (const buffer of buffers) if (buffer.hasWriter) inPlace++;
          const taken = fast.out.take();
          // Overwritten, as by another read, unless the writer sends from there.
          for (const buffer of buffers) {
            if (taken.buffer !== buffer.bytes.buffer) buffer.bytes.fill(0xee);
            buffer.leaveReader();
          }
          assertEquals(taken.toHex(), plain.out.take().toHex());
          fast.out.recycle(taken);
          assertEquals(fast.told, plain.told);
        }
      },
    );
    fc.assert(property, { numRuns: 1_000 });
    assert(inPlace > 80, `only ${inPlace} times`);
  },
});

Deno.test({
  name: "data that stays in place does not change what follows it, and may be written twice",
  permissions: "none",
  fn() {
    const head = new DataView(new TextEncoder().encode(HEAD + " ".repeat(9)).buffer);
    const LONG = 5_000;
    for (let length = 1; length <= 17; length++) {
      for (let less = 0; less <= 9; less++) {
        const skip = HEAD.length + less;
        const total = 2 * skip + LONG + less + 2 * length;
        const read = someRead(total, 7).bytes;
        const copy = read.slice();
        const [fast, plain] = [telling(1e6), telling(1e6)];
        for (const { out } of [fast, plain]) {
          const source = new DataView((out === fast.out ? read : copy).buffer);
          const starts = Int32Array.of(0, skip + LONG, 2 * skip + LONG + length);
          out.joinEach(head, HEAD.length, source, starts, 0, 2, skip);
          const rest = (of: Uint8Array) => of.subarray(starts[2]!, total).toHex();
          if (out === fast.out) assertEquals(rest(read), rest(copy), `${length} ${less}`);
          out.copy(source, starts[2]! + less, starts[2]! + less + length);
          out.copy(source, total - length, total);
        }
        assertEquals(fast.out.take().toHex(), plain.out.take().toHex(), `${length} ${less}`);
      }
    }
    const source = new DataView(someRead(LONG, 7).bytes.buffer);
    const { out } = telling(1e6);
    for (let time = 0; time < 3; time++) out.copy(source, 0, LONG);
    assertEquals(out.take().toHex(), new Uint8Array(source.buffer, 0, LONG).toHex().repeat(3));
  },
});

Deno.test({
  name: "frame writer does not hold a read buffer for few bytes, above all when they have to wait",
  permissions: "none",
  fn() {
    const { out } = telling(1e9);
    const MIB = 1024 * 1024;
    const copied = (bytes: number) => {
      const shared = someRead(MIB - 8, 7);
      const read = shared.bytes;
      out.copy(new DataView(read.buffer), 0, bytes);
      const taken = out.take();
      assertEquals(taken.length, bytes);
      assertEquals(taken.at(-1), read[bytes - 1]);
      const isCopied = taken.buffer !== read.buffer;
      assertEquals(shared.hasWriter, !isCopied);
      return { taken, isCopied };
    };
    const small = copied(20_000);
    assert(small.isCopied);
    assert(copied(5_000).isCopied, "behind the small one");
    assert(!copied(40_000).isCopied, "this is enough");
    out.recycle(small.taken);
    const shared = someRead(MIB - 8, 7);
    out.copy(new DataView(shared.bytes.buffer), 0, 5_000);
    assert(shared.hasWriter, "as more may come");
  },
});

Deno.test({
  name: "read buffer continues in another buffer while a writer uses the last one",
  permissions: "none",
  fn() {
    const buffer = new ReadBuffer();
    const fill = (value: number) => {
      const room = buffer.room();
      room.fill(value);
      buffer.add(room.length);
      return room.length;
    };
    let old = 1;
    while (fill(old) < 1024 * 1024) {
      buffer.start = buffer.end;
      old++;
    }
    const read = buffer.bytes;
    const shared = SharedBuffer.find(read.buffer)!;
    assert(shared.join());
    // The last few bytes are a part of a frame.
    buffer.start = buffer.end - 5;
    buffer.settle();
    const fresh = old + 1;
    fill(fresh);
    assert(buffer.bytes !== read);
    assertEquals([...buffer.bytes.subarray(0, 7)], [old, old, old, old, old, fresh, fresh]);
    assert(read.every((byte) => byte === old), "nobody wrote there");
    shared.leaveWriter();
    assertStrictEquals(SharedBuffer.find(read.buffer), undefined);
    buffer.start = buffer.end;
    buffer.release();
  },
});

const FRAMES = 30_000;
const PAYLOAD_BYTES = 1_000;
/** The recipient of a frame: runs of a hundred frames go to the two recipients in turn. */
const whose = (number: number) => (number / 100 | 0) % 2;

/** A recipient: its connection, and the count and the sum of the numbers of the frames that it has read. */
async function recipient() {
  const [here, there] = await tcpPair();
  const options = { maxPendingBytes: Infinity, lingerMs: 10_000 };
  const reader = new FrameConnection(here, options);
  const seen = { frames: 0, sum: 0 };
  const read = () =>
    reader.run({
      frame({ reserved, bytes, start, end }) {
        seen.frames++;
        seen.sum += reserved;
        assert(bytes.subarray(start, end).every((byte) => byte === (reserved & 0xff)));
      },
    });
  return { connection: new FrameConnection(there, options), read, seen };
}

socketTest(
  "data that is forwarded in place arrives unchanged at its recipients",
  async () => {
    const [here, there] = await tcpPair();
    const recipients = [await recipient(), await recipient()] as const;
    let inPlace = 0;
    const passing = new FrameConnection(there).run({
      frame: () => assert(false, "all of them are passed on by the row"),
      run(bytes, start, end) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const last = end - HEADER_BYTES - PAYLOAD_BYTES;
        let at = start;
        while (at <= last) {
          const from = at;
          const to = whose(view.getUint16(at + 4));
          while (at <= last && whose(view.getUint16(at + 4)) === to) {
            at += HEADER_BYTES + PAYLOAD_BYTES;
          }
          recipients[to]!.connection.out.copy(view, from, at);
          if (SharedBuffer.find(bytes.buffer)?.hasWriter) inPlace++;
        }
        return at;
      },
    });
    const sender = new FrameConnection(here, { maxPendingBytes: Infinity, lingerMs: 10_000 });
    const payload = new Uint8Array(PAYLOAD_BYTES);
    for (let i = 0; i < FRAMES; i++) sender.out.frame(FrameType.Echo, 0, payload.fill(i), i);
    await within(sender.close(), "the sender's end");
    await within(passing, "all that was sent");
    assert(inPlace > 0);
    // They read only now. What did not fit into the sockets has waited, some of it in a read buffer.
    for (const [to, { connection, read, seen }] of recipients.entries()) {
      const reading = read();
      await within(connection.close(), "what is still to be written");
      await within(reading, "what was passed on");
      const sent = Array.from({ length: FRAMES }, (_, i) => i).filter((i) => whose(i) === to);
      assertEquals(seen, { frames: sent.length, sum: sent.reduce((sum, i) => sum + i, 0) });
    }
  },
);
