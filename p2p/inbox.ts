/**
 * Messages that came for a user, until the program takes them. Owns when they are acknowledged: many at
 * once, but none late; knows neither connections nor servers.
 *
 * @module
 */
import type { Message } from "@netlab/protocol";
import type { ClientSession, Incoming } from "./core/client_session.ts";
import { MessageQueue } from "./message_queue.ts";

/** So many messages that were taken are acknowledged together. */
const MANY_TAKEN = 100;
/** How long fewer may wait for more: milliseconds. */
const ACKNOWLEDGE_MS = 2;

/** What waits for one user's program. */
export class Inbox {
  readonly #session: ClientSession;
  readonly #queue: MessageQueue;
  #acknowledging: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Nothing yet; `onPressure` hears when too many messages wait, and when no longer. */
  constructor(session: ClientSession, onPressure: (much: boolean) => void) {
    this.#session = session;
    this.#queue = new MessageQueue(onPressure);
  }

  /** Whether too many messages wait. */
  get pressed(): boolean {
    return this.#queue.pressed;
  }

  /** A message came. What comes after the close is kept for the next client of that name. */
  receive(incoming: Incoming): void {
    if (this.#closed && incoming.isKept) return;
    this.#queue.push(incoming);
  }

  /** The next message; to take it is what its sender waits to hear of. */
  next(): Promise<IteratorResult<Message, undefined>> {
    const incoming = this.#queue.shift();
    if (!incoming) return this.#wait();
    this.#took(incoming, this.#queue.waiting === 0);
    return Promise.resolve({ value: incoming.message, done: false });
  }

  /** Nothing is there: what was taken is acknowledged now, and so is the next one as it comes. */
  async #wait(): Promise<IteratorResult<Message, undefined>> {
    this.#session.acknowledge();
    const next = await this.#queue.next();
    if (next.done) return next;
    this.#took(next.value, this.#queue.waiting === 0);
    return { value: next.value.message, done: false };
  }

  /**
   * Acknowledges what was taken, and no more. What the program has not taken by now is delivered to the
   * next client of that name, and only there.
   */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#acknowledging);
    this.#queue.drop(({ isKept }) => isKept);
    this.#session.acknowledge();
  }

  /** No more will come; with an error, whoever reads on gets it. */
  end(error?: Error): void {
    this.#queue.end(error);
  }

  /** Acknowledges many messages at once, but none later than a few milliseconds. */
  #took(incoming: Incoming, last: boolean): void {
    if (this.#session.take(incoming) >= MANY_TAKEN || last) this.#session.acknowledge();
    else if (!this.#closed) {
      this.#acknowledging ??= setTimeout(() => {
        this.#acknowledging = undefined;
        this.#session.acknowledge();
      }, ACKNOWLEDGE_MS);
    }
  }
}
