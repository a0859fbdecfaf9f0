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

/** Where the digits of the number start in a sequence id. */
const NUMBER_AT = 28;
/** The two hex digits of each byte, as a big-endian number. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => {
  const digits = byte.toString(16).padStart(2, "0");
  return (digits.charCodeAt(0) << 8) | digits.charCodeAt(1);
});

/**
 * Sequence ids (UUIDs of version 8), for frames of `step` bytes. Each frame keeps the random digits of its
 * id and gets a new number: writing all digits takes the generator a third more time.
 */
export function renewSequenceIds(step: number): RenewIds {
  const ids = sequenceIds();
  let view: DataView | undefined;
  return (all, count) => {
    if (!view) {
      view = new DataView(all.buffer);
      for (let at = HEADER_BYTES; at < all.length; at += step) {
        const id = ids.nextWords(0);
        writeUuidText(id[0]!, id[1]!, id[2]!, 0, view, at);
      }
    }
    let number = ids.nextWords(count)[3]!;
    for (let i = 0, at = HEADER_BYTES + NUMBER_AT; i < count; i++, at += step, number++) {
      view.setUint16(at, HEX[number >>> 24]!);
      view.setUint16(at + 2, HEX[(number >>> 16) & 0xff]!);
      view.setUint16(at + 4, HEX[(number >>> 8) & 0xff]!);
      view.setUint16(at + 6, HEX[number & 0xff]!);
    }
  };
}

/** Sequence ids of a new stream. */
export function sequenceIds(): MessageIds {
  return new MessageIds((bytes) => crypto.getRandomValues(bytes));
}
