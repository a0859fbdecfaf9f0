/**
 * How a connection ends with an error: the other side violates the protocol, or a handler throws.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import * as p from "@netlab/protocol";
import { framesIn } from "./layouts.ts";
import { readAll, socketTest, tcpPair, within, writeAll } from "./sockets.ts";

const MEGABYTE = 1024 * 1024;

socketTest("the error frame after a violation reaches a side that continues to write", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { maxPayloadBytes: 10, lingerMs: 10_000 });
  const log: string[] = [];
  const run = connection.run({
    frame: (frame) => log.push(`frame of ${frame.payload.length}`),
    violation(error) {
      log.push(`violation ${error.code}`);
      p.writeError(connection.out, error);
    },
  });
  const writing = writeAll(b, Uint8Array.fromHex("0400000a0000" + "00".repeat(10) + "0400000b0000"))
    .then(() => writeAll(b, new Uint8Array(MEGABYTE)));
  const words = framesIn(await within(readAll(b), "last words"));
  await within(writing, "the writes");
  b.close();
  assertEquals(words.length, 1);
  assertEquals([words[0]!.type, words[0]!.subtype], [p.FrameType.Error, p.ErrorKind.Fatal]);
  assertStrictEquals(p.readError(words[0]!).code, p.ErrorCode.FrameTooLong);
  const error = await within(assertRejects(() => run, p.ProtocolError), "error");
  assertStrictEquals(error.code, p.ErrorCode.FrameTooLong);
  assertEquals(log, ["frame of 10", "violation 2"]);
});

socketTest("a violation handler that throws still closes the connection", async () => {
  const [a, b] = await tcpPair();
  const connection = new p.FrameConnection(a, { maxPayloadBytes: 0, lingerMs: 60_000 });
  const run = connection.run({
    frame() {},
    violation() {
      throw new Error("Cannot find words");
    },
  });
  await writeAll(b, Uint8Array.fromHex("040000010000"));
  await within(assertRejects(() => run, p.ProtocolError), "error");
  assert(connection.closed);
  b.close();
});

for (const where of ["frame", "flush", "ended", "drained"] as const) {
  socketTest(`run() throws what ${where} throws, and closes the connection`, async () => {
    const [a, b] = await tcpPair();
    const connection = new p.FrameConnection(a, { lingerMs: 60_000 });
    const error = new RangeError(`Cannot go on in ${where}`);
    const run = connection.run({
      frame() {},
      [where]() {
        throw error;
      },
    });
    if (where === "drained") connection.out.frame(p.FrameType.Echo, 0);
    else await writeAll(b, Uint8Array.fromHex("040000000000"));
    if (where === "ended") await b.closeWrite();
    const thrown = await within(assertRejects(() => run, RangeError), "error");
    assertStrictEquals(thrown, error);
    assert(connection.closed);
    b.close();
  });
}
