/**
 * The streams of sequence ids, by the sender that uses them. Owns which senders and streams are remembered;
 * knows nothing of connections.
 *
 * @module
 */
import { GenerationalCache } from "./generational_cache.ts";
import { type NameFactors, NameTable } from "./name_table.ts";
import { StreamWindow } from "./stream_window.ts";

/** How many senders are remembered at least; twice as many at most. */
const MAX_SENDERS = 10_000;

/** How many streams of a sender are remembered: a session uses up to two, and so did the one before it. */
const STREAMS_PER_SENDER = 4;

/** The newest streams of one sender. */
export class SenderStreams {
  /** The newest first. */
  readonly #windows: StreamWindow[] = [];

  /** The window of the stream that the id at `words[at]` belongs to. A new one replaces the oldest. */
  get(words: Int32Array, at: number): StreamWindow {
    for (const window of this.#windows) if (window.has(words, at)) return window;
    if (this.#windows.length === STREAMS_PER_SENDER) this.#windows.pop();
    const window = new StreamWindow(words[at]!, words[at + 1]! >>> 16);
    this.#windows.unshift(window);
    return window;
  }
}

/**
 * The streams of all senders. Each sender has streams of its own, so nobody can use up the numbers of
 * another sender's stream. The senders that have been silent for longest are forgotten.
 */
export class Streams {
  /** Where the name ended that {@linkcode Streams.get} was last asked for: at its NUL, or -1. */
  nul: number = -1;
  readonly #senders: GenerationalCache<NameTable<SenderStreams>>;

  /** No streams yet. */
  constructor(factors: NameFactors) {
    this.#senders = new GenerationalCache(() => new NameTable(factors), MAX_SENDERS);
  }

  /**
   * The window of the stream that the id at `words[at]` belongs to. The name of the sender begins at
   * `start` and ends before the next NUL below `end`; without a NUL the result is `undefined`.
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

  /** As {@linkcode Streams.get}, for a name that ends at `end`. */
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

  /** Adds a sender to the young generation, with the streams that it has in the old one. */
  #add(sender: Uint8Array): SenderStreams {
    const streams = this.#senders.old.get(sender) ?? new SenderStreams();
    this.#senders.withRoom().set(sender, streams);
    return streams;
  }
}
