/**
 * How a connection ends: what is still sent and received, and which handlers are called.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import * as p from "@netlab/protocol";
import { framesIn } from "./layouts.ts";
import { readAll, socketTest, tcpPair, Watched, within, writeAll } from "./sockets.ts";

const { Echo } = p.FrameType;
const MEGABYTE = 1024 * 1024;
/** More than the kernel buffers of both ends of a loopback connection hold. */
const PLENTY = 48 * MEGABYTE;
const PAYLOAD = new Uint8Array(60_000).fill(7);
const FRAME_BYTES = PAYLOAD.length + p.HEADER_BYTES;
const roomy = { maxPendingBytes: 2 * PLENTY, lingerMs: 10_000 };
const ignore: p.FrameHandler = { frame() {} };

/** Writes frames of at least so many bytes. Returns their length. */
function writePlenty(connection: p.FrameConnection, bytes = PLENTY): number {
  const count = Math.ceil(bytes / FRAME_BYTES);
  for (let i = 0; i < count; i++) connection.out.frame(Echo, 0, PAYLOAD);
  return count * FRAME_BYTES;
}

socketTest("close() sends what is pending to a side that reads late", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, roomy);
  const run = connection.run(ignore);
  const bytes = writePlenty(connection);
  const closing = connection.close();
  assertStrictEquals(await b.read(new Uint8Array(1)), 1);
  assert(!connection.closed);
  const rest = await within(readAll(b), "all bytes");
  assertStrictEquals(rest.length, bytes - 1);
  b.close();
  await within(Promise.all([closing, run]), "end");
  assert(connection.closed);
});

socketTest("close() gives up after its linger time when the other side does not read", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { ...roomy, lingerMs: 50 });
  const run = connection.run(ignore);
  const bytes = writePlenty(connection);
  await within(Promise.all([connection.close(), run]), "end", 5_000);
  assert(connection.closed);
  const read = await within(readAll(b).catch(() => new Uint8Array()), "end");
  assert(read.length < bytes);
  b.close();
});

socketTest("close() gives up after its linger time when the other side does not end", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { lingerMs: 50 });
  connection.out.frame(Echo, 0);
  await within(connection.close(), "end", 5_000);
  assert(connection.closed);
  assertStrictEquals((await within(readAll(b), "bytes")).length, p.HEADER_BYTES);
  b.close();
});

socketTest("close() does not wait when the other side has ended and read everything", async () => {
  const [a, b] = await tcpPair();
  const { setTimeout } = globalThis;
  const waits: unknown[] = [];
  try {
    globalThis.setTimeout = ((run: () => void, ms: number) => {
      waits.push(ms);
      return setTimeout(run, ms);
    }) as typeof setTimeout;
    const connection = new p.FrameConnection(a, { lingerMs: 12_345 });
    const run = connection.run({ frame: ({ type }) => connection.out.frame(type, 0) });
    await writeAll(b, Uint8Array.fromHex("040000000000"));
    assertStrictEquals(await b.read(new Uint8Array(16)), p.HEADER_BYTES);
    await b.closeWrite();
    await within(run, "end");
    assertStrictEquals((await readAll(b)).length, 0);
    b.close();
    assert(!waits.includes(12_345));
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

socketTest("close() drops frames that arrive meanwhile", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, roomy);
  let frames = 0;
  const run = connection.run({
    frame() {
      frames++;
      connection.close();
    },
    ended: () => frames += 1_000,
  });
  await writeAll(b, Uint8Array.fromHex("040000000000".repeat(10)));
  assertEquals(await within(readAll(b), "end"), new Uint8Array(0));
  await writeAll(b, Uint8Array.fromHex("040000000000".repeat(10)));
  b.close();
  await within(run, "end");
  assertStrictEquals(frames, 1);
});

socketTest("close() before run() passes no frame to the handler", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, roomy);
  const closing = connection.close();
  let frames = 0;
  const run = connection.run({ frame: () => frames++ });
  await writeAll(b, Uint8Array.fromHex("040000000000"));
  b.close();
  await within(Promise.all([closing, run]), "end");
  assertStrictEquals(frames, 0);
});

socketTest(
  "close() needs no second end when the other side has ended and nothing is pending",
  async () => {
    for (const lastWords of [false, true]) {
      const [a, b] = await tcpPair();
      const watched = new Watched(a);
      const connection = new p.FrameConnection(watched, roomy);
      const run = connection.run({
        frame() {},
        ended() {
          if (lastWords) connection.out.frame(Echo, 0);
        },
      });
      await b.closeWrite();
      const read = await within(readAll(b), "end");
      assertStrictEquals(read.length, lastWords ? p.HEADER_BYTES : 0);
      await within(run, "end");
      assertEquals(watched.ends, { writing: lastWords ? 1 : 0, both: 1 });
      b.close();
    }
  },
);

socketTest("close() ends a paused connection without waiting for its linger time", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { lingerMs: 60_000 });
  const run = connection.run(ignore);
  await connection.end();
  connection.pause();
  await writeAll(b, Uint8Array.fromHex("040000000000"));
  b.close();
  await within(Promise.all([connection.close(), run]), "end");
});

socketTest("abort() drops what is pending and closes at once", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, roomy);
  const run = connection.run(ignore);
  const bytes = writePlenty(connection);
  await b.read(new Uint8Array(1));
  connection.abort();
  assert(connection.closed);
  await within(run, "end");
  const read = await within(readAll(b).catch(() => new Uint8Array()), "end");
  assert(read.length < bytes - 1);
  b.close();
});

socketTest("abort() with a reason makes run() throw it", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a);
  const run = connection.run(ignore);
  const reason = new p.NetlabError(p.ErrorCode.TimedOut, "Cannot wait: it is late");
  connection.abort(reason);
  connection.abort(new Error("a second reason"));
  assertStrictEquals(await within(assertRejects(() => run, p.NetlabError), "error"), reason);
  b.close();
});

socketTest("abort() in a frame is followed by no other frame", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a);
  const log: string[] = [];
  const run = connection.run({
    frame() {
      log.push("frame");
      connection.abort();
    },
    flush: () => log.push("flush"),
    ended: () => log.push("ended"),
    drained: () => log.push("drained"),
  });
  await writeAll(b, Uint8Array.fromHex("040000000000".repeat(10)));
  await within(run, "end");
  assertEquals(log, ["frame"]);
  b.close();
});

socketTest("end() lets the other side finish its answers", async () => {
  const [a, b] = await tcpPair();
  const [left, right] = [new p.FrameConnection(a, roomy), new p.FrameConnection(b, roomy)];
  const log: string[] = [];
  const answering = right.run({
    frame: (frame) => right.out.forward(frame, 0),
    ended() {
      log.push("ended");
      right.out.frame(Echo, 9);
    },
  });
  const bytes = writePlenty(left, 8 * MEGABYTE);
  let answers = 0;
  const run = left.run({
    frame(frame) {
      if (frame.subtype === 9) log.push("last");
      else answers += p.HEADER_BYTES + frame.payload.length;
    },
  });
  await within(left.end(), "end of the writing half");
  await within(Promise.all([answering, run]), "end");
  assertStrictEquals(answers, bytes);
  assertEquals(log, ["ended", "last"]);
});

socketTest("end() sends what is pending even if the other side has ended", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, roomy);
  const run = connection.run(ignore);
  const bytes = writePlenty(connection);
  void connection.end();
  await b.closeWrite();
  // Reading before makes no difference: the kernel's buffers are full again at once.
  assertStrictEquals(await b.read(new Uint8Array(1)), 1);
  assertStrictEquals((await within(readAll(b), "all bytes")).length, bytes - 1);
  await within(run, "end");
  b.close();
});

socketTest("end() is followed by no write, and frames still arrive", async () => {
  const [a, b] = await tcpPair();
  const watched = new Watched(a);
  const connection = new p.FrameConnection(watched, roomy);
  const seen: number[] = [];
  const run = connection.run({
    frame(frame) {
      seen.push(frame.subtype);
      connection.out.forward(frame, 0);
    },
  });
  connection.out.frame(Echo, 1);
  await connection.end();
  connection.out.frame(Echo, 2);
  connection.out.raw(new Uint8Array(9));
  assertStrictEquals(framesIn(await within(readAll(b), "end"))[0]?.subtype, 1);
  await writeAll(b, Uint8Array.fromHex("040300000000" + "040400000000"));
  b.close();
  await within(run, "end");
  assertEquals([seen, watched.writes], [[3, 4], [p.HEADER_BYTES]]);
});

socketTest(
  "start() is followed by one closed(), with the error that run() would throw",
  async () => {
    for (const reason of [undefined, new Error("No more")]) {
      const [a, b] = await tcpPair();
      const connection = new p.FrameConnection(a);
      const closed = Promise.withResolvers<unknown>();
      const log: string[] = [];
      connection.start({
        frame: () => log.push("frame"),
        ended: () => log.push("ended"),
        closed(error) {
          log.push("closed");
          closed.resolve(error);
        },
      });
      if (reason === undefined) b.close();
      else connection.abort(reason);
      assertEquals(log, []);
      assertStrictEquals(await within(closed.promise, "end"), reason);
      assertEquals(log, reason ? ["closed"] : ["ended", "closed"]);
      connection.abort();
      await connection.close();
      assertStrictEquals(log.at(-1), "closed");
      if (reason) b.close();
    }
  },
);

/** The error of `run`, which must say that the other side was too slow for `limit` bytes. */
async function assertTooSlow(run: Promise<void>, limit: number) {
  const error = await within(assertRejects(() => run, p.NetlabError), "error");
  assertStrictEquals(error.code, p.ErrorCode.TooSlow);
  assert(error.fatal);
  assertEquals(error.message.match(/[0-9]+/g), [String(limit)]);
}

socketTest("limit of pending bytes ends a connection that is not read", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { maxPendingBytes: MEGABYTE });
  const ended = assertTooSlow(connection.run(ignore), MEGABYTE);
  let written = 0;
  // Each round stays below the limit. Only bytes that the other side does not read add up.
  while (!connection.closed && written < 10 * PLENTY) {
    written += writePlenty(connection, 300_000);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert(connection.closed);
  await ended;
  const read = await within(readAll(b).catch(() => new Uint8Array()), "end");
  assert(read.length < written);
  b.close();
});

socketTest("limit of pending bytes holds within one event loop turn", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { maxPendingBytes: 10 * FRAME_BYTES });
  const ended = assertTooSlow(connection.run(ignore), 10 * FRAME_BYTES);
  writePlenty(connection, 10 * FRAME_BYTES);
  assert(!connection.closed);
  connection.out.frame(Echo, 0);
  assert(connection.closed);
  connection.out.frame(Echo, 0, PAYLOAD);
  await ended;
  assertEquals(await within(readAll(b), "end"), new Uint8Array(0));
  b.close();
});

socketTest("limit of pending bytes does not end a connection that is read", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { maxPendingBytes: MEGABYTE, lingerMs: 10_000 });
  const reading = readAll(b);
  let rounds = 0;
  let written = writePlenty(connection, 900_000);
  await within(
    connection.run({
      frame() {},
      drained() {
        if (++rounds === 60) connection.end().then(() => b.closeWrite());
        else written += writePlenty(connection, 900_000);
      },
    }),
    "end",
  );
  assertStrictEquals((await within(reading, "bytes")).length, written);
  b.close();
});
