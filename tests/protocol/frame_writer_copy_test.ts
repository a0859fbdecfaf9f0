/**
 * How a frame writer copies from other buffers: any part, alone or after a head, one or several. It copies in
 * words, but only the requested bytes may be written.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { FrameWriter } from "@netlab/protocol";

Deno.test({
  name: "frame writer copies any part of a buffer, alone or after a head",
  permissions: "none",
  fn() {
    const source = crypto.getRandomValues(new Uint8Array(700));
    const view = new DataView(source.buffer);
    const head = new DataView(crypto.getRandomValues(new Uint8Array(64)).buffer);
    const lengths = [0, 1, 7, 8, 9, 63, 64, 191, 192, 193, 500];
    for (const headBytes of [0, 1, 8, 13, 57]) {
      const out = new FrameWriter();
      let expected = "";
      for (const length of lengths) {
        // The last pieces end where the buffer ends.
        for (const start of [0, 3, source.length - length - 5, source.length - length]) {
          out.join(head, headBytes, view, start, start + length);
          if (headBytes === 0) out.copy(view, start, start + length);
          const piece = new Uint8Array(head.buffer, 0, headBytes).toHex() +
            source.subarray(start, start + length).toHex();
          expected += headBytes === 0 ? piece + piece : piece;
        }
      }
      assertEquals(out.take().toHex(), expected, `${headBytes} bytes of head`);
    }
  },
});

Deno.test({
  name: "frame writer writes each of several pieces after the same head",
  permissions: "none",
  fn() {
    const SKIP = 5;
    const lengths = [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 191, 192, 193, 500, 3];
    const starts = new Int32Array(lengths.length + 1);
    lengths.forEach((length, i) => starts[i + 1] = starts[i]! + SKIP + length);
    // The last piece ends where the buffer ends.
    const source = crypto.getRandomValues(new Uint8Array(starts.at(-1)!));
    const view = new DataView(source.buffer);
    const head = new DataView(crypto.getRandomValues(new Uint8Array(64)).buffer);
    for (const headBytes of [0, 1, 8, 13, 57]) {
      for (const [first, last] of [[0, lengths.length], [3, 9], [4, 4]] as const) {
        let calls = 0;
        const out = new FrameWriter({ onFirstByte: () => calls++ });
        out.raw(Uint8Array.of(7));
        out.take();
        let expected = "";
        for (let i = first; i < last; i++) {
          expected += new Uint8Array(head.buffer, 0, headBytes).toHex() +
            source.subarray(starts[i]! + SKIP, starts[i + 1]!).toHex();
        }
        out.joinEach(head, headBytes, view, starts, first, last, SKIP);
        out.joinEach(head, headBytes, view, starts, first, last, SKIP);
        assertEquals(out.take().toHex(), expected + expected, `${headBytes} bytes of head`);
        assertStrictEquals(calls, first === last ? 1 : 2);
      }
    }
  },
});

Deno.test({
  name: "frame writer drops pieces that exceed its limit",
  permissions: "none",
  fn() {
    let overflows = 0;
    const out = new FrameWriter({ maxBytes: 64, onOverflow: () => overflows++ });
    const view = new DataView(new ArrayBuffer(100));
    out.joinEach(view, 8, view, Int32Array.of(0, 50, 100), 0, 2, 10);
    assertEquals([out.length, overflows], [0, 1]);
  },
});
