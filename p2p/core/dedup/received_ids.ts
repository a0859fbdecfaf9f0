/**
 * Remembers which messages a client received, so that it drops duplicates. Remembers a sequence id by its
 * stream and number, and any other id as a whole. Gets the time as an argument.
 *
 * @module
 */
import { type BatchFields, isSequenceId, type Message } from "@netlab/protocol/codec";
import { GenerationalCache } from "./tables/generational_cache.ts";
import { SeenIds } from "./seen_ids.ts";
import { SenderStreams } from "./sender_streams.ts";

/** The least number of senders whose streams are remembered. The most is twice this number. */
const MAX_SENDERS = 10_000;

/** The ids of the messages that one client received. */
export class ReceivedIds {
  readonly #others = new SeenIds();
  readonly #senders = new GenerationalCache(() => new Map<string, SenderStreams>(), MAX_SENDERS);

  /**
   * Remembers a message. Returns whether it is new.
   *
   * @param words The id of the message as four 32-bit numbers, big-endian.
   * @param now The current time: milliseconds.
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

  /** Remembers all messages of a batch if every one is new. Returns whether it did. */
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
