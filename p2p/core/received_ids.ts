/**
 * Which messages a client has received, so that a second copy is known as one: by stream and number
 * where the id has them, which most have, by the whole id otherwise. Owns the forgetting; knows no clock.
 *
 * @module
 */
import type { Message } from "@netlab/protocol";
import { isCounted, Stream } from "./counted_ids.ts";
import { SeenIds } from "./seen_ids.ts";

/** Senders whose streams are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;

/** The streams of one sender: the one of its session, and that of the session before. */
interface SenderStreams {
  current: Stream;
  before: Stream | undefined;
}

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
    const isNew = isCounted(words, 0)
      ? this.#streamOf(sender, words).add(words[3]! >>> 0)
      : undefined;
    if (isNew !== undefined) return isNew;
    if (this.#others.has(id)) return false;
    this.#others.add(id, now);
    return true;
  }

  /** The stream of an id. */
  #streamOf(sender: string, words: Int32Array): Stream {
    let streams = this.#young.get(sender);
    if (!streams) {
      streams = this.#old.get(sender);
      if (this.#young.size >= MAX_SENDERS) {
        this.#old = this.#young;
        this.#young = new Map();
      }
      if (streams) this.#young.set(sender, streams);
    }
    if (streams?.current.has(words, 0)) return streams.current;
    if (streams?.before?.has(words, 0)) return streams.before;
    const stream = new Stream(words[0]!, words[1]! >>> 16);
    if (streams) {
      streams.before = streams.current;
      streams.current = stream;
    } else this.#young.set(sender, { current: stream, before: undefined });
    return stream;
  }
}
