/**
 * The stored messages, in rows of the database. Owns the numbers of batches, and which messages of a batch were
 * removed. Must not know files or transactions.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoredMessage } from "../../../core/mailbox/message_store.ts";
import {
  type BatchContents,
  type BatchState,
  BatchWriter,
  codeOfBits,
  inBatches,
  isWasteful,
  readBatch,
  shrinkBatch,
  stateOf,
  stateWithout,
  wholeBatch,
} from "../batches/mod.ts";
import { byBatch, OFFSETS_PER_BATCH } from "../batches/offsets.ts";
import { allRows } from "./all_rows.ts";

// Databases of earlier versions have no column `sum`.
const SELECT = "SELECT * FROM batch LEFT JOIN gone ON number = batch";
const NONE = new Uint8Array(0);

/** How many batch states are cached. Most messages are removed soon; the states of old batches are read again. */
const MAX_STATES = 4_096;

/** A batch as it is stored. */
export interface BatchRow {
  /** Its number. */
  readonly number: number;
  /** Its value, in the layout of `batches/batch_codec.ts`. */
  readonly value: Uint8Array;
  /** The bits for its removed messages; none if none was removed. */
  readonly removed: Uint8Array;
  /** Whether the check code of the bits is not theirs. Earlier versions wrote none. */
  readonly isDamaged: boolean;
}

/**
 * Returns all batches, oldest first.
 *
 * @throws {Error} When one cannot be read.
 */
export function* batchRows(database: DatabaseSync): Iterable<BatchRow> {
  for (const row of allRows(database, SELECT, "number")) yield batchRow(row);
}

function batchRow({ number, messages, bits, sum }: Record<string, unknown>): BatchRow {
  const removed = bits as Uint8Array | null ?? NONE;
  const isDamaged = typeof sum === "number" && sum !== codeOfBits(number as number, removed);
  return { number: number as number, value: messages as Uint8Array, removed, isDamaged };
}

/** The messages in one database. What it returns as a function is to be called when the transaction has succeeded. */
export class BatchRows {
  readonly #writer = new BatchWriter();
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #shrink: StatementSync;
  readonly #delete: StatementSync;
  readonly #insertRemoved: StatementSync;
  readonly #deleteRemoved: StatementSync;
  /** The number of the next batch. While the process runs, no number is used twice. */
  #nextNumber: number;
  /** Batch states by batch number, the oldest entry first. */
  readonly #states = new Map<number, BatchState>();
  /** The batch that was read last. The next message to read is often in it as well. */
  #lastRead: BatchRow | undefined;

  /** Begins with what is in a database. */
  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => database.prepare(sql);
    this.#insert = prepare("INSERT INTO batch (number, messages) VALUES (?, ?)");
    this.#select = prepare(`${SELECT} WHERE number = ?`);
    this.#shrink = prepare("UPDATE batch SET messages = ? WHERE number = ?");
    this.#delete = prepare("DELETE FROM batch WHERE number = ?");
    this.#insertRemoved = prepare(
      "INSERT OR REPLACE INTO gone (batch, bits, sum) VALUES (?, ?, ?)",
    );
    this.#deleteRemoved = prepare("DELETE FROM gone WHERE batch = ?");
    const last = prepare("SELECT coalesce(max(number), 0) AS number FROM batch").get()!;
    this.#nextNumber = last.number as number + 1;
  }

  /**
   * Reads one batch; `undefined` when none of its messages is left.
   *
   * @throws {Error} When the database cannot read it.
   */
  read(number: number): BatchContents | undefined {
    let last = this.#lastRead;
    if (last?.number !== number) {
      const row = this.#select.get(number);
      if (!row) return undefined;
      last = this.#lastRead = batchRow(row);
      if (!this.#states.has(number)) {
        this.#setState(number, stateOf(number, last.value, last.removed));
      }
    }
    // More messages may have been removed meanwhile.
    const state = this.#stateOf(number);
    return state && readBatch(number, last.value, state.removed);
  }

  /**
   * Adds messages, which get their offsets when the transaction has succeeded.
   *
   * @param shiftMs What to add to the time of the messages: milliseconds.
   */
  add(added: readonly StoredMessage[], shiftMs: number): () => void {
    const updates: (() => void)[] = [];
    for (const messages of inBatches(added)) {
      const number = this.#nextNumber++;
      const value = this.#writer.encode(number, messages, shiftMs);
      this.#insert.run(number, value);
      const state = wholeBatch(messages.length, value.length);
      updates.push(() => {
        this.#setState(number, state);
        let offset = number * OFFSETS_PER_BATCH;
        for (const message of messages) message.offset = offset++;
      });
    }
    return () => updates.forEach((update) => update());
  }

  /** Removes messages. Ignores those that were never stored. */
  remove(removed: readonly StoredMessage[]): () => void {
    const updates = [...byBatch(removed)].map(([number, messages]) =>
      this.#removeFrom(number, messages)
    );
    return () => updates.forEach((update) => update());
  }

  #removeFrom(number: number, messages: readonly StoredMessage[]): () => void {
    const before = this.#stateOf(number);
    const state = before && stateWithout(before, messages, number * OFFSETS_PER_BATCH);
    if (!state) {
      this.#delete.run(number);
      this.#deleteRemoved.run(number);
      return () => this.#states.delete(number);
    }
    this.#insertRemoved.run(number, state.removed, codeOfBits(number, state.removed));
    if (!isWasteful(state)) return () => this.#setState(number, state);
    const { value } = batchRow(this.#select.get(number)!);
    const shrunk = shrinkBatch(number, value, state.removed);
    this.#shrink.run(shrunk, number);
    return () => this.#setState(number, { ...state, bytes: shrunk.length });
  }

  /** The state of a batch; `undefined` when none of its messages is left. */
  #stateOf(number: number): BatchState | undefined {
    const known = this.#states.get(number);
    if (known) return known;
    const row = this.#select.get(number);
    if (!row) return undefined;
    const { value, removed } = batchRow(row);
    const state = stateOf(number, value, removed);
    this.#setState(number, state);
    return state;
  }

  #setState(number: number, state: BatchState): void {
    this.#states.delete(number);
    this.#states.set(number, state);
    if (this.#states.size <= MAX_STATES) return;
    const [oldest] = this.#states.keys();
    this.#states.delete(oldest!);
  }
}
