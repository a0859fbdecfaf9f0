/**
 * Receipts as bytes, collected and read in place: the same as receipts as values.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import {
  FrameDecoder,
  FrameWriter,
  ProtocolError,
  readReceipts,
  readUuidOf,
  type Receipt,
  ReceiptCursor,
  ReceiptRecords,
  uuidWords,
  writeReceipts,
} from "@netlab/protocol";

const receipt = fc.record<Receipt>({
  id: fc.uuid({ version: [1, 4, 7, 8] }),
  state: fc.integer({ min: 0, max: 255 }),
  code: fc.integer({ min: 0, max: 65_535 }),
  reason: fc.oneof(fc.constant(""), fc.string({ unit: "grapheme", maxLength: 60 })),
});

function gather(receipts: readonly Receipt[]): ReceiptRecords {
  const records = new ReceiptRecords();
  const words = new Int32Array(4);
  for (const each of receipts) {
    if (each.code === 0 && each.reason === "") {
      const [id0, id1, id2, id3] = uuidWords(each.id, words);
      records.add(id0!, id1!, id2!, id3!, each.state);
    } else records.addReceipt(each);
  }
  return records;
}

function through(bytes: Uint8Array): Receipt[] {
  const cursor = new ReceiptCursor().begin({ bytes, start: 0, end: bytes.length });
  const receipts: Receipt[] = [];
  while (cursor.next()) {
    const { state, code, reason } = cursor;
    receipts.push({ id: readUuidOf(cursor.id), state, code, reason });
  }
  return receipts;
}

Deno.test({
  name:
    "ReceiptRecords holds the bytes that writeReceipts writes, and they are read in place unchanged",
  permissions: "none",
  fn() {
    fc.assert(fc.property(fc.array(receipt, { maxLength: 30 }), (receipts) => {
      const records = gather(receipts);
      const expected = readReceipts(records.bytes);
      const out = new FrameWriter();
      writeReceipts(out, receipts);
      assertEquals(out.take().slice(6), records.bytes);
      assertEquals(through(records.bytes), expected);
      records.clear();
      assertEquals(records.bytes.length, 0);
    }));
  },
});

Deno.test({
  name: "collected receipts are cut between receipts into parts that fit into frames",
  permissions: "none",
  fn() {
    const reasons = ["", "because", "x".repeat(255)];
    const receipts = Array.from({ length: 10_000 }, (_, index): Receipt => ({
      id: crypto.randomUUID(),
      state: index % 5,
      code: index % 3,
      reason: reasons[index % 3]!,
    }));
    const out = new FrameWriter();
    let parts = 0;
    for (const part of gather(receipts).parts()) {
      writeReceipts(out, part);
      parts++;
    }
    const read: Receipt[] = [];
    const decoder = new FrameDecoder((frame) => read.push(...readReceipts(frame.payload)));
    decoder.push(out.take());
    assertEquals(read, receipts);
    assert(parts < 20, `${parts} frames`);
    assertEquals([...new ReceiptRecords().parts()], []);
  },
});

Deno.test({
  name: "receipt readers refuse receipts that are cut anywhere",
  permissions: "none",
  fn() {
    const receipts = [
      { id: crypto.randomUUID(), state: 4, code: 9, reason: "nobody" },
      { id: crypto.randomUUID(), state: 1, code: 0, reason: "" },
    ];
    const { bytes } = gather(receipts);
    for (let end = 1; end < bytes.length; end++) {
      if (end === 26) continue;
      assertThrows(() => through(bytes.subarray(0, end)), ProtocolError, "in the middle");
    }
    assertEquals(through(bytes.subarray(0, 26)), receipts.slice(0, 1));
  },
});
