/**
 * Messages that came in and were not read yet. Owns their order and who waits for the next; tells when
 * too many wait, so that no more are read from the network.
 *
 * @module
 */
import type { Incoming } from "./core/incoming.ts";

/** When so many wait, the network is held up. */
const MANY = 1_024;

/** A queue of messages, read with `for await`. */
export class MessageQueue {
  readonly #onPressure: (much: boolean) => void;
  #items: Incoming[] = [];
  #head = 0;
  #waiting: PromiseWithResolvers<IteratorResult<Incoming, undefined>>[] = [];
  #ended = false;
  #error: Error | undefined;
  #pressed = false;

  /** An empty queue; `onPressure` hears when too many messages wait, and when no longer. */
  constructor(onPressure: (much: boolean) => void) {
    this.#onPressure = onPressure;
  }

  /** How many messages were not read yet. */
  get waiting(): number {
    return this.#items.length - this.#head;
  }

  /** Whether too many messages wait. */
  get pressed(): boolean {
    return this.#pressed;
  }

  /** Adds a message, or hands it to whoever waits longest. */
  push(incoming: Incoming): void {
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({ value: incoming, done: false });
    this.#items.push(incoming);
    if (this.#items.length - this.#head >= MANY) this.#press(true);
  }

  /** Takes out what nobody is to read any more. */
  drop(unwanted: (incoming: Incoming) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((incoming) => !unwanted(incoming));
    this.#head = 0;
  }

  /** No more will come; what waits can still be read. With an error, reading on throws it. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) {
      if (error) waiting.reject(error);
      else waiting.resolve({ value: undefined, done: true });
    }
  }

  /** Takes out the next message, if one is there. */
  shift(): Incoming | undefined {
    if (this.#head === this.#items.length) return undefined;
    const value = this.#items[this.#head++]!;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.#items.length - this.#head <= MANY / 2) this.#press(false);
    return value;
  }

  /** The next message, as soon as there is one. */
  next(): Promise<IteratorResult<Incoming, undefined>> {
    const value = this.shift();
    if (value) return Promise.resolve({ value, done: false });
    if (this.#error) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    const waiting = Promise.withResolvers<IteratorResult<Incoming, undefined>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #press(much: boolean): void {
    if (this.#pressed === much) return;
    this.#pressed = much;
    this.#onPressure(much);
  }
}
