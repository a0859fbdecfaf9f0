import { assertEquals, assertRejects } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import { InputLines } from "../../../p2p/terminal/screen/input_lines.ts";

/** An input that comes in these pieces, and how many of them were read. */
function input(...pieces: (string | Uint8Array)[]): { reads: number; lines: InputLines } {
  const read = (buffer: Uint8Array): Promise<number | null> => {
    const piece = pieces[it.reads++];
    if (piece === undefined) return Promise.resolve(null);
    const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
    buffer.set(bytes);
    return Promise.resolve(bytes.length);
  };
  const it = { reads: 0, lines: new InputLines(read) };
  return it;
}

test("input lines are split at LF and CR LF, wherever the input is cut", async () => {
  const text = "one\ntwo\r\n\nvier 漢\r\nlast";
  const expected = ["one", "two", "", "vier 漢", "last"];
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    assertEquals(await Array.fromAsync(input(...pieces).lines), expected);
  }
  assertEquals(await Array.fromAsync(input("one\n").lines), ["one"]);
  assertEquals(await Array.fromAsync(input().lines), []);
});

test("input lines are read no further than their reader has come", async () => {
  const it = input("1\n2\n", "3\n", "4\n");
  assertEquals(it.reads, 0);
  for (const reads of [1, 1, 2]) {
    await it.lines.next();
    assertEquals(it.reads, reads);
  }
});

test("input lines that are closed end with those that were read before", async () => {
  const it = input("1\n2\nnot whole", "3\n");
  assertEquals((await it.lines.next()).value, "1");
  it.lines.close();
  assertEquals(await Array.fromAsync(it.lines), ["2", "not whole"]);
  assertEquals(it.reads, 1);
});

test("input lines that are closed do not wait for a read", async () => {
  const lines = new InputLines(() => new Promise(() => {}));
  const next = lines.next();
  lines.close();
  assertEquals((await next).done, true);
});

test("input lines throw the error of the input", async () => {
  const lines = new InputLines(() => Promise.reject(new Error("the terminal is gone")));
  await assertRejects(() => lines.next(), Error, "gone");
});
