/**
 * The layout of stored messages: a damaged byte never makes a message of another batch or a text that nobody sent.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BatchWriter, findMessages, readBatch } from "@netlab/p2p/batches";
import { pureTest as test } from "../../../kinds.ts";
import { message } from "./stored_messages.ts";

/** The number of the batch. */
const NUMBER = 223;
/** How many batches the store may have. */
const MOST = 1_000;
/** A check code misses one damage in 2^32 / MOST. With these ids it misses none of those that are tried. */
const idOf = (number: number) => `3f2b8c1e-9d4a-4e57-8a61-00000000000${number}`;
const messages = [
  message("Alpha", "Bob", idOf(1)),
  message("Beta", "Zoë", idOf(2)),
  message("", "Bob", idOf(3)),
];
const frames = messages.map(({ bytes }) => bytes.toHex());
const value = new BatchWriter().encode(NUMBER, messages).slice();

test("messages of a batch are found in other bytes, with their batch and their positions", () => {
  const bytes = new Uint8Array(value.length + 200);
  bytes.set(value, 77);
  const found = [...findMessages(bytes, MOST)].map(({ batch, position, start, end }) => ({
    ...{ batch, position },
    frame: bytes.subarray(start, end).toHex(),
  }));
  assertEquals(found, frames.map((frame, position) => ({ batch: NUMBER, position, frame })));
});

test("a damaged byte makes no message of another batch, and no other text", () => {
  let losses = 0;
  for (let at = 0; at < value.length; at++) {
    for (const bits of [1, 2, 4, 8, 16, 32, 64, 128, value[at]!]) {
      if (bits === 0) continue;
      const damaged = value.slice();
      damaged[at]! ^= bits;
      const where = `byte ${at}, bits ${bits}`;
      for (const { batch, position, start, end } of findMessages(damaged, MOST)) {
        assertEquals(
          [batch, damaged.subarray(start, end).toHex()],
          [NUMBER, frames[position]],
          where,
        );
      }
      const contents = readBatch(NUMBER, damaged);
      for (const { position, bytes, start, end } of contents.messages) {
        assertEquals(bytes.subarray(start, end).toHex(), frames[position], where);
      }
      assertEquals(contents.messages.length + contents.damaged, messages.length, where);
      losses += contents.damaged;
    }
  }
  assert(losses > 0);
});
