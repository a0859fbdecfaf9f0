/**
 * Ids of netlab's messages, written into frames that are sent many times.
 *
 * @module
 */
import { HEADER_BYTES, writeUuidText } from "@netlab/protocol";
import { MessageIds } from "@netlab/p2p/core";

/** Writes new ids into the first `count` frames in `all`, which all have the same length. */
export type RenewIds = (all: Uint8Array<ArrayBuffer>, count: number) => void;

/** Random ids (UUIDs of version 4), for frames of `step` bytes. */
export function renewRandomIds(step: number): RenewIds {
  let random = new Int32Array(0);
  return (all, count) => {
    if (random.length < 4 * count) random = new Int32Array(4 * count);
    crypto.getRandomValues(random.subarray(0, 4 * count));
    const view = new DataView(all.buffer);
    for (let i = 0; i < count; i++) {
      const id1 = (random[4 * i + 1]! & ~0xf000) | 0x4000;
      const id2 = (random[4 * i + 2]! >>> 2) | 0x8000_0000;
      writeUuidText(random[4 * i]!, id1, id2, random[4 * i + 3]!, view, HEADER_BYTES + i * step);
    }
  };
}

/**
 * Sequence ids (UUIDs of version 8), for frames of `step` bytes. Each frame keeps the random digits of its
 * id and gets a new number, because new random digits would make the generator slower than the server.
 */
export function renewSequenceIds(step: number): RenewIds {
  const ids = sequenceIds();
  const words: Int32Array[] = [];
  return (all, count) => {
    while (words.length < count) words.push(ids.nextWords(0).slice());
    const view = new DataView(all.buffer);
    const first = ids.nextWords(count)[3]!;
    for (let i = 0; i < count; i++) {
      const id = words[i]!;
      writeUuidText(id[0]!, id[1]!, id[2]!, first + i, view, HEADER_BYTES + i * step);
    }
  };
}

/** Sequence ids of a new stream. */
export function sequenceIds(): MessageIds {
  return new MessageIds((bytes) => crypto.getRandomValues(bytes));
}
