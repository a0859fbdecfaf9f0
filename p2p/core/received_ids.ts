/**
 * Which messages a client has received, so that a second copy is known as one: by stream and number
 * where the id has them, which most have, by the whole id otherwise. Owns the forgetting; knows no clock.
 *
 * @module
 */
import { isCounted, type Message, uuidWords } from "@netlab/protocol";
import { SenderStreams } from "./counted_ids.ts";
import { SeenIds } from "./seen_ids.ts";

/** Senders whose streams are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;

/** The memory of one client. */
export class ReceivedIds {
  readonly #others = new SeenIds();
  readonly #words = new Int32Array(4);
  #young = new Map<string, SenderStreams>();
  #old = new Map<string, SenderStreams>();

  /** Remembers a message; whether it was not remembered before. `now` is the time in milliseconds. */
  add({ id, sender }: Message, now: number): boolean {
    const words = uuidWords(id, this.#words);
    const isNew = isCounted(words, 0)
      ? this.#streamsOf(sender).get(words, 0).add(words[3]! >>> 0)
      : undefined;
    if (isNew !== undefined) return isNew;
    if (this.#others.has(id)) return false;
    this.#others.add(id, now);
    return true;
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
