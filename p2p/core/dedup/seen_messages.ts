/**
 * Which messages that nobody keeps were taken care of, so that a second copy is known as one: by stream
 * and number where the id has them, by the whole id otherwise. Puts the two memories together.
 *
 * @module
 */
import { type Stream, Streams } from "./sequence_ids.ts";
import { type BatchFields, isSequenceId } from "@netlab/protocol/codec";
import type { NameFactors } from "./name_table.ts";
import { SeenTable } from "./seen_table.ts";

/** The memory of one server. */
export class SeenMessages {
  /** Ids that are looked up as a whole. */
  readonly table: SeenTable;
  /** Streams of those that count. */
  readonly streams: Streams;

  /** An empty memory; `random` gives numbers from 0 to below 1 that nobody can foresee. */
  constructor(factors: NameFactors, random: () => number) {
    this.table = new SeenTable(random);
    this.streams = new Streams(factors);
  }

  /** Remembers the message of a sender; whether it was not remembered before. */
  add(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream ? this.addTo(stream, words, at) : this.table.add(words, at);
  }

  /** Remembers all messages of a batch, if none of them was remembered before; whether that is so. */
  addBatch({ idWords, bytes, sender, senderEnd, count }: BatchFields): boolean {
    const stream = this.streams.getNamed(idWords, 0, bytes, sender, senderEnd);
    return stream.addRange(idWords[3]! >>> 0, count);
  }

  /** Whether the message of a sender is remembered. */
  has(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream?.includes(words[at + 3]! >>> 0) || this.table.has(words, at);
  }

  /** Remembers a message by its number in a stream; by its id, when the number says nothing. */
  addTo(stream: Stream, words: Int32Array, at: number): boolean {
    return stream.add(words[at + 3]! >>> 0) ?? this.table.add(words, at);
  }
}
