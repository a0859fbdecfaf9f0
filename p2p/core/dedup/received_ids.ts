/**
 * Which messages a client has received, so that a second copy is known as one: by stream and number
 * where the id has them, which most have, by the whole id otherwise. Owns the forgetting; knows no clock.
 *
 * @module
 */
import { type BatchFields, isSequenceId, type Message } from "@netlab/protocol/codec";
import { SenderStreams } from "./sequence_ids.ts";
import { SeenIds } from "./seen_ids.ts";

/** Senders whose streams are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;

/** The memory of one client. */
export class ReceivedIds {
  readonly #others = new SeenIds();
  #young = new Map<string, SenderStreams>();
  #old = new Map<string, SenderStreams>();

  /**
   * Remembers a message; whether it was not remembered before. `now` is the time in milliseconds.
   *
   * @param words Its id, as four numbers of 32 bits, big-endian.
   */
  add({ id, sender }: Message, words: Int32Array, now: number): boolean {
    const isNew = isSequenceId(words, 0)
      ? this.#streamsOf(sender).get(words, 0).add(words[3]! >>> 0)
      : undefined;
    if (isNew !== undefined) return isNew;
    if (this.#others.has(id)) return false;
    this.#others.add(id, now);
    return true;
  }

  /** Remembers all messages of a batch, if none of them was remembered before; whether that is so. */
  addBatch(sender: string, { idWords, count }: BatchFields): boolean {
    return this.#streamsOf(sender).get(idWords, 0).addRange(idWords[3]! >>> 0, count);
  }

  #streamsOf(sender: string): SenderStreams {
    let streams = this.#young.get(sender);
    if (streams) return streams;
    if (this.#young.size >= MAX_SENDERS) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    streams = this.#old.get(sender) ?? new SenderStreams();
    this.#young.set(sender, streams);
    return streams;
  }
}
