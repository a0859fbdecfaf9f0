/**
 * The SQLite file with a server's stored messages. Owns opening it: the folder, the settings, the schema, and
 * what happens when the file is damaged or in use. Must not know what the rows contain.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import type { Logger } from "../core/logger.ts";

const FILE = "messages.db";

/** The version of the schema. SQLite stores it in the file as `user_version`; it is 0 in a new file. */
const SCHEMA_VERSION = 3;

/**
 * - `batch`: messages that were written together, in the layout of `batch_codec.ts`.
 * - `gone`: for a batch from which messages were removed, one bit per message.
 * - `ends`: receipts with the outcomes of messages, in the layout of a frame of type 6.
 */
const SCHEMA = `
  CREATE TABLE batch (number INTEGER PRIMARY KEY, messages BLOB NOT NULL) STRICT;
  CREATE TABLE gone (batch INTEGER PRIMARY KEY, bits BLOB NOT NULL) STRICT;
  CREATE TABLE ends (number INTEGER PRIMARY KEY, receipts BLOB NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION}`;

/** SQLite's error codes. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * Opens the database in a folder. Creates the folder and the file if they do not exist. Renames a damaged
 * file, logs its new name, and creates a new file.
 *
 * @param prepare Prepares the database for use. An error that it throws counts as an error of the file.
 * @returns The result of `prepare`.
 * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder cannot be used, another server
 *   uses it, or the file has another schema version.
 */
export function openDatabase<T>(
  folder: string,
  logger: Logger,
  prepare: (database: DatabaseSync) => T,
): T {
  const path = `${folder}/${FILE}`;
  try {
    Deno.mkdirSync(folder, { recursive: true });
    // SQLite does not say why it cannot write to a file; this call does.
    Deno.openSync(path, { write: true, create: true }).close();
  } catch (error) {
    throw storageFailed(folder, error);
  }
  try {
    return open(path, prepare);
  } catch (error) {
    if (!isDamage(error)) throw storageFailed(folder, error);
  }
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) renameIfPresent(path + suffix, aside + suffix);
  logger.error("{path} is damaged and was renamed to {aside}; its messages are not delivered", {
    event: "storage.damaged",
    path,
    aside,
  });
  return open(path, prepare);
}

function open<T>(path: string, prepare: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    // Applies to new files only. Most rows are large, and SQLite spends half of its time per page.
    database.exec("PRAGMA page_size = 16384");
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    const check = database.prepare("PRAGMA quick_check(1)").get()!;
    if (check.quick_check !== "ok") throw new Error("file is not a database: " + check.quick_check);
    createSchema(database);
    return prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
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
      `${FILE} has format ${version}, but this version of netlab reads only format ` +
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

function storageFailed(folder: string, cause: unknown): NetlabError {
  return new NetlabError(
    ErrorCode.StorageFailed,
    `Cannot store messages in ${folder}: ${explain(cause)}`,
    { cause, fatal: true },
  );
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.AlreadyExists) return "it is a file; choose a folder";
  if (error instanceof Deno.errors.NotADirectory) {
    return "a parent of it is a file; choose another folder";
  }
  if (error instanceof Deno.errors.IsADirectory) {
    return `${FILE} in it is a folder; choose another folder`;
  }
  const { errcode, message } = error as { errcode?: number; message: string };
  if (error instanceof Deno.errors.PermissionDenied || message.endsWith("readonly database")) {
    return "you do not have permission to write there; choose another folder, or change its permissions";
  }
  // Deno 2.9 does not set a code on SQLite's errors, so this also compares the text.
  return errcode === SQLITE_BUSY || message === "database is locked"
    ? "another server uses it; choose another folder"
    : message;
}

function renameIfPresent(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
