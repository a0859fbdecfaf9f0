/**
 * Keeps the windows of the streams of sequence ids, by sender. Decides which senders and streams are
 * remembered. Does not know connections.
 *
 * @module
 */
import { GenerationalCache } from "./tables/generational_cache.ts";
import { type NameFactors, NameTable } from "./tables/name_table.ts";
import { StreamWindow } from "./stream_window.ts";

/** The least number of senders that are remembered. The most is twice this number. */
const MAX_SENDERS = 10_000;

/**
 * The number of streams that are remembered for each sender. A session uses up to two, and the previous
 * session of the sender may have used two more.
 */
const STREAMS_PER_SENDER = 4;

/** The newest streams of one sender. */
export class SenderStreams {
  /** The windows of the streams, the newest stream first. */
  readonly #windows: StreamWindow[] = [];

  /** Returns the window of the stream of the id at `words[at]`. A new stream replaces the oldest one. */
  get(words: Int32Array, at: number): StreamWindow {
    for (const window of this.#windows) if (window.has(words, at)) return window;
    if (this.#windows.length === STREAMS_PER_SENDER) this.#windows.pop();
    const window = new StreamWindow(words[at]!, words[at + 1]! >>> 16);
    this.#windows.unshift(window);
    return window;
  }
}

/**
 * The streams of all senders. Each sender has its own streams, so nobody can use up the numbers of another
 * sender's stream. The senders that were silent for longest are forgotten.
 */
export class Streams {
  /** The position of the NUL that the last call of {@linkcode Streams.get} found, or -1 if there was none. */
  nul: number = -1;
  readonly #senders: GenerationalCache<NameTable<SenderStreams>>;

  /** Makes an empty memory. */
  constructor(factors: NameFactors) {
    this.#senders = new GenerationalCache(() => new NameTable(factors), MAX_SENDERS);
  }

  /**
   * Returns the window of the stream of the id at `words[at]`. The name of the sender starts at `start` and
   * ends before the next NUL below `end`. Returns `undefined` if there is no NUL.
   */
  get(
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): StreamWindow | undefined {
    const { young } = this.#senders;
    const streams = young.findBeforeNul(bytes, start, end);
    const nul = this.nul = young.nul;
    return nul < 0 ? undefined : (streams ?? this.#add(bytes.slice(start, nul))).get(words, at);
  }

  /**
   * Returns the window of the stream of the id at `words[at]`. The name of the sender is in `bytes` from
   * `start` to `end`.
   */
  getNamed(
    words: Int32Array,
    at: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): StreamWindow {
    const streams = this.#senders.young.find(bytes, start, end);
    return (streams ?? this.#add(bytes.slice(start, end))).get(words, at);
  }

  /** Adds a sender to the young generation. Keeps its streams if it is in the old generation. */
  #add(sender: Uint8Array): SenderStreams {
    const streams = this.#senders.old.get(sender) ?? new SenderStreams();
    this.#senders.withRoom().set(sender, streams);
    return streams;
  }
}
