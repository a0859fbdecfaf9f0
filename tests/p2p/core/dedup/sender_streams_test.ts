/**
 * Which streams of which senders a server remembers. No sender gets into the stream of another one.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { pureTest } from "../../../kinds.ts";
import { nameFactors } from "../../../../p2p/core/dedup/tables/name_table.ts";
import { Streams } from "../../../../p2p/core/dedup/sender_streams.ts";
import type { StreamWindow } from "../../../../p2p/core/dedup/stream_window.ts";
import { seeded } from "@netlab/lab/random";

const encoder = new TextEncoder();
const factors = nameFactors(seeded(1));
/** The words of an id of one stream. */
const id = (high: number, low: number, number: number) =>
  Int32Array.of(high, (low << 16) | 0x8abc, 0x8000_0000 | number, number);

function streamOf(streams: Streams, sender: string, words: Int32Array): StreamWindow | undefined {
  const bytes = encoder.encode(`${sender}\0Bob\0text`);
  return streams.get(words, 0, bytes, 0, bytes.length);
}

pureTest("sender streams with the same number belong to different senders", () => {
  const streams = new Streams(factors);
  const ann = streamOf(streams, "Ann", id(7, 8, 1))!;
  const mallory = streamOf(streams, "Mallory", id(7, 8, 1))!;
  assert(mallory !== ann);
  for (let number = 0; number < 100; number++) mallory.add(number);
  assertEquals(ann.add(5), true);
  assertStrictEquals(streamOf(streams, "Ann", id(7, 8, 2)), ann);
  // A session has two streams, and those of the one before it go on beside them, until more come.
  const later = [1, 2, 3].map((low) => streamOf(streams, "Ann", id(9, low, 1))!);
  assertEquals(new Set([ann, ...later]).size, 4);
  for (let times = 0; times < 2; times++) {
    assertStrictEquals(streamOf(streams, "Ann", id(7, 8, 3)), ann);
    for (const low of [1, 2, 3]) {
      assertStrictEquals(streamOf(streams, "Ann", id(9, low, 3)), later[low - 1]);
    }
  }
  const name = encoder.encode("Ann");
  assertStrictEquals(streams.getNamed(id(9, 1, 5), 0, name, 0, 3), later[0], "by its end");
  streamOf(streams, "Ann", id(1, 1, 1));
  assertStrictEquals(streamOf(streams, "Ann", id(9, 1, 4)), later[0]);
  assert(streamOf(streams, "Ann", id(7, 8, 4)) !== ann);
  assertEquals(streams.get(id(1, 1, 1), 0, encoder.encode("no end"), 0, 6), undefined);
});

pureTest("sender streams of 10,000 senders are remembered, and those in use for longer", () => {
  const streams = new Streams(factors);
  const first = streamOf(streams, "user 0", id(1, 2, 3));
  const busy = streamOf(streams, "busy", id(4, 5, 6));
  for (let user = 1; user < 9_999; user++) streamOf(streams, `user ${user}`, id(1, 2, 3));
  assertStrictEquals(streamOf(streams, "user 0", id(1, 2, 3)), first);
  for (let user = 10_000; user < 40_000; user++) {
    streamOf(streams, `user ${user}`, id(1, 2, 3));
    if (user % 1_000 === 0) assertStrictEquals(streamOf(streams, "busy", id(4, 5, 6)), busy);
  }
  assert(streamOf(streams, "user 0", id(1, 2, 3)) !== first);
});
