/**
 * Messages that came in and were not handed out yet. Owns their order and who waits for the next; tells when
 * too many wait, so that no more are read from the network.
 *
 * @module
 */
import type { Incoming } from "../core/session/incoming.ts";

/** When so many wait, the network is held up. */
const MANY = 1_024;

/** Somebody who waits for the next message: hears of it, or of the end, once. */
export interface Waiter {
  /** A message is theirs. */
  give(incoming: Incoming): void;
  /** There will be none; with an error, because of that. */
  end(error?: Error): void;
}

/** A queue of messages. */
export class MessageQueue {
  readonly #onPressure: (much: boolean) => void;
  #items: Incoming[] = [];
  #head = 0;
  #waiters: Waiter[] = [];
  #ended = false;
  #error: Error | undefined;
  #pressed = false;

  /** An empty queue; `onPressure` hears when too many messages wait, and when no longer. */
  constructor(onPressure: (much: boolean) => void) {
    this.#onPressure = onPressure;
  }

  /** How many messages were not handed out yet. */
  get waiting(): number {
    return this.#items.length - this.#head;
  }

  /** Whether too many messages wait. */
  get pressed(): boolean {
    return this.#pressed;
  }

  /** Adds a message, or hands it to whoever waits longest. */
  push(incoming: Incoming): void {
    const waiter = this.#waiters.shift();
    if (waiter) return waiter.give(incoming);
    this.#items.push(incoming);
    if (this.#items.length - this.#head >= MANY) this.#press(true);
  }

  /** Takes out what nobody is to read any more. */
  drop(unwanted: (incoming: Incoming) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((incoming) => !unwanted(incoming));
    this.#head = 0;
  }

  /** No more will come; what is there can still be read. With an error, whoever waits for more gets it. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) waiter.end(error);
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

  /** Waits for the next message: for when none is there. */
  wait(waiter: Waiter): void {
    if (this.#ended) waiter.end(this.#error);
    else this.#waiters.push(waiter);
  }

  /** Waits no longer: the next message is for somebody else. */
  leave(waiter: Waiter): void {
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }

  #press(much: boolean): void {
    if (this.#pressed === much) return;
    this.#pressed = much;
    this.#onPressure(much);
  }
}
