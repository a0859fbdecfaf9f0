/**
 * The SQLite file with a server's stored messages. Owns opening it: the settings, the schema, and what happens
 * when the file is damaged. Must not know what the rows contain.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Logger } from "../core/logger.ts";
import { type DataFolder, explain, storageFailed } from "./data_folder.ts";

/** The version of the schema. SQLite stores it in the file as `user_version`; it is 0 in a new file. */
const SCHEMA_VERSION = 3;

/**
 * - `batch`: messages that were written together, in the layout of `batch_codec.ts`.
 * - `gone`: for a batch from which messages were removed, one bit per message.
 * - `names`: names that users have had. Files of older versions get this table when they are opened.
 * - `ends`: receipts with the outcomes of messages, in the layout of a frame of type 6.
 */
const SCHEMA = `
  CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
  CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
  CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION}`;
const TABLES = {
  batch: ["number", "messages"],
  gone: ["batch", "bits"],
  ends: ["number", "receipts"],
};

/**
 * When the messages were last in use, see `store_clock.ts`. Files of schema version 3 do not always have this
 * table.
 */
const CLOCK = `
  CREATE TABLE IF NOT EXISTS clock
    (id INTEGER PRIMARY KEY CHECK (id = 1), stored REAL NOT NULL, wall REAL NOT NULL) STRICT`;

/** The names that users have had. Files of schema version 3 do not always have this table. */
const NAMES =
  "CREATE TABLE IF NOT EXISTS names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT";

/** A setting of a file: the space of deleted rows can be returned in steps. */
const INCREMENTAL = 2;

/** SQLite's error codes. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * Opens the database in a folder, and creates it if it does not exist. Renames a damaged file, logs its new
 * name, and creates a new file.
 *
 * @param prepare Prepares the database for use. An error that it throws counts as an error of the file.
 * @returns The result of `prepare`.
 * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the file cannot be used, or has another schema
 *   version.
 */
export function openDatabase<T>(
  { path: folder, database: path }: DataFolder,
  logger: Logger,
  prepare: (database: DatabaseSync) => T,
): T {
  try {
    return open(path, logger, prepare);
  } catch (error) {
    if (!isDamage(error)) throw storageFailed(folder, explainFile(path, error), error);
  }
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) renameIfPresent(path + suffix, aside + suffix);
  logger.error("{path} is damaged and was renamed to {aside}; its messages are not delivered", {
    event: "storage.damaged",
    path,
    aside,
  });
  return open(path, logger, prepare);
}

function open<T>(path: string, logger: Logger, prepare: (database: DatabaseSync) => T): T {
  let database = new DatabaseSync(path);
  try {
    configure(database);
    const check = database.prepare("PRAGMA quick_check(1)").get()!;
    if (check.quick_check !== "ok") throw new Error("file is not a database: " + check.quick_check);
    createSchema(database);
    if (database.prepare("PRAGMA auto_vacuum").get()!.auto_vacuum !== INCREMENTAL) {
      database = convert(path, database, logger);
    }
    database.exec(CLOCK);
    database.exec(NAMES);
    return prepare(database);
  } catch (error) {
    if (database.isOpen) database.close();
    throw error;
  }
}

function configure(database: DatabaseSync): void {
  if (database.prepare("PRAGMA page_count").get()!.page_count === 0) {
    // Most rows are large, and SQLite spends half of its time per page.
    database.exec("PRAGMA page_size = 16384");
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
  }
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
}

/**
 * Copies an older file, which cannot return space, into a new one that can. If that fails, for example because
 * the disk is full, the server uses the older file.
 */
function convert(path: string, older: DatabaseSync, logger: Logger): DatabaseSync {
  const next = `${path}.new`;
  const removeNext = () => {
    for (const suffix of ["", "-wal", "-shm"]) removeIfPresent(next + suffix);
  };
  try {
    removeNext();
    copyRows(older, next);
    older.close();
    // It stays if another program reads the file, and it does not belong to the new one.
    if (isPresent(`${path}-wal`)) throw new Error("another program reads the file");
    Deno.renameSync(next, path);
  } catch (error) {
    logger.warn("{path} does not return unused space to the disk: {error}", {
      event: "storage.unconverted",
      path,
      error,
    });
    removeNext();
    if (older.isOpen) return older;
  }
  const database = new DatabaseSync(path);
  configure(database);
  return database;
}

/** Copies everything in a database of messages, except the time, to a new file. */
export function copyRows(from: DatabaseSync, path: string): void {
  using to = new DatabaseSync(path);
  configure(to);
  createSchema(to);
  to.exec("BEGIN IMMEDIATE");
  for (const [table, [key, value]] of Object.entries(TABLES)) {
    const insert = to.prepare(`INSERT INTO ${table} VALUES (?, ?)`);
    for (const row of from.prepare(`SELECT * FROM ${table}`).iterate()) {
      insert.run(row[key!]!, row[value!]!);
    }
  }
  to.exec("COMMIT");
}

/**
 * Creates the tables in a new file.
 *
 * @throws {Error} When the file has another schema version.
 */
function createSchema(database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()!.user_version;
  if (version === SCHEMA_VERSION) return;
  if (version !== 0) {
    throw new Error(
      `messages.db has format ${version}, but this version of netlab reads only format ` +
        `${SCHEMA_VERSION}; choose another folder`,
    );
  }
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(`${SCHEMA}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  const { errcode, message } = error as { errcode?: number; message: string };
  return errcode === SQLITE_NOTADB || errcode === SQLITE_CORRUPT ||
    /not a database|malformed/.test(message);
}

/** Why SQLite cannot use a file, and what to do. */
function explainFile(path: string, error: unknown): string {
  const { errcode, message } = error as { errcode?: number; message: string };
  // Deno 2.9 does not set a code on SQLite's errors, so this also compares the text.
  if (errcode === SQLITE_BUSY || message === "database is locked") {
    return "another program uses messages.db in it; end that program, or choose another folder";
  }
  try {
    // SQLite does not say why it cannot open or write a file; this call does.
    Deno.openSync(path, { write: true }).close();
  } catch (reason) {
    return reason instanceof Deno.errors.IsADirectory
      ? "messages.db in it is a folder; choose another folder"
      : explain(reason);
  }
  return message;
}

function renameIfPresent(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function removeIfPresent(path: string): void {
  if (isPresent(path)) Deno.removeSync(path);
}

function isPresent(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
