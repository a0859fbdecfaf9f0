/**
 * The messages that a user received, until the program has taken them. Owns the definition of "taken", and when
 * taken messages are acknowledged. Must not know connections, servers or timers.
 *
 * A message counts as taken when the program
 * - asks the reader that gave it for another message, after it has got this one, or
 * - names it in {@linkcode Inbox.take}.
 *
 * Nothing else takes a message. Leaving a loop does not, because a reader cannot tell `break` from an exception.
 * A durable message that was not taken stays with the network, which delivers it to the next client of that name.
 *
 * @module
 */
import type { Message } from "@netlab/protocol/codec";
import type { ClientSession } from "./client_session.ts";
import type { Incoming } from "./incoming.ts";
import { FULL, MessageQueue, type Waiter } from "./message_queue.ts";

/** This many taken messages are acknowledged at once. */
const MANY_TAKEN = 100;

/**
 * While a sent message waits for its receipt, this many short messages that the program has not read stop the reading,
 * and otherwise a sixteenth of them. The receipt comes on the same connection, behind such messages.
 */
const MAX_UNREAD = 16 * FULL;

/** What an {@linkcode Inbox} needs from its surroundings. */
export interface InboxHost {
  /** Stops or resumes reading from the network. */
  pauseReading(isPaused: boolean): void;
  /** Calls `run` once within a few milliseconds. Returns a function that cancels the call. */
  soon(run: () => void): () => void;
  /** Calls `run` once when the event loop turn ends. */
  atTurnEnd(run: () => void): void;
}

type Next = IteratorResult<Message, undefined>;

/** The received messages of one user. */
export class Inbox {
  readonly #session: ClientSession;
  readonly #host: InboxHost;
  readonly #queue: MessageQueue;
  /** Cancels the acknowledgement that is due soon. */
  #cancel: (() => void) | undefined;
  #isFull = false;
  #isPaused = false;
  #closing = false;
  #closed = false;

  /** Creates an empty inbox. */
  constructor(session: ClientSession, host: InboxHost) {
    this.#session = session;
    this.#host = host;
    this.#queue = new MessageQueue((isFull) => {
      this.#isFull = isFull;
      this.look();
    });
  }

  /**
   * Stops or resumes reading when messages were sent or accepted. Call it after every send, and once a second.
   */
  look(): void {
    const isPaused = this.#isFull && (!this.#session.isWaiting || this.#queue.size >= MAX_UNREAD);
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#host.pauseReading(isPaused);
  }

  /** Adds a message. While the inbox closes, durable ones are left to the next client of that name. */
  receive(incoming: Incoming): void {
    if (this.#closing && incoming.isDurable) return;
    this.#queue.push(incoming);
  }

  /** Creates a reader. When there are several readers, each message goes to one of them. */
  reader(): AsyncIterator<Message, undefined> {
    return new Reader(this.#queue, (messages, more) => this.#took(messages, more));
  }

  /** Takes a message that a reader gave. Has no effect when it was taken before, or is not durable. */
  take(message: Message): void {
    const incoming = this.#session.untaken(message.id);
    if (incoming) this.#took([incoming], false);
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
    await new Promise<void>((resolve) => this.#host.atTurnEnd(resolve));
    this.#cancel?.();
    this.#session.acknowledge();
    this.#closed = true;
  }

  /** Ends all readers, with an error if that is the reason. */
  end(error?: Error): void {
    this.#queue.end(error);
  }

  /**
   * Takes messages and acknowledges them: at once when there are many or no others wait to be read, otherwise
   * within a few milliseconds.
   */
  #took(messages: readonly Incoming[], more: boolean): void {
    if (this.#closed) return;
    let count = 0;
    for (const incoming of messages) count = this.#session.take(incoming);
    if (count >= MANY_TAKEN || !more) this.#session.acknowledge();
    else if (count > 0) {
      this.#cancel ??= this.#host.soon(() => {
        this.#cancel = undefined;
        this.#session.acknowledge();
      });
    }
  }
}

/** One reader of the messages, such as a `for await` loop. */
class Reader implements AsyncIterator<Message, undefined> {
  readonly #queue: MessageQueue;
  readonly #took: (messages: readonly Incoming[], more: boolean) => void;
  /** The durable messages that the program has got from this reader and has not taken here. */
  #got: Incoming[] = [];
  /** Pending calls of `next`: more than one when the program does not await each call. */
  readonly #waiters = new Set<Waiter>();
  #over = false;

  /**
   * Creates a reader of `queue`.
   *
   * @param took Called with messages that were taken, and with whether more of them wait to be read.
   */
  constructor(queue: MessageQueue, took: (messages: readonly Incoming[], more: boolean) => void) {
    this.#queue = queue;
    this.#took = took;
  }

  /** Takes the messages that the program has got before this call, and returns the next one. */
  next(): Promise<Next> {
    this.#take();
    if (this.#over) return Promise.resolve({ value: undefined, done: true });
    const incoming = this.#queue.shift();
    if (!incoming) return this.#wait();
    const given = Promise.resolve<Next>({ value: incoming.message, done: false });
    // The program gets the message after this. It may have called `next` several times ahead.
    if (incoming.isDurable) void given.then(() => this.#got.push(incoming));
    return given;
  }

  /** Ends the reading. Takes nothing. */
  return(): Promise<Next> {
    this.#over = true;
    for (const waiter of this.#waiters) {
      this.#queue.leave(waiter);
      waiter.end();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  #wait(): Promise<Next> {
    const { promise, resolve, reject } = Promise.withResolvers<Incoming | undefined>();
    const waiter: Waiter = {
      give: (incoming) => {
        this.#waiters.delete(waiter);
        resolve(incoming);
      },
      end: (error) => {
        this.#waiters.delete(waiter);
        if (error) reject(error);
        else resolve(undefined);
      },
    };
    this.#waiters.add(waiter);
    this.#queue.wait(waiter);
    return promise.then((incoming) => {
      if (!incoming) return { value: undefined, done: true };
      if (incoming.isDurable) this.#got.push(incoming);
      return { value: incoming.message, done: false };
    });
  }

  #take(): void {
    const more = this.#queue.length > 0;
    const got = this.#got;
    // Ephemeral messages are not acknowledged, but the last one lets those taken before it be acknowledged.
    if (got.length === 0 && more) return;
    this.#got = [];
    this.#took(got, more);
  }
}
