/**
 * The messages that a user received, until the program has taken them. Owns when a message counts as taken, and
 * when it is acknowledged. Must not know connections or servers.
 *
 * The program first reads a message. It takes the message when it reads the next one or stops reading. From
 * then on no other copy of the message is needed.
 *
 * @module
 */
import type { Message } from "@netlab/protocol";
import type { ClientSession, Incoming } from "../core/session/client_session.ts";
import { MessageQueue, type Waiter } from "./message_queue.ts";

/** This many taken messages are acknowledged at once. */
const MANY_TAKEN = 100;
/** How long fewer taken messages wait for more before they are acknowledged: milliseconds. */
const ACKNOWLEDGE_MS = 2;

type Next = IteratorResult<Message, undefined>;

/** The received messages of one user. */
export class Inbox {
  readonly #session: ClientSession;
  readonly #queue: MessageQueue;
  #acknowledging: ReturnType<typeof setTimeout> | undefined;
  #closing = false;
  #closed = false;

  /**
   * Creates an empty inbox.
   *
   * @param onFull Called when the inbox becomes full, and when there is room again.
   */
  constructor(session: ClientSession, onFull: (isFull: boolean) => void) {
    this.#session = session;
    this.#queue = new MessageQueue(onFull);
  }

  /** Adds a message. While the inbox closes, durable ones are left to the next client of that name. */
  receive(incoming: Incoming): void {
    if (this.#closing && incoming.isDurable) return;
    this.#queue.push(incoming);
  }

  /** Creates a reader. When there are several readers, each message goes to one of them. */
  reader(): AsyncIterator<Message, undefined> {
    return new Reader(this.#queue, (incoming, more) => this.#took(incoming, more));
  }

  /**
   * Removes the durable messages that were not read, and acknowledges those that were taken. All others are
   * delivered to the next client of that name.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.#queue.remove(({ isDurable }) => isDurable);
    // A loop whose body does not wait takes its current message in this turn of the event loop. Acknowledging
    // after the turn includes that message, so it is not delivered again.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    clearTimeout(this.#acknowledging);
    this.#session.acknowledge();
    this.#closed = true;
  }

  /** Ends all readers, with an error if that is the reason. */
  end(error?: Error): void {
    this.#queue.end(error);
  }

  /**
   * Notes that a message was taken, and acknowledges taken messages: at once when there are many or no others
   * wait to be read, otherwise within a few milliseconds.
   */
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

/** One reader of the messages, such as a `for await` loop. */
class Reader implements AsyncIterator<Message, undefined> {
  readonly #queue: MessageQueue;
  readonly #took: (incoming: Incoming, more: boolean) => void;
  /** The message that the program has read, but not taken. */
  #current: Incoming | undefined;
  /** Pending calls of `next`: more than one when the program does not await each call. */
  readonly #waiters = new Set<Waiter>();
  #over = false;

  /**
   * Creates a reader of `queue`.
   *
   * @param took Called for each message that was taken, with whether more of them wait to be read.
   */
  constructor(queue: MessageQueue, took: (incoming: Incoming, more: boolean) => void) {
    this.#queue = queue;
    this.#took = took;
  }

  /** Takes the current message and returns the next one. */
  next(): Promise<Next> {
    this.#take(this.#queue.length > 0);
    if (this.#over) return Promise.resolve({ value: undefined, done: true });
    const incoming = this.#queue.shift();
    return incoming ? Promise.resolve(this.#read(incoming)) : this.#wait();
  }

  /** Takes the current message and ends the reading. */
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
        resolve(this.#read(incoming));
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

  #read(incoming: Incoming): Next {
    // With two pending calls of `next`, the second one takes the message that the first one got.
    this.#take(true);
    this.#current = incoming;
    return { value: incoming.message, done: false };
  }

  #take(more: boolean): void {
    const incoming = this.#current;
    if (incoming === undefined) return;
    this.#current = undefined;
    // Ephemeral messages are not acknowledged, but the last one lets those taken before it be acknowledged.
    if (incoming.isDurable || !more) this.#took(incoming, more);
  }
}
