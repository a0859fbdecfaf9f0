/**
 * Schedules the writes and reads of all connections at the end of each event loop turn. Owns their order,
 * and how many large reads begin in one turn. Knows no sockets.
 *
 * @module
 */

/**
 * How many large reads begin in one turn. What they bring then stays in the processor's cache until it is
 * written, and takes no more memory than that. Further large reads begin in the following turns.
 */
const MAX_LARGE_READS = 8;
/** Up to this many connections that read in one turn are few: a sender and its recipient are two. */
const FEW = 2;

/** What a {@linkcode FlushScheduler} does with connections. */
export interface FlushSteps<Connection> {
  /** Starts the write of what is pending. */
  write(connection: Connection): void;
  /** Starts the next read. `isOneOfMany` tells whether more than two connections read in this turn. */
  read(connection: Connection, isOneOfMany: boolean): void;
  /** Whether the next read of the connection is a large one. */
  isLargeRead(connection: Connection): boolean;
}

/** Collects connections until the end of the event loop turn, then writes, then reads. */
export class FlushScheduler<Connection> {
  readonly #steps: FlushSteps<Connection>;
  #writers: Connection[] = [];
  #readers: Connection[] = [];

  /** Creates a scheduler that does `steps`. */
  constructor(steps: FlushSteps<Connection>) {
    this.#steps = steps;
  }

  /** Writes what is pending on a connection at the end of this turn. */
  write(connection: Connection): void {
    this.#schedule();
    this.#writers.push(connection);
  }

  /** Reads from a connection at the end of this turn, after the writes. */
  read(connection: Connection): void {
    this.#schedule();
    this.#readers.push(connection);
  }

  #schedule(): void {
    if (this.#writers.length + this.#readers.length === 0) queueMicrotask(() => this.#flush());
  }

  /** All data that arrived together has been handled. The writes start first, because a read delays them. */
  #flush(): void {
    const [steps, writers, readers] = [this.#steps, this.#writers, this.#readers];
    this.#writers = [];
    this.#readers = [];
    for (const connection of writers) steps.write(connection);
    let large = 0;
    for (const connection of readers) {
      if (steps.isLargeRead(connection) && ++large > MAX_LARGE_READS) {
        this.#readers.push(connection);
      } else steps.read(connection, readers.length > FEW);
    }
    if (large > MAX_LARGE_READS) setImmediate(() => this.#flush());
  }
}
