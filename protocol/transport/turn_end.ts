/**
 * The end of a turn of the event loop, for all connections together: what was written leaves, and then
 * they read on. Owns that order, and how many large reads begin in one turn; knows no sockets.
 *
 * @module
 */

/**
 * So many connections of which much waits are read in one turn: what they bring stays in the processor's
 * cache until it has left, and takes no more memory than that. The others have the turns after it.
 */
const MAX_BURSTS = 8;
/** Up to so many connections that read together are not many: a sender and its recipient are two. */
const FEW = 2;

/** What is done with a connection when a turn ends. */
export interface TurnSteps<Connection> {
  /** What was written leaves. */
  write(connection: Connection): void;
  /** The next read begins; whether it is one of many. */
  read(connection: Connection, isOneOfMany: boolean): void;
  /** Whether that read is a large one. */
  isBurst(connection: Connection): boolean;
}

/** The ends of turns, one after the other. */
export class TurnEnd<Connection> {
  readonly #steps: TurnSteps<Connection>;
  #writers: Connection[] = [];
  #readers: Connection[] = [];

  /** Nothing is to be done yet. */
  constructor(steps: TurnSteps<Connection>) {
    this.#steps = steps;
  }

  /** A connection has something to write when the turn ends. */
  write(connection: Connection): void {
    this.#await();
    this.#writers.push(connection);
  }

  /** A connection is to read on then. */
  read(connection: Connection): void {
    this.#await();
    this.#readers.push(connection);
  }

  #await(): void {
    if (this.#writers.length + this.#readers.length === 0) queueMicrotask(() => this.#end());
  }

  /**
   * All that came in together has been handed over. What was written leaves first, and then the next
   * reads begin: to have one waited for takes the system some time as well.
   */
  #end(): void {
    const [steps, writers, readers] = [this.#steps, this.#writers, this.#readers];
    this.#writers = [];
    this.#readers = [];
    for (const connection of writers) steps.write(connection);
    let bursts = 0;
    for (const connection of readers) {
      if (steps.isBurst(connection) && ++bursts > MAX_BURSTS) this.#readers.push(connection);
      else steps.read(connection, readers.length > FEW);
    }
    if (bursts > MAX_BURSTS) setImmediate(() => this.#end());
  }
}
