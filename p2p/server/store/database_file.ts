/**
 * The SQLite file with a server's stored messages. Owns opening it: the settings, and what happens when the file is
 * damaged. Must not know what the rows contain.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Logger } from "../../core/logger.ts";
import { reserveSecretFile } from "../../files/secret_file.ts";
import { type DataFolder, explain, storageFailed } from "./data_folder.ts";
import { isPresent, removeIfPresent, renameIfPresent } from "./files.ts";
import { PageFile } from "./salvage/page_file.ts";
import { Salvage } from "./salvage/salvage.ts";
import { DamageError, isBusy, isDamage, isUnclear } from "./sqlite_errors.ts";
import { allRows } from "./tables/all_rows.ts";
import {
  createSchema,
  TABLE_NAMES,
  type TableName,
  type TableRow,
  TABLES,
} from "./tables/schema.ts";

/** What SQLite appends to the name of a database for its files. */
const SUFFIXES = ["", "-wal", "-shm"];
/** A setting of a file: the space of deleted rows can be returned in steps. */
const INCREMENTAL = 2;

/**
 * Opens the database in a folder, and creates it if it does not exist. If the file is damaged, it copies what is
 * not into a new file, renames the damaged one, and logs the new name and what is lost.
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
    // An earlier start was interrupted while it set damaged files aside.
    if (!isPresent(path) && isPresent(salvagedPath(path))) replaceBySalvaged(path);
    checkLog(path);
    return open(path, logger, prepare);
  } catch (error) {
    if (!isDamage(error) && !(isUnclear(error) && hasMessages(path))) {
      throw storageFailed(folder, explainFile(path, error), error);
    }
  }
  try {
    salvage(path, logger);
    return open(path, logger, prepare);
  } catch (error) {
    const why = `messages.db in it is damaged and cannot be repaired: ${(error as Error).message}`;
    throw storageFailed(folder, why, error);
  }
}

/**
 * Looks for damage at which SQLite would silently forget what follows.
 *
 * @throws {DamageError} When there is some.
 */
function checkLog(path: string): void {
  // SQLite would remove a log whose database is missing.
  if (isPresent(`${path}-wal`)) Deno.openSync(path, { append: true, create: true }).close();
  if (!isPresent(path)) return;
  using pages = new PageFile(path);
  if (pages.isDamaged) throw new DamageError("the log is damaged");
}

/** Copies what is not damaged into a new file, which takes the place of the damaged one. */
function salvage(path: string, logger: Logger): void {
  const [next, complete] = [`${path}.new`, salvagedPath(path)];
  using damaged = new Salvage(path);
  for (const file of [next, complete]) removeDatabase(file);
  writeRows(next, damaged.rows());
  Deno.renameSync(next, complete);
  const aside = replaceBySalvaged(path);
  const { messages, damaged: lost, recipients, pages } = damaged;
  logger.error(
    `{path} is damaged and was renamed to {aside}: ${
      plural(messages, "message")
    } in it can be read and will be ` +
      `delivered, ${describeLoss(damaged)}`,
    { event: "storage.damaged", path, aside, messages, lost, recipients, pages },
  );
}

/** Where the rows that could be read are, once they are complete. */
function salvagedPath(path: string): string {
  return `${path}.salvaged`;
}

/** Renames the damaged files that are still there, and puts the new one in their place. Returns their new name. */
function replaceBySalvaged(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  for (const suffix of SUFFIXES) renameIfPresent(path + suffix, aside + suffix);
  Deno.renameSync(salvagedPath(path), path);
  return aside;
}

function describeLoss({ damaged, recipients, pages }: Salvage): string {
  const losses: string[] = [];
  if (damaged > 0) {
    const whom = recipients.length > 0 ? ` (for ${recipients.join(", ")})` : "";
    losses.push(`${plural(damaged, "message")}${whom} cannot`);
  }
  if (pages > 0) losses.push(`${plural(pages, "page")} with perhaps more messages cannot`);
  return losses.join(", ") || "and none is missing";
}

function plural(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

function open<T>(path: string, logger: Logger, prepare: (database: DatabaseSync) => T): T {
  // SQLite gives its other files the mode of this one.
  reserveSecretFile(path);
  let database = new DatabaseSync(path);
  try {
    configure(database);
    const check = database.prepare("PRAGMA quick_check(1)").get()!;
    if (check.quick_check !== "ok") throw new DamageError(String(check.quick_check));
    createSchema(database);
    if (database.prepare("PRAGMA auto_vacuum").get()!.auto_vacuum !== INCREMENTAL) {
      database = convert(path, database, logger);
    }
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
  try {
    removeDatabase(next);
    writeRows(next, rowsOf(older, TABLE_NAMES));
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
    removeDatabase(next);
    if (older.isOpen) return older;
  }
  const database = new DatabaseSync(path);
  configure(database);
  return database;
}

function* rowsOf(database: DatabaseSync, tables: readonly TableName[]): Iterable<TableRow> {
  for (const table of tables) {
    for (const row of allRows(database, `SELECT * FROM ${table}`, TABLES[table].key)) {
      yield { table, values: Object.values(row) as TableRow["values"] };
    }
  }
}

/** Copies everything in a database of messages, except the time, to a new file. */
export function copyRows(from: DatabaseSync, path: string): void {
  writeRows(path, rowsOf(from, ["batch", "gone", "ends", "names"]));
}

/** Writes rows into a new database. */
function writeRows(path: string, rows: Iterable<TableRow>): void {
  reserveSecretFile(path);
  using to = new DatabaseSync(path);
  configure(to);
  createSchema(to);
  to.exec("BEGIN IMMEDIATE");
  const inserts = new Map(
    Object.entries(TABLES).map(([table, { columns }]) => {
      const values = Array(columns).fill("?").join(", ");
      return [table, to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${values})`)];
    }),
  );
  for (const { table, values } of rows) inserts.get(table)!.run(...values);
  to.exec("COMMIT");
}

function hasMessages(path: string): boolean {
  using file = new Salvage(path);
  for (const { table } of file.rows()) if (table === "batch") return true;
  return false;
}

/** Why SQLite cannot use a file, and what to do. */
function explainFile(path: string, error: unknown): string {
  if (isBusy(error)) {
    return "another program uses messages.db in it; end that program, or choose another folder";
  }
  try {
    // SQLite does not say why it cannot open or write a file; this call does.
    Deno.openSync(path, { write: true }).close();
  } catch (reason) {
    return explain(reason);
  }
  return (error as Error).message;
}

function removeDatabase(path: string): void {
  for (const suffix of SUFFIXES) removeIfPresent(path + suffix);
}
