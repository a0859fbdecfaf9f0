import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { concat } from "@std/bytes";
import {
  ErrorCode,
  FrameConnection,
  type FrameConnectionOptions,
  type FrameHandler,
  NetlabError,
} from "@netlab/protocol";
import { socketTest as test, tcpPair } from "./sockets.ts";
import { eventually } from "../p2p/network.ts";

/** Many frames of type 200 without a payload. */
function flood(frames: number): Uint8Array {
  const bytes = new Uint8Array(6 * frames);
  for (let at = 0; at < bytes.length; at += 6) bytes[at] = 200;
  return bytes;
}

/** A connection with a handler, and the raw socket at its other end. */
async function pair(
  handler: (connection: FrameConnection) => Partial<FrameHandler>,
  options: FrameConnectionOptions = {},
) {
  const [conn, far] = await tcpPair();
  const connection = new FrameConnection(conn, options);
  const seen: unknown[] = [];
  const running = connection.run({ frame() {}, ...handler(connection) })
    .catch((error) => void seen.push(error));
  return {
    connection,
    far,
    errors: seen,
    async [Symbol.asyncDispose]() {
      far[Symbol.dispose]();
      connection.abort();
      await running;
    },
  };
}

async function send(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  } catch { /* the connection was closed */ }
}

/** Uses the processor. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("new events are noticed while a connection causes work without end", async () => {
  let handled = 0;
  const delays: number[] = [];
  let sentAfter = 0;
  await using busy = await pair(() => ({
    frame() {
      handled++;
      work(0.02);
    },
  }));
  await using quiet = await pair(() => ({ frame: () => void delays.push(handled - sentAfter) }));
  void send(busy.far, flood(400_000));
  await eventually("the flood is handled", () => handled > 1_000);
  while (delays.length < 5) {
    const { length } = delays;
    sentAfter = handled;
    await quiet.far.write(flood(1));
    await eventually("the frame of the other one is handled", () => delays.length > length);
  }
  // Deno alone notices it after 61 rounds of a piece of 64 frames.
  const median = delays.sort((a, b) => a - b)[2]!;
  assert(median < 20 * 64, `${median} frames came before it`);
});

test("a connection that floods does not delay what others send until its flood is over", async () => {
  const frames = 400_000;
  let handled = 0;
  let handledBefore: number | undefined;
  await using busy = await pair(() => ({ frame: () => void handled++ }));
  await using quiet = await pair(() => ({ frame: () => void (handledBefore ??= handled) }));
  const sending = send(busy.far, flood(frames));
  await eventually("the flood is handled", () => handled > 1_000);
  await quiet.far.write(flood(1));
  await eventually("the frame of the other one is handled", () => handledBefore !== undefined);
  assert(handledBefore! < frames / 2, `${handledBefore} frames came before it`);
  await eventually("all frames are handled", () => handled === frames);
  await sending;
});

for (const isStranger of [false, true]) {
  test(`floods of ${isStranger ? "strangers" : "others"} are handled in turns, each in order`, async () => {
    const counts = [0, 0, 0, 0];
    let worst = 0;
    const pairs = await Promise.all(counts.map((_, index) =>
      pair(() => ({
        isStranger: () => isStranger,
        frame() {
          counts[index]!++;
          if (Math.min(...counts) > 5_000 && Math.max(...counts) < 20_000) {
            worst = Math.max(worst, Math.max(...counts) - Math.min(...counts));
          }
        },
      }))
    ));
    const sending = pairs.map(({ far }) => send(far, flood(20_000)));
    await eventually("all frames are handled", () => counts.every((count) => count === 20_000));
    assert(worst < 10_000, `one was ${worst} frames ahead of another one`);
    await Promise.all(sending);
    for (const each of pairs) await each[Symbol.asyncDispose]();
  });
}

test("a connection that does not read its replies is not read, and goes on when it reads", async () => {
  const limit = 64 * 1024;
  const reply = new Uint8Array(1_000);
  let handled = 0;
  await using one = await pair((connection) => ({
    maxReplyBytes: () => limit,
    frame() {
      handled++;
      connection.out.frame(201, 0, reply);
    },
  }));
  const total = 20_000;
  const sending = send(one.far, flood(total));
  await eventually("it is held", () => one.connection.isHeld);
  assert(one.connection.out.length <= limit + reply.length + 6);
  // The system takes some megabytes, but never all replies.
  await eventually("nothing goes on", async () => {
    const before = handled;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return one.connection.isHeld && handled === before;
  });
  assert(handled < total, `${handled} frames were handled`);

  const buffer = new Uint8Array(1 << 20);
  for (let bytes = 0; bytes < total * (reply.length + 6);) {
    bytes += await one.far.read(buffer) ?? 0;
  }
  assertEquals(handled, total);
  await sending;
  await eventually("it is read again", () => !one.connection.isHeld);
});

test("a connection that reads no replies for too long ends", async () => {
  await using one = await pair((connection) => ({
    maxReplyBytes: () => 100_000,
    frame: () => connection.out.frame(201, 0, new Uint8Array(10_000)),
  }), { maxUnreadMs: 200 });
  await Promise.race([
    send(one.far, flood(100_000)),
    eventually("it ends", () => one.connection.closed),
  ]);
  await eventually("the error is known", () => one.errors.length > 0);
  assertInstanceOf(one.errors[0], NetlabError);
  assertEquals([one.errors[0].code, one.errors[0].fatal], [ErrorCode.TooSlow, true]);
});

test("frames wait until the rest of a reply was written", async () => {
  let rest = 0;
  const order: string[] = [];
  await using one = await pair((connection) => ({
    isReplying: () => rest > 0,
    frame() {
      order.push("request");
      rest = 3;
      connection.out.frame(201, 0);
    },
    drained() {
      if (rest === 0) return;
      order.push("part");
      rest--;
      connection.out.frame(201, 1);
    },
  }));
  await one.far.write(concat([flood(2)]));
  await eventually("both were answered", () => order.length === 8);
  assertEquals(order.join(" "), "request part part part request part part part");
});

test("a paused connection handles no more of what it has read, and then goes on in order", async () => {
  const types: number[] = [];
  await using one = await pair((connection) => ({
    frame({ subtype }) {
      types.push(subtype);
      if (subtype === 2) connection.pause();
    },
  }));
  await one.far.write(
    Uint8Array.from([1, 2, 3, 4].flatMap((subtype) => [200, subtype, 0, 0, 0, 0])),
  );
  await eventually("two are handled", () => types.length >= 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(types, [1, 2]);
  one.connection.resume();
  await eventually("all are handled", () => types.length === 4);
  assertEquals(types, [1, 2, 3, 4]);
});
