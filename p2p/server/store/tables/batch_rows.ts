/**
 * Reads all batches of a database, with the bits for their removed messages. Must not know messages.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { codeOfBits } from "../batches/mod.ts";
import { allRows } from "./all_rows.ts";

// Databases of earlier versions have no column `sum`.
const SELECT = "SELECT * FROM batch LEFT JOIN gone ON number = batch";
const NONE = new Uint8Array(0);

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
  for (const { number, messages, bits, sum } of allRows(database, SELECT, "number")) {
    const removed = bits as Uint8Array | null ?? NONE;
    const isDamaged = typeof sum === "number" && sum !== codeOfBits(number as number, removed);
    yield { number: number as number, value: messages as Uint8Array, removed, isDamaged };
  }
}
