/**
 * Messages that came for a user, until the program is done with them. Owns when a message counts as taken, and
 * when that is acknowledged: many at once, but none late; knows neither connections nor servers.
 *
 * A message is handed out first, and taken when the program asks for the next one or reads no more: only then
 * does it need no other copy.
 *
 * @module
 */
import type { Message } from "@netlab/protocol";
import type { ClientSession, Incoming } from "../core/session/client_session.ts";
import { MessageQueue, type Waiter } from "./message_queue.ts";

/** So many messages that were taken are acknowledged together. */
const MANY_TAKEN = 100;
/** How long fewer may wait for more: milliseconds. */
const ACKNOWLEDGE_MS = 2;

type Next = IteratorResult<Message, undefined>;

/** What waits for one user's program. */
export class Inbox {
  readonly #session: ClientSession;
  readonly #queue: MessageQueue;
  #acknowledging: ReturnType<typeof setTimeout> | undefined;
  #closing = false;
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
    if (this.#closing && incoming.isDurable) return;
    this.#queue.push(incoming);
  }

  /** Somebody who reads the messages. Where there are several, each message goes to one of them. */
  reader(): AsyncIterator<Message, undefined> {
    return new Reader(this.#queue, (incoming, more) => this.#took(incoming, more));
  }

  /**
   * Hands out nothing more that is kept, and acknowledges what was taken. What the program has not taken by
   * then is delivered to the next client of that name, and only there.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.#queue.drop(({ isDurable }) => isDurable);
    // A loop that is in the middle of a message asks for the next one in this turn of the event loop, unless
    // it waits for something: the message is not to be delivered a second time for that.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    clearTimeout(this.#acknowledging);
    this.#session.acknowledge();
    this.#closed = true;
  }

  /** No more will come; with an error, whoever reads on gets it. */
  end(error?: Error): void {
    this.#queue.end(error);
  }

  /** The program is done with a message. Acknowledges many at once, but none later than a few milliseconds. */
  #took(incoming: Incoming, more: boolean): void {
    if (this.#closed) return;
    const count = this.#session.take(incoming);
    if (count >= MANY_TAKEN || !more) this.#session.acknowledge();
    else if (count > 0) {
      this.#acknowledging ??= setTimeout(() => {
        this.#acknowledging = undefined;
        this.#session.acknowledge();
      }, ACKNOWLEDGE_MS);
    }
  }
}

/** One loop over the messages. */
class Reader implements AsyncIterator<Message, undefined> {
  readonly #queue: MessageQueue;
  readonly #took: (incoming: Incoming, more: boolean) => void;
  /** The message that the program has, and is not done with. */
  #handed: Incoming | undefined;
  /** Those of whom the program waits for the answer: more than one when it asks without waiting. */
  readonly #waiters = new Set<Waiter>();
  #over = false;

  /** Hands out messages of `queue`; `took` hears of each that was taken, and whether there are more. */
  constructor(queue: MessageQueue, took: (incoming: Incoming, more: boolean) => void) {
    this.#queue = queue;
    this.#took = took;
  }

  /** The next message; with that, the one before is taken. */
  next(): Promise<Next> {
    this.#take(this.#queue.waiting > 0);
    if (this.#over) return Promise.resolve({ value: undefined, done: true });
    const incoming = this.#queue.shift();
    return incoming ? Promise.resolve(this.#hand(incoming)) : this.#wait();
  }

  /** Reads no more; with that, the last message is taken. */
  return(): Promise<Next> {
    this.#over = true;
    this.#take(false);
    for (const waiter of this.#waiters) {
      this.#queue.leave(waiter);
      waiter.end();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  #wait(): Promise<Next> {
    const { promise, resolve, reject } = Promise.withResolvers<Next>();
    const waiter: Waiter = {
      give: (incoming) => {
        this.#waiters.delete(waiter);
        resolve(this.#hand(incoming));
      },
      end: (error) => {
        this.#waiters.delete(waiter);
        if (error) reject(error);
        else resolve({ value: undefined, done: true });
      },
    };
    this.#waiters.add(waiter);
    this.#queue.wait(waiter);
    return promise;
  }

  #hand(incoming: Incoming): Next {
    // Whoever asked for two at once has asked for this one when the first was handed out.
    this.#take(true);
    this.#handed = incoming;
    return { value: incoming.message, done: false };
  }

  #take(more: boolean): void {
    const incoming = this.#handed;
    if (incoming === undefined) return;
    this.#handed = undefined;
    // Of what nobody keeps nobody hears; but what was taken before it does not wait any longer than it has to.
    if (incoming.isDurable || !more) this.#took(incoming, more);
  }
}
