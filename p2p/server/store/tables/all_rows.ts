/**
 * Reads all rows of a table. `StatementSync.iterate` of Deno 2.9 is no help: when a row cannot be read, it ends
 * without an error, as if there were no more rows.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";

/** How many rows are read at a time. Some are larger than 64 KiB. */
const ROWS = 64;

/**
 * Returns all rows of a query in the order of a column.
 *
 * @param select The query, without conditions.
 * @param key A column with different integers from 0 on.
 * @throws {Error} When a row cannot be read.
 */
export function* allRows(
  database: DatabaseSync,
  select: string,
  key: string,
): Iterable<Record<string, unknown>> {
  const statement = database.prepare(`${select} WHERE ${key} > ? ORDER BY ${key} LIMIT ${ROWS}`);
  let last = -1;
  for (;;) {
    const rows = statement.all(last);
    if (rows.length === 0) return;
    yield* rows;
    last = rows.at(-1)![key] as number;
  }
}
