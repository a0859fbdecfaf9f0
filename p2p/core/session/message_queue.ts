/**
 * A queue of received messages that the program has not read yet. Owns their order, and the readers that wait
 * for the next one. Reports when the queue is full, so that the client stops reading from the network.
 *
 * @module
 */
import type { Incoming } from "./incoming.ts";

/** The queue is full with this many short messages. It stays full until half of them were read. */
export const FULL = 1_024;
/** A longer message counts as several: one for each begun piece of this length, in UTF-16 code units. */
const SHORT_LENGTH = 8 * 1024;

/** A reader that waits for the next message. One of its methods is called, once. */
export interface Waiter {
  /** Delivers a message. */
  give(incoming: Incoming): void;
  /** Ends the reading, with an error if that is the reason. */
  end(error?: Error): void;
}

/** A queue of messages. */
export class MessageQueue {
  readonly #onFull: (isFull: boolean) => void;
  #items: Incoming[] = [];
  #head = 0;
  #waiters: Waiter[] = [];
  #ended = false;
  #error: Error | undefined;
  #isFull = false;
  #size = 0;

  /**
   * Creates an empty queue.
   *
   * @param onFull Called when the queue becomes full, with every 1,024 short messages more, and when there is room
   *   again.
   */
  constructor(onFull: (isFull: boolean) => void) {
    this.#onFull = onFull;
  }

  /** The number of messages in the queue. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** How many short messages would need as much memory as those in the queue. */
  get size(): number {
    return this.#size;
  }

  /** Adds a message, or gives it to the reader that has waited longest. */
  push(incoming: Incoming): void {
    const waiter = this.#waiters.shift();
    if (waiter) return waiter.give(incoming);
    this.#items.push(incoming);
    const before = this.#size;
    this.#size += sizeOf(incoming);
    if (Math.floor(before / FULL) < Math.floor(this.#size / FULL)) this.#setFull(true);
  }

  /** Removes messages. */
  remove(unwanted: (incoming: Incoming) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((incoming) => !unwanted(incoming));
    this.#head = 0;
    this.#size = this.#items.reduce((sum, incoming) => sum + sizeOf(incoming), 0);
  }

  /**
   * Accepts no more messages. Those in the queue can still be read. After them, readers get the error, if there
   * is one.
   */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) waiter.end(error);
  }

  /** Removes and returns the next message, if there is one. */
  shift(): Incoming | undefined {
    if (this.#head === this.#items.length) return undefined;
    const value = this.#items[this.#head++]!;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#size -= sizeOf(value);
    if (this.#isFull && this.#size <= FULL / 2) this.#setFull(false);
    return value;
  }

  /** Lets a reader wait for the next message. Call it when the queue is empty. */
  wait(waiter: Waiter): void {
    if (this.#ended) waiter.end(this.#error);
    else this.#waiters.push(waiter);
  }

  /** Ends the waiting of a reader. */
  leave(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  #setFull(isFull: boolean): void {
    this.#isFull = isFull;
    this.#onFull(isFull);
  }
}

function sizeOf({ message: { text } }: Incoming): number {
  return Math.max(1, Math.ceil(text.length / SHORT_LENGTH));
}
