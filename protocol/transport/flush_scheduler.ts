/**
 * Schedules the writes and reads of all connections at the end of each event loop turn. Owns their order, and
 * the number of large reads that start in one turn. Uses no sockets.
 *
 * @module
 */

import { LOOKOUT } from "./lookout.ts";

/**
 * The number of large reads that start in one turn. Their data then stays in the processor's cache until it
 * is written, and the memory that they need is bounded. Further large reads start in the following turns.
 */
const MAX_LARGE_READS = 8;
/** The largest number of connections in one turn that counts as few. A sender and its recipient are two. */
const FEW = 2;

/** The operations on connections that a {@linkcode FlushScheduler} calls. */
export interface FlushSteps<Connection> {
  /** Starts to write the pending bytes. */
  write(connection: Connection): void;
  /** Starts the next read. `isOneOfMany` tells whether more than two connections read in this turn. */
  read(connection: Connection, isOneOfMany: boolean): void;
  /** Returns whether the next read of the connection is a large one. */
  isLargeRead(connection: Connection): boolean;
}

/**
 * Collects connections until the end of the event loop turn. Then starts their writes, and after these their
 * reads.
 */
export class FlushScheduler<Connection> {
  readonly #steps: FlushSteps<Connection>;
  #writers: Connection[] = [];
  #readers: Connection[] = [];

  /** Creates a scheduler that calls `steps`. */
  constructor(steps: FlushSteps<Connection>) {
    this.#steps = steps;
  }

  /** Writes the pending bytes of a connection at the end of this turn. */
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

  /**
   * Starts the scheduled writes and reads, when all data that arrived together has been handled. Starts with
   * the writes, because a read would delay them.
   */
  #flush(): void {
    const [steps, writers, readers] = [this.#steps, this.#writers, this.#readers];
    this.#writers = [];
    this.#readers = [];
    LOOKOUT.begin();
    for (const connection of writers) steps.write(connection);
    LOOKOUT.end();
    if (LOOKOUT.isDue && readers.length > 0) {
      this.#readers = readers;
      return LOOKOUT.next(() => this.#flush());
    }
    let large = 0;
    for (const connection of readers) {
      if (steps.isLargeRead(connection) && ++large > MAX_LARGE_READS) {
        this.#readers.push(connection);
      } else steps.read(connection, readers.length > FEW);
    }
    if (large > MAX_LARGE_READS) LOOKOUT.next(() => this.#flush());
  }
}
