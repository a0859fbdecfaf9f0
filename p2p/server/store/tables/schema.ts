/**
 * The tables of a database with stored messages. Owns the schema, and what databases of earlier versions lack. Must
 * not know files.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { DamageError } from "../sqlite_errors.ts";

/** The version of the schema. SQLite stores it in the file as `user_version`; it is 0 in a new file. */
const SCHEMA_VERSION = 3;
/** No version will ever be higher. */
const MAX_VERSION = 999;

/**
 * The tables that every database has.
 *
 * - `batch`: messages that were written together, in the layout of `batches/batch_codec.ts`.
 * - `gone`: for a batch from which messages were removed, one bit per message.
 * - `ends`: receipts with the outcomes of messages, in the layout of a frame of type 6.
 */
const SCHEMA = `
  CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
  CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
  CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION}`;
/**
 * The tables that databases of earlier versions get when they are opened.
 *
 * - `clock`: when the messages were last in use, see `upkeep/store_clock.ts`.
 * - `names`: the names that users have had.
 */
const ADDED_TABLES = `
  CREATE TABLE IF NOT EXISTS clock
    (id INTEGER PRIMARY KEY CHECK (id = 1), stored REAL NOT NULL, wall REAL NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS names
    (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT`;
/** The columns that they get. A `sum` is a check code of the other values of its row. */
const ADDED_COLUMNS = [["clock", "sum"], ["gone", "sum"]] as const;

/**
 * The tables in the order in which they are created: the key of each, the number of its columns, and whether
 * databases of earlier versions lack it.
 */
export const TABLES = {
  batch: { key: "number", columns: 2, isAdded: false },
  gone: { key: "batch", columns: 3, isAdded: false },
  ends: { key: "number", columns: 2, isAdded: false },
  clock: { key: "id", columns: 4, isAdded: true },
  names: { key: "number", columns: 2, isAdded: true },
} as const;
/** The name of a table. */
export type TableName = keyof typeof TABLES;
/** The names of the tables in the order of {@linkcode TABLES}. */
export const TABLE_NAMES = Object.keys(TABLES) as TableName[];

/** A row of one of the tables. */
export interface TableRow {
  /** The table. */
  readonly table: TableName;
  /** The values in the order of the columns. */
  readonly values: readonly (number | string | Uint8Array | null)[];
}

/**
 * Creates the tables in a new database, and what an older one lacks.
 *
 * @throws {Error} When the database has another schema version.
 */
export function createSchema(database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()!.user_version as number;
  if (version < 0 || version > MAX_VERSION) throw new DamageError(`there is no format ${version}`);
  if (version !== SCHEMA_VERSION && version !== 0) {
    throw new Error(
      `messages.db has format ${version}, but this version of netlab reads only format ` +
        `${SCHEMA_VERSION}; choose another folder`,
    );
  }
  if (version === 0) createTables(database);
  database.exec(ADDED_TABLES);
  const find = database.prepare("SELECT 1 FROM pragma_table_info(?) WHERE name = ?");
  for (const [table, column] of ADDED_COLUMNS) {
    if (!find.get(table, column)) {
      database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} INTEGER`);
    }
  }
}

function createTables(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(`${SCHEMA}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}
