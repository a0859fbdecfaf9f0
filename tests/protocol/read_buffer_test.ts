/**
 * The read buffer of a connection: it keeps every byte, whatever its size at the moment, and no idle connection
 * holds a large one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameConnection, FrameType, HEADER_BYTES } from "@netlab/protocol";
import { ReadBuffer } from "../../protocol/transport/read_buffer.ts";
import { FlushScheduler } from "../../protocol/transport/flush_scheduler.ts";
import { socketTest, tcpPair, within } from "./sockets.ts";

const QUIET_BYTES = 256;
const BUSY_BYTES = 8 * 1024;
const FIRST_BYTES = 32 * 1024;
const OWN_BYTES = 128 * 1024;
const BURST_BYTES = 1024 * 1024;
const BURST_OF_MANY_BYTES = 512 * 1024;

/** Reads as from a socket with a given number of bytes waiting. */
class Stream {
  readonly buffer = new ReadBuffer();
  #written = 0;
  #used = 0;

  /** Reads with `waiting` bytes available. Returns the length of the space for the read. */
  read(waiting: number, isOneOfMany = false): number {
    const room = this.buffer.room(isOneOfMany);
    const count = Math.min(waiting, room.length);
    for (let i = 0; i < count; i++) room[i] = value(this.#written++);
    this.buffer.add(count);
    return room.length;
  }

  /** Uses all but the last `left` bytes, and compares them with those sent. */
  use(left: number): void {
    const { buffer } = this;
    assertEquals(buffer.end - buffer.start, this.#written - this.#used);
    const until = Math.max(buffer.start, buffer.end - left);
    while (buffer.start < until) {
      if (buffer.bytes[buffer.start++] !== value(this.#used)) {
        assertEquals(buffer.bytes[buffer.start - 1], value(this.#used), `byte ${this.#used}`);
      }
      this.#used++;
    }
    buffer.settle();
  }
}

/** The byte at a position of the stream. */
function value(at: number): number {
  return (at ^ (at >>> 8) ^ (at >>> 16)) & 0xff;
}

Deno.test({
  name: "read buffer keeps every byte, whatever arrives and whatever is left",
  permissions: "none",
  fn() {
    const waiting = fc.oneof(fc.nat(600), fc.nat(OWN_BYTES + 100), fc.nat(BURST_BYTES + 100));
    const left = fc.oneof(fc.nat(100), fc.nat(65_541));
    const steps = fc.array(fc.tuple(fc.nat(2), waiting, left, fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (steps) => {
        const streams = [new Stream(), new Stream(), new Stream()];
        for (const [which, waiting, left, isOneOfMany] of steps) {
          streams[which]!.read(waiting, isOneOfMany);
          streams[which]!.use(left);
        }
        for (const { buffer } of streams) buffer.release();
      }),
      { numRuns: 60 },
    );
  },
});

Deno.test({
  name: "read buffer grows with what arrives, and only borrows the largest",
  permissions: "none",
  fn() {
    const stream = new Stream();
    const lengths: number[] = [];
    for (const waiting of [9e9, 9e9, 9e9, 9e9, 9e9, 100, 100]) {
      lengths.push(stream.read(waiting));
      stream.use(0);
    }
    assertEquals(lengths, [
      QUIET_BYTES,
      BUSY_BYTES,
      FIRST_BYTES,
      BURST_BYTES,
      BURST_BYTES,
      BURST_BYTES,
      FIRST_BYTES,
    ]);
    for (let i = 0; i < 15; i++) {
      stream.read(100);
      stream.use(0);
    }
    assertEquals(stream.read(100), QUIET_BYTES);
    stream.buffer.release();
  },
});

Deno.test({
  name:
    "read buffer of one of many connections fills its own buffer, and borrows a large one later",
  permissions: "none",
  fn() {
    const stream = new Stream();
    const lengths: number[] = [];
    for (const waiting of [9e9, 9e9, 100_000, 100_000, 9e9, 9e9, 100]) {
      lengths.push(stream.read(waiting, true));
      stream.use(0);
    }
    assertEquals(lengths, [
      QUIET_BYTES,
      BUSY_BYTES,
      OWN_BYTES,
      OWN_BYTES,
      OWN_BYTES,
      BURST_OF_MANY_BYTES,
      BURST_OF_MANY_BYTES,
    ]);
    assertEquals(stream.read(100), FIRST_BYTES, "alone again");
    stream.buffer.release();
  },
});

Deno.test({
  name: "flush scheduler writes first, then reads, and says whether many read",
  permissions: "none",
  async fn() {
    const steps: string[] = [];
    const end = new FlushScheduler<string>({
      write: (who) => steps.push(`${who} writes`),
      read: (who, isOneOfMany) => steps.push(`${who} reads${isOneOfMany ? ", of many" : ""}`),
      isLargeRead: () => false,
    });
    end.read("a");
    end.write("a");
    end.read("b");
    assertEquals(steps, []);
    await Promise.resolve();
    assertEquals(steps.splice(0), ["a writes", "a reads", "b reads"]);
    for (const who of ["a", "b", "c"]) end.read(who);
    await Promise.resolve();
    assertEquals(steps, ["a reads, of many", "b reads, of many", "c reads, of many"]);
  },
});

Deno.test({
  name: "read buffers borrow a large buffer each while much is waiting, and few keep it",
  permissions: "none",
  fn() {
    const streams = Array.from({ length: 20 }, () => new Stream());
    for (const stream of streams) {
      for (let i = 0; i < 4; i++) {
        stream.read(BURST_BYTES);
        stream.use(0);
      }
    }
    const kept = streams.filter(({ buffer }) => buffer.bytes.length === BURST_BYTES);
    assert(kept.length > 0 && kept.length <= 8, `${kept.length} of 20 are kept`);
    for (const { buffer } of streams) buffer.release();
    // The holders have returned their buffers, so others may hold one.
    const next = new Stream();
    for (let i = 0; i < 4; i++) {
      next.read(BURST_BYTES);
      next.use(0);
    }
    assertEquals(next.buffer.bytes.length, BURST_BYTES);
    next.buffer.release();
  },
});

socketTest("frame connections that all have much to read are all read", async () => {
  const payload = new Uint8Array(1_000).map((_, at) => at);
  const FRAMES = 1_500;
  const received = await within(
    Promise.all(Array.from({ length: 40 }, async () => {
      const [a, b] = await tcpPair();
      const sender = new FrameConnection(a, { lingerMs: 10_000 });
      let sum = 0;
      let count = 0;
      const reading = new FrameConnection(b).run({
        frame({ reserved, start, end }) {
          count++;
          sum += reserved * (end - start);
        },
      });
      for (let i = 0; i < FRAMES; i++) sender.out.frame(FrameType.Echo, 0, payload, i);
      assertEquals(sender.out.length, FRAMES * (payload.length + HEADER_BYTES));
      await sender.close();
      await reading;
      return [count, sum];
    })),
    "all of them",
  );
  const sum = payload.length * FRAMES * (FRAMES - 1) / 2;
  assertEquals(received, Array.from({ length: 40 }, () => [FRAMES, sum]));
});
