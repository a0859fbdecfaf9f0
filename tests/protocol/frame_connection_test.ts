/**
 * Frames over real sockets: how writes are combined, how frames are reassembled, and what a slow or hostile
 * other side can do.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import * as p from "@netlab/protocol";
import { concatenated, vectors } from "./golden_vectors.ts";
import { framesIn } from "./layouts.ts";
import { socketTest, tcpPair, tlsPair, Watched, within, writeAll } from "./sockets.ts";

const { Echo } = p.FrameType;
const MEGABYTE = 1024 * 1024;
/** More than the kernel buffers of both ends of a loopback connection hold. */
const PLENTY = 48 * MEGABYTE;
const BIG = new Uint8Array(p.MAX_PAYLOAD_BYTES).map((_, at) => at * 31);
const BIG_FRAME_BYTES = BIG.length + p.HEADER_BYTES;
const ignore: p.FrameHandler = { frame() {} };

function writeBig(connection: p.FrameConnection, bytes: number): number {
  const count = Math.ceil(bytes / BIG_FRAME_BYTES);
  for (let i = 0; i < count; i++) connection.out.frame(Echo, 0, BIG);
  return count;
}

/** Runs until the end, and returns the frames that arrived. */
async function collect(connection: p.FrameConnection): Promise<string[]> {
  const frames: string[] = [];
  await connection.run({ frame: (frame) => frames.push(frame.copy().bytes.toHex()) });
  return frames;
}

/** Sends a frame back and forth several times, to pass time. */
async function passTime(): Promise<void> {
  const [a, b] = await tcpPair();
  const buffer = new Uint8Array(1);
  for (let i = 0; i < 200; i++) {
    await a.write(buffer);
    await b.read(buffer);
    await b.write(buffer);
    await a.read(buffer);
  }
  a.close();
  b.close();
}

socketTest("frame connection sends the frames of one event loop turn with one write", async () => {
  const [a, b] = await tcpPair();
  const watched = new Watched(a);
  const sender = new p.FrameConnection(watched);
  for (const frame of framesIn(concatenated())) sender.out.forward(frame, frame.reserved);
  assertEquals(watched.writes, []);
  const received = collect(new p.FrameConnection(b));
  await sender.close();
  assertEquals(await within(received, "frames"), vectors.map(({ bytes }) => bytes.toHex()));
  assertEquals(watched.writes, [concatenated().length]);
});

socketTest("frame connection has one write in progress at a time", async () => {
  const [a, b] = await tcpPair();
  const watched = new Watched(a);
  const sender = new p.FrameConnection(watched, { lingerMs: 10_000 });
  const received = collect(new p.FrameConnection(b));
  const expected: string[] = [];
  for (let i = 0; i < 500; i++) {
    sender.out.frame(Echo, 0, BIG.subarray(0, i), i);
    expected.push(framesIn(frameBytes(BIG.subarray(0, i), i))[0]!.bytes.toHex());
    await Promise.resolve();
  }
  await sender.close();
  assertEquals(await within(received, "frames"), expected);
  assertStrictEquals(watched.writesAtOnce, 1);
  assert(watched.writes.length > 1);
});

function frameBytes(payload: Uint8Array, reserved = 0): Uint8Array {
  const out = new p.FrameWriter();
  out.frame(Echo, 0, payload, reserved);
  return out.take();
}

socketTest("frame connection carries the longest frames both ways", async () => {
  const [a, b] = await tcpPair();
  const [left, right] = [new p.FrameConnection(a), new p.FrameConnection(b)];
  const echoing = right.run({ frame: (frame) => right.out.forward(frame, 0) });
  let whole = 0;
  const count = writeBig(left, 4 * MEGABYTE);
  await within(
    left.run({
      frame(frame) {
        // Cheaper than comparing all bytes: the first, the last and the length.
        assertStrictEquals(frame.payload.length, BIG.length);
        assertStrictEquals(frame.payload[0], BIG[0]);
        assertStrictEquals(frame.payload.at(-1), BIG.at(-1));
        if (whole === 0) assertEquals(frame.payload, BIG);
        if (++whole === count) left.close();
      },
    }),
    "echoes",
  );
  await within(echoing, "end");
  assertStrictEquals(whole, count);
});

socketTest("frame connection reads frames that arrive byte by byte", async () => {
  const [a, b] = await tcpPair();
  a.setNoDelay(true);
  const received = collect(new p.FrameConnection(b));
  const stream = concatenated();
  for (let at = 0; at < stream.length; at++) await a.write(stream.subarray(at, at + 1));
  a.close();
  assertEquals(await within(received, "frames"), vectors.map(({ bytes }) => bytes.toHex()));
});

socketTest("frame connection drops a frame that stays incomplete", async () => {
  const [a, b] = await tcpPair();
  const received = collect(new p.FrameConnection(b));
  await writeAll(a, frameBytes(BIG).subarray(0, -1));
  a.close();
  assertEquals(await within(received, "end"), []);
});

socketTest(
  "frame connection adapts its buffer to large frames and to quiet times",
  async () => {
    const [a, b] = await tcpPair();
    const watched = new Watched(b);
    const [left, right] = [new p.FrameConnection(a), new p.FrameConnection(watched)];
    const echoing = right.run({ frame: (frame) => right.out.forward(frame, 0) });
    // Quiet long enough for a large buffer to be returned, then one frame that needs it again.
    const lengths = [9, BIG.length, ...new Array(150).fill(5), BIG.length, 2_042, 2_043, 3_000, 0];
    const seen: number[] = [];
    const buffers: number[] = [];
    left.out.frame(Echo, 0, BIG.subarray(0, lengths[0]));
    await within(
      left.run({
        frame(frame) {
          assertEquals(frame.payload, BIG.subarray(0, frame.payload.length));
          seen.push(frame.payload.length);
          buffers.push(watched.bufferBytes);
          const next = lengths[seen.length];
          if (next === undefined) left.close();
          else left.out.frame(Echo, 0, BIG.subarray(0, next));
        },
      }),
      "echoes",
    );
    await within(echoing, "end");
    assertEquals(seen, lengths);
    // Small buffers are parts of a block of this size.
    const quiet = 64 * 1024;
    assertEquals(
      [0, 1, 2, 151, 152].map((at) => buffers[at]! > quiet),
      [false, true, true, false, true],
    );
  },
);

socketTest("frame connection calls flush after the frames of one read", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(b);
  const log: string[] = [];
  await writeAll(a, Uint8Array.fromHex("040000000000" + "040100000000" + "0402"));
  const run = connection.run({
    frame: (frame) => log.push(`frame ${frame.subtype}`),
    flush() {
      log.push("flush");
      if (log.length === 3) writeAll(a, Uint8Array.fromHex("00000000")).then(() => a.close());
    },
  });
  await within(run, "end");
  assertEquals(log, ["frame 0", "frame 1", "flush", "frame 2", "flush"]);
});

socketTest("frame connection calls drained when nothing is pending any more", async () => {
  const [a, b] = await tcpPair();
  const [left, right] = [new p.FrameConnection(a), new p.FrameConnection(b)];
  const drained = Promise.withResolvers<void>();
  const run = left.run({ frame() {}, drained: drained.resolve });
  const count = writeBig(left, 4 * MEGABYTE);
  const received = collect(right);
  await within(drained.promise, "drained");
  assertStrictEquals(left.out.length, 0);
  left.close();
  await within(run, "end");
  assertStrictEquals((await within(received, "frames")).length, count);
});

socketTest("frame connection passes bytes on as they arrive after readBytes", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(b);
  const decoder = new TextDecoder();
  let text = "";
  connection.readBytes((bytes) => text += decoder.decode(bytes, { stream: true }));
  const run = connection.run({ frame: () => text += "A FRAME" });
  await writeAll(a, new TextEncoder().encode("Zoë: hi\0\0\0\0\0\0"));
  await a.closeWrite();
  await within(run, "end");
  a.close();
  assertStrictEquals(text, "Zoë: hi\0\0\0\0\0\0");
});

socketTest("a paused frame connection holds the sender up until resume", async () => {
  const [a, b] = await tcpPair();
  const watched = new Watched(b);
  const [left, right] = [
    new p.FrameConnection(a, { maxPendingBytes: 2 * PLENTY }),
    new p.FrameConnection(watched),
  ];
  const drained = Promise.withResolvers<void>();
  let isDrained = false;
  const leftRun = left.run({
    frame() {},
    drained() {
      isDrained = true;
      drained.resolve();
    },
  });
  const paused = Promise.withResolvers<void>();
  let frames = 0;
  const rightRun = right.run({
    frame() {
      if (++frames > 1) return;
      right.pause();
      paused.resolve();
    },
  });
  const count = writeBig(left, PLENTY);
  await within(paused.promise, "first frame");
  const [reads, early] = [watched.reads, frames];
  await passTime();
  assertEquals([watched.reads, frames, isDrained], [reads, early, false]);
  assert(early < count);

  right.resume();
  await within(drained.promise, "drained");
  left.close();
  await within(Promise.all([leftRun, rightRun]), "end");
  assertStrictEquals(frames, count);
});

socketTest("frame connection over TLS carries frames and ends cleanly", async () => {
  const [a, b] = await tlsPair();
  const [left, right] = [new p.FrameConnection(a), new p.FrameConnection(b)];
  const echoing = right.run({ frame: (frame) => right.out.forward(frame, 0) });
  const expected = [...vectors.map(({ bytes }) => bytes), frameBytes(BIG), frameBytes(BIG, 1)];
  const frames: string[] = [];
  for (const bytes of expected) left.out.forward(framesIn(bytes)[0]!, 0);
  await within(
    left.run({
      frame(frame) {
        frames.push(frame.copy().bytes.toHex());
        if (frames.length === expected.length) left.close();
      },
    }),
    "echoes",
  );
  await within(echoing, "end");
  assertEquals(frames, expected.map((bytes) => bytes.with(4, 0).with(5, 0).toHex()));
});

socketTest(
  "frame connection over TLS slows a sender down, and closes whatever it does",
  async () => {
    const [a, b] = await tlsPair();
    const [left, right] = [
      new p.FrameConnection(a, { maxPendingBytes: 2 * PLENTY }),
      new p.FrameConnection(b),
    ];
    assertEquals([left.isEncrypted, right.isEncrypted], [true, true]);
    let arrived = 0;
    const reading = right.run({ frame: () => arrived++ });
    right.pause();
    const count = writeBig(left, PLENTY);
    const running = left.run(ignore).catch(() => {});
    await passTime();
    assert(left.isWriting);
    assert(arrived < count);
    right.resume();
    await within(left.end(), "the rest");
    await within(reading, "end");
    assertStrictEquals(arrived, count);
    await within(running, "end");

    const [c, d] = await tlsPair();
    const hostile = new p.FrameConnection(d);
    const victim = new p.FrameConnection(c, { maxPendingBytes: PLENTY });
    writeBig(victim, PLENTY / 2);
    const ended = within(victim.run(ignore).catch(() => {}), "the end");
    await passTime();
    // The other side reads nothing and does not close.
    victim.abort();
    await ended;
    await within(assertRejects(() => c.write(new Uint8Array(1)), Error), "an error");
    hostile.abort();
  },
);

socketTest("frame connection over TLS lets the other side finish after end()", async () => {
  const [a, b] = await tlsPair();
  const [left, right] = [new p.FrameConnection(a), new p.FrameConnection(b)];
  const answering = right.run({ frame: (frame) => right.out.forward(frame, 7) });
  const count = writeBig(left, 2 * MEGABYTE);
  left.end();
  const frames = await within(collect(left), "answers");
  await within(answering, "end");
  assertStrictEquals(frames.length, count);
});

socketTest("frame connection reports that the other side closed while it writes", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(b, { maxPendingBytes: 2 * PLENTY });
  writeBig(connection, PLENTY);
  const run = connection.run(ignore);
  await a.read(new Uint8Array(1));
  a.close();
  const error = await within(assertRejects(() => run, Error), "error");
  assert(
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe,
    String(error),
  );
  assert(connection.closed);
});
