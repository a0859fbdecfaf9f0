/**
 * Which messages a client has received, so that it drops second copies: sequence ids by stream and number,
 * all others by the whole id. Knows no clock.
 *
 * @module
 */
import { type BatchFields, isSequenceId, type Message } from "@netlab/protocol/codec";
import { GenerationalCache } from "./generational_cache.ts";
import { SeenIds } from "./seen_ids.ts";
import { SenderStreams } from "./sender_streams.ts";

/** How many senders' streams are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;

/** The messages that one client has received. */
export class ReceivedIds {
  readonly #others = new SeenIds();
  readonly #senders = new GenerationalCache(() => new Map<string, SenderStreams>(), MAX_SENDERS);

  /**
   * Remembers a message. Returns whether it is new. `now` is the time in milliseconds.
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

  /** Remembers all messages of a batch if all of them are new. Returns whether they are. */
  addBatch(sender: string, { idWords, count }: BatchFields): boolean {
    return this.#streamsOf(sender).get(idWords, 0).addRange(idWords[3]! >>> 0, count);
  }

  #streamsOf(sender: string): SenderStreams {
    let streams = this.#senders.young.get(sender);
    if (streams) return streams;
    streams = this.#senders.old.get(sender) ?? new SenderStreams();
    this.#senders.withRoom().set(sender, streams);
    return streams;
  }
}
