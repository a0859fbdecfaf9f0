/**
 * The stored outcomes of messages, in rows of the database. Owns how many stay: the newest ones, as many as a mailbox
 * remembers. Must not know the messages.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { readReceipts, type Receipt } from "@netlab/protocol";
import { MIN_OUTCOMES } from "../../../core/mailbox/outcomes.ts";
import { allRows } from "./all_rows.ts";
import { countReceipts } from "../batches/mod.ts";

/** How many outcomes stay on disk. */
const MAX_OUTCOMES = 2 * MIN_OUTCOMES;
const SELECT = "SELECT number, receipts FROM ends";

/** The outcomes in one database. */
export class OutcomeRows {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  /** The rows, oldest first, with the number of outcomes in each. */
  readonly #rows: { readonly number: number; readonly count: number }[];
  #count: number;

  /** Begins with what is in a database. */
  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare("INSERT INTO ends (receipts) VALUES (?)");
    this.#delete = database.prepare("DELETE FROM ends WHERE number <= ?");
    this.#rows = [...allRows(database, SELECT, "number")].map(({ number, receipts }) => ({
      number: number as number,
      count: countReceipts(receipts as Uint8Array),
    }));
    this.#count = this.#rows.reduce((sum, { count }) => sum + count, 0);
  }

  /** The number of a row that is damaged, if there is one. */
  get unreadable(): number | undefined {
    return this.#rows.find(({ count }) => count === 0)?.number;
  }

  /** Returns the outcomes, oldest first. */
  *load(): Iterable<Receipt> {
    for (const { receipts } of allRows(this.#database, SELECT, "number")) {
      yield* readReceipts(receipts as Uint8Array);
    }
  }

  /** Stores outcomes and deletes the oldest ones. Returns what to do after the commit. */
  add(receipts: Uint8Array): () => void {
    const number = Number(this.#insert.run(receipts).lastInsertRowid);
    const count = countReceipts(receipts);
    let total = this.#count + count;
    let old = 0;
    for (const { count } of this.#rows) {
      if (total - count < MAX_OUTCOMES) break;
      total -= count;
      old++;
    }
    if (old > 0) this.#delete.run(this.#rows[old - 1]!.number);
    return () => {
      this.#rows.splice(0, old);
      this.#rows.push({ number, count });
      this.#count = total;
    };
  }
}
