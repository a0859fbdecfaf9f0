/**
 * Decoding frames from chunks: the frames are the same however the stream is cut, and a frame that is too long
 * is refused by its header.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ErrorCode,
  Frame,
  FrameDecoder,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  ProtocolError,
  readFrames,
} from "@netlab/protocol";
import fc from "fast-check";
import { concatenated, vectors } from "./golden_vectors.ts";

const stream = concatenated();
const expected = vectors.map(({ bytes }) => bytes.toHex());

/** The frames that a decoder finds in the chunks, headers included. */
function decode(chunks: Iterable<Uint8Array>): string[] {
  const frames: string[] = [];
  const decoder = new FrameDecoder((frame) => frames.push(frame.copy().bytes.toHex()));
  for (const chunk of chunks) {
    // A buffer of its own that is cleared after the push: nothing may be read from it later.
    const own = chunk.slice();
    decoder.push(own);
    own.fill(0xee);
  }
  assertStrictEquals(decoder.pendingBytes, 0);
  return frames;
}

function* cut(bytes: Uint8Array, cuts: number[]): Generator<Uint8Array> {
  let from = 0;
  for (const to of cuts) {
    yield bytes.subarray(from, to);
    from = to;
  }
  yield bytes.subarray(from);
}

Deno.test({
  name: "frame decoder finds the same frames at every split point",
  permissions: "none",
  fn() {
    for (let at = 0; at <= stream.length; at++) assertEquals(decode(cut(stream, [at])), expected);
  },
});

Deno.test({
  name: "frame decoder finds the same frames in chunks of every size",
  permissions: "none",
  fn() {
    for (let size = 1; size <= 300; size++) {
      const cuts = Array.from(
        { length: Math.ceil(stream.length / size) - 1 },
        (_, i) => (i + 1) * size,
      );
      assertEquals(decode(cut(stream, cuts)), expected);
    }
  },
});

Deno.test({
  name: "frame decoder finds the same frames however adjacent chunks are joined",
  permissions: "none",
  fn() {
    for (let from = 0; from < vectors.length; from++) {
      for (let to = from + 1; to <= vectors.length; to++) {
        const some = vectors.slice(from, to);
        const bytes = Uint8Array.fromHex(some.map(({ bytes }) => bytes.toHex()).join(""));
        assertEquals(decode([bytes]), expected.slice(from, to));
      }
    }
  },
});

Deno.test({
  name: "frame decoder finds the same frames in any chunks, empty ones included",
  permissions: "none",
  fn() {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 60 }), (cuts) => {
        assertEquals(decode(cut(stream, cuts.sort((a, b) => a - b))), expected);
      }),
    );
  },
});

Deno.test({
  name: "frame decoder reads the longest frame from single bytes",
  permissions: "none",
  fn() {
    const payload = new Uint8Array(MAX_PAYLOAD_BYTES).map((_, at) => at * 31);
    const out = new FrameWriter();
    out.frame(FrameType.Echo, 0, payload, 0x1234);
    out.frame(FrameType.Echo, 0);
    const bytes = out.take();
    const frames = decode(cut(bytes, Array.from({ length: bytes.length }, (_, at) => at)));
    assertEquals(frames, [bytes.subarray(0, -HEADER_BYTES).toHex(), "040000000000"]);
  },
});

Deno.test({
  name: "frame decoder does not copy a whole frame",
  permissions: "none",
  fn() {
    const chunk = vectors[0]!.bytes;
    let buffer: ArrayBufferLike | undefined;
    new FrameDecoder((frame) => buffer = frame.bytes.buffer).push(chunk);
    assertStrictEquals(buffer, chunk.buffer);
  },
});

/** A header that announces `length` bytes. */
function header(length: number): Uint8Array {
  return new Uint8Array([FrameType.Echo, 0, length >>> 8, length & 255, 0, 0]);
}

function assertRefused(work: () => unknown, length: number, limit: number) {
  const error = assertThrows(work, ProtocolError);
  assertStrictEquals(error.code, ErrorCode.FrameTooLong);
  assert(error.fatal);
  assertEquals(error.message.match(/[0-9]+/g), [String(length), String(limit)]);
}

Deno.test({
  name: "frame decoder refuses a length over its limit as soon as the header has arrived",
  permissions: "none",
  fn() {
    for (const limit of [0, 1, 1_000, MAX_PAYLOAD_BYTES - 1]) {
      const visit = () => {
        throw new Error("A refused frame was visited");
      };
      const whole = new FrameDecoder(visit, { maxPayloadBytes: limit });
      assertRefused(() => whole.push(header(limit + 1)), limit + 1, limit);
      assertStrictEquals(whole.pendingBytes, 0);

      const bytewise = new FrameDecoder(visit, { maxPayloadBytes: limit });
      const bytes = header(limit + 1);
      for (let at = 0; at < 5; at++) bytewise.push(bytes.subarray(at, at + 1));
      assertStrictEquals(bytewise.pendingBytes, 5);
      assertRefused(() => bytewise.push(bytes.subarray(5)), limit + 1, limit);
      assertStrictEquals(bytewise.pendingBytes, 0);
    }
  },
});

Deno.test({
  name: "frame decoder passes on the frames before one that it refuses, and keeps nothing of that",
  permissions: "none",
  fn() {
    const visited: number[] = [];
    const decoder = new FrameDecoder((frame) => visited.push(frame.payload.length), {
      maxPayloadBytes: 10,
    });
    const chunk = Uint8Array.fromHex("04000001000061" + "040000000000");
    const bad = new Uint8Array(500);
    bad.set(header(11));
    decoder.push(chunk);
    assertRefused(() => decoder.push(bad), 11, 10);
    assertEquals(visited, [1, 0]);
    assertStrictEquals(decoder.pendingBytes, 0);
  },
});

Deno.test({
  name: "frame decoder accepts a frame of exactly its limit",
  permissions: "none",
  fn() {
    for (const limit of [0, 1, 999, MAX_PAYLOAD_BYTES]) {
      const lengths: number[] = [];
      const decoder = new FrameDecoder((frame) => lengths.push(frame.payload.length), {
        maxPayloadBytes: limit,
      });
      decoder.push(header(limit));
      decoder.push(new Uint8Array(limit));
      assertEquals(lengths, [limit]);
    }
  },
});

Deno.test({
  name: "frame decoder accepts any bytes, and keeps less than one frame",
  permissions: "none",
  fn() {
    const chunks = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 12 });
    fc.assert(
      fc.property(chunks, fc.integer({ min: 0, max: MAX_PAYLOAD_BYTES }), (chunks, limit) => {
        let bytes = 0;
        const decoder = new FrameDecoder(
          (frame) => {
            assert(frame.payload.length <= limit);
            bytes += HEADER_BYTES + frame.payload.length;
          },
          { maxPayloadBytes: limit },
        );
        let pushed = 0;
        try {
          for (const chunk of chunks) {
            decoder.push(chunk);
            pushed += chunk.length;
            assertStrictEquals(bytes + decoder.pendingBytes, pushed);
            assert(decoder.pendingBytes < HEADER_BYTES + limit);
          }
        } catch (error) {
          assert(error instanceof ProtocolError, String(error));
          assertStrictEquals(error.code, ErrorCode.FrameTooLong);
          assertStrictEquals(decoder.pendingBytes, 0);
        }
      }),
      { numRuns: 500 },
    );
  },
});

Deno.test({
  name: "readFrames stops at its end, and returns where the rest begins",
  permissions: "none",
  fn() {
    const bytes = new Uint8Array(stream.length + 20).fill(0xff);
    bytes.set(stream, 7);
    const found: string[] = [];
    const visit = (frame: Frame) => found.push(frame.copy().bytes.toHex());
    const last = expected.at(-1)!.length / 2;
    const end = 7 + stream.length;
    assertStrictEquals(readFrames(bytes, 7, end, 65_535, new Frame(), visit), end);
    assertEquals(found, expected);
    found.length = 0;
    assertStrictEquals(readFrames(bytes, 7, end - 1, 65_535, new Frame(), visit), end - last);
    assertEquals(found, expected.slice(0, -1));
  },
});

Deno.test({
  name: "a copied frame stays valid when its buffer is reused",
  permissions: "none",
  fn() {
    const bytes = Uint8Array.fromHex("ff0407000201026869");
    let copy: Frame | undefined;
    readFrames(bytes, 1, bytes.length, 100, new Frame(), (frame) => copy = frame.copy());
    bytes.fill(0);
    assert(copy);
    assertEquals(
      [copy.type, copy.subtype, copy.reserved, copy.payload.toHex(), copy.bytes.toHex()],
      [4, 7, 0x0102, "6869", "0407000201026869"],
    );
  },
});
