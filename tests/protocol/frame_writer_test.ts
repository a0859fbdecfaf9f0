/**
 * Writing frames into one buffer: growth, frames that are too long, the limit, and reused buffers.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  NetlabError,
} from "@netlab/protocol";
import fc from "fast-check";
import { concatenated, vectors } from "./golden_vectors.ts";
import { framesIn } from "./layouts.ts";

/** Checks that `work` throws an error that names the length and the limit. */
function assertTooLong(work: () => unknown, bytes: number) {
  const error = assertThrows(work, NetlabError);
  assertStrictEquals(error.code, ErrorCode.TextTooLong);
  assertEquals(error.message.match(/[0-9]+/g), [String(bytes), String(MAX_PAYLOAD_BYTES)]);
}

Deno.test({
  name: "frame writer grows over any sequence of frames",
  permissions: "none",
  fn() {
    const frame = fc.record({
      type: fc.nat(255),
      subtype: fc.nat(255),
      reserved: fc.nat(65_535),
      payload: fc.uint8Array({ maxLength: 3_000 }),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 30 }), (frames) => {
        const out = new FrameWriter();
        for (const f of frames) out.frame(f.type, f.subtype, f.payload, f.reserved);
        const length = out.length;
        const taken = out.take();
        assertStrictEquals(taken.length, length);
        assertEquals(
          framesIn(taken).map(({ type, subtype, reserved, payload }) => ({
            type,
            subtype,
            reserved,
            payload: payload.toHex(),
          })),
          frames.map((f) => ({ ...f, payload: f.payload.toHex() })),
        );
      }),
    );
  },
});

Deno.test({
  name: "frame writer writes numbers big-endian",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    out.begin(1, 2, 0x0304);
    out.u8(0x05);
    out.u16(0x0607);
    out.u32(0xf8090a0b);
    out.u64(Number.MAX_SAFE_INTEGER);
    out.u64(0x1_0000_0000);
    out.end();
    assertEquals(
      out.take().toHex(),
      "010200170304" + "05" + "0607" + "f8090a0b" + "001fffffffffffff" + "0000000100000000",
    );
  },
});

Deno.test({
  name: "frame writer accepts a payload of 65,535 bytes and refuses one more",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    out.frame(FrameType.Echo, 0, new Uint8Array(MAX_PAYLOAD_BYTES));
    assertStrictEquals(out.length, HEADER_BYTES + MAX_PAYLOAD_BYTES);
    const before = out.length;
    const long = MAX_PAYLOAD_BYTES + 1;
    assertTooLong(() => out.frame(FrameType.Echo, 0, new Uint8Array(long)), long);
    assertTooLong(() => {
      out.begin(FrameType.Echo, 0);
      out.text("x".repeat(long));
      out.end();
    }, long);
    assertTooLong(() => {
      out.begin(FrameType.Echo, 0);
      out.text("€".repeat(21_846));
      out.end();
    }, 65_538);
    assertTooLong(() => {
      out.begin(FrameType.Echo, 0);
      for (let i = 0; i < 2; i++) out.bytes(new Uint8Array(32_768));
      out.end();
    }, long);
    assertStrictEquals(out.length, before);
    assertEquals(framesIn(out.take()).length, 1);
  },
});

Deno.test({
  name: "frame writer removes a frame that is too long, and keeps earlier and later ones",
  permissions: "none",
  fn() {
    const calls: string[] = [];
    const out = new FrameWriter({ onFirstByte: () => calls.push("first byte") });
    assertThrows(() => out.frame(4, 0, new Uint8Array(70_000)), NetlabError);
    assertEquals([out.length, calls.length], [0, 0]);
    out.frame(4, 1, new Uint8Array([1]));
    assertThrows(() => out.frame(4, 2, new Uint8Array(70_000)), NetlabError);
    out.frame(4, 3, new Uint8Array([3]));
    assertEquals(out.take().toHex(), "04010001000001" + "04030001000003");
    assertEquals(calls, ["first byte"]);
  },
});

Deno.test({
  name: "frame writer does not mistake a huge payload for a slow reader",
  permissions: "none",
  fn() {
    const out = new FrameWriter({ maxBytes: 1_000_000, onOverflow: () => calls++ });
    let calls = 0;
    out.frame(4, 1);
    assertTooLong(() => {
      out.begin(FrameType.Echo, 0);
      out.text("x".repeat(2_000_000));
    }, 2_000_000);
    assertTooLong(() => out.frame(4, 0, new Uint8Array(2_000_000)), 2_000_000);
    assertEquals([calls, out.take().toHex()], [0, "040100000000"]);

    // A writer without a limit does not make room for it either.
    const unbounded = new FrameWriter();
    unbounded.begin(FrameType.Echo, 0);
    assertTooLong(() => unbounded.text("x".repeat(2_000_000)), 2_000_000);
    unbounded.frame(4, 1);
    assert(unbounded.take().buffer.byteLength < 2_000_000);
  },
});

Deno.test({
  name: "frame writer cancels the frame that was begun",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    out.frame(4, 1);
    out.begin(4, 2);
    out.text("half");
    out.cancel();
    out.cancel();
    out.frame(4, 3);
    assertEquals(out.take().toHex(), "040100000000" + "040300000000");
  },
});

Deno.test({
  name: "frame writer refuses a short text over 255 bytes",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    out.frame(4, 1);
    for (const text of ["x".repeat(256), "é".repeat(128), "x".repeat(70_000)]) {
      const write = () => {
        out.begin(4, 2);
        out.shortText(text);
        out.end();
      };
      assertThrows(write, Error, "the limit is");
      assertStrictEquals(out.length, HEADER_BYTES);
    }
    out.begin(4, 2);
    out.shortText("é".repeat(127) + "x");
    out.end();
    assertStrictEquals(framesIn(out.take())[1]!.payload[0], 255);
  },
});

Deno.test({
  name: "frame writer drops everything when its limit is exceeded, and stays closed",
  permissions: "none",
  fn() {
    let overflows = 0;
    const out = new FrameWriter({ maxBytes: 100, onOverflow: () => overflows++ });
    assert(out.hasRoom(100));
    assert(!out.hasRoom(101));
    out.frame(4, 0, new Uint8Array(94));
    assertEquals([out.length, overflows], [100, 0]);
    assert(!out.hasRoom(1));
    out.frame(4, 0);
    assertEquals([out.length, overflows], [0, 1]);
    assert(!out.hasRoom(0));

    // From here on, no write has an effect.
    out.begin(4, 0);
    out.u8(1);
    out.u16(1);
    out.u32(1);
    out.u64(1);
    out.text("text");
    out.shortText("text");
    out.uuid("6ba7b810-9dad-41d1-80b4-00c04fd430c8");
    out.bytes(new Uint8Array(500));
    out.end();
    out.raw(new Uint8Array(500));
    out.begin(4, 0);
    out.cancel();
    assertEquals([out.length, out.take().length, overflows], [0, 0, 1]);
  },
});

Deno.test({
  name: "frame writer that overflows within a frame leaves nothing of it",
  permissions: "none",
  fn() {
    let overflows = 0;
    const out = new FrameWriter({ maxBytes: 1_000, onOverflow: () => overflows++ });
    out.frame(4, 0, new Uint8Array(500));
    out.begin(4, 0);
    out.text("x".repeat(600));
    out.cancel();
    assertEquals([overflows, out.length, out.take().length], [1, 0, 0]);
  },
});

Deno.test({
  name: "frame writer fills its limit to the last byte with text",
  permissions: "none",
  fn() {
    let overflows = 0;
    const out = new FrameWriter({ maxBytes: 1_000, onOverflow: () => overflows++ });
    out.begin(4, 0);
    out.text("x".repeat(994));
    out.end();
    assertEquals([out.length, overflows, framesIn(out.take()).length], [1_000, 0, 1]);
  },
});

Deno.test({
  name: "frame writer leaves taken bytes unchanged until they are recycled",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    out.frame(4, 1, new Uint8Array(300).fill(7));
    const taken = out.take();
    const hex = taken.toHex();
    assertStrictEquals(out.length, 0);
    for (let i = 0; i < 50; i++) out.frame(4, 2, new Uint8Array(100).fill(9));
    assertStrictEquals(taken.toHex(), hex);
    const second = out.take();
    assertStrictEquals(framesIn(second).length, 50);

    // A recycled buffer is reused by the round after the next take.
    out.frame(4, 3);
    out.recycle(taken);
    const third = out.take();
    out.frame(4, 4);
    const fourth = out.take();
    assertStrictEquals(fourth.buffer, taken.buffer);
    assertEquals([third.toHex(), fourth.toHex()], ["040300000000", "040400000000"]);
  },
});

Deno.test({
  name: "an empty frame writer holds no buffer",
  permissions: "none",
  fn() {
    const [one, other] = [new FrameWriter(), new FrameWriter()];
    one.frame(4, 1, new Uint8Array(300).fill(7));
    const taken = one.take();
    one.recycle(taken);
    other.frame(4, 2);
    const next = other.take();
    assertStrictEquals(next.buffer, taken.buffer);
    assertStrictEquals(next.toHex(), "040200000000");
    other.recycle(next);
    // A buffer that is longer than the limit of the writer does not raise the limit.
    let overflows = 0;
    const narrow = new FrameWriter({ maxBytes: 100, onOverflow: () => overflows++ });
    narrow.frame(4, 3, new Uint8Array(94));
    assertEquals([narrow.length, overflows], [100, 0]);
    narrow.u8(1);
    assertEquals([narrow.length, overflows], [0, 1]);
  },
});

Deno.test({
  name: "frame writer does not keep a huge buffer",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    for (let i = 0; i < 20; i++) out.frame(4, 0, new Uint8Array(60_000));
    const huge = out.take();
    out.recycle(huge);
    for (let i = 0; i < 3; i++) {
      out.frame(4, 0);
      assert(out.take().buffer !== huge.buffer);
    }
  },
});

Deno.test({
  name: "frame writer forwards a frame unchanged except for its reserved field",
  permissions: "none",
  fn() {
    const out = new FrameWriter();
    for (const frame of framesIn(concatenated())) out.forward(frame, 0xabcd);
    const expected = vectors.map(({ bytes }) => bytes.with(4, 0xab).with(5, 0xcd).toHex());
    assertEquals(out.take().toHex(), expected.join(""));
  },
});

Deno.test({
  name: "frame writer calls onFirstByte once each time after it was empty",
  permissions: "none",
  fn() {
    let calls = 0;
    const out = new FrameWriter({ onFirstByte: () => calls++ });
    out.begin(4, 0);
    assertStrictEquals(calls, 0);
    out.end();
    out.frame(4, 0);
    assertStrictEquals(calls, 1);
    out.take();
    out.raw(new Uint8Array(0));
    assertStrictEquals(calls, 1);
    out.raw(new TextEncoder().encode("Alice: hi"));
    out.raw(new Uint8Array([1]));
    assertEquals([calls, new TextDecoder().decode(out.take())], [2, "Alice: hi\x01"]);
  },
});
