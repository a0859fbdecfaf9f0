/**
 * What an error of SQLite means. Deno 2.9 does not set a code on all of them, so some are known by their text.
 *
 * @module
 */

/** SQLite's error codes. */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** A page is missing at the end of the file. */
const SQLITE_IOERR_SHORT_READ = 522;
/** The part of an error code that does not say more. */
const PRIMARY = 0xff;

/** Thrown when the rows of a database are damaged. */
export class DamageError extends Error {
  /** `DamageError`. */
  override name = "DamageError";
}

/** Whether an error says that the disk is full. */
export function isFull(error: unknown): boolean {
  const { code, message } = read(error);
  return (code & PRIMARY) === SQLITE_FULL || /disk is full/.test(message);
}

/** Whether an error says that another program uses the database. */
export function isBusy(error: unknown): boolean {
  const { code, message } = read(error);
  return code === SQLITE_BUSY || message === "database is locked";
}

/** Whether an error says that the database is damaged. */
export function isDamage(error: unknown): boolean {
  const { code, message } = read(error);
  return error instanceof DamageError || code === SQLITE_IOERR_SHORT_READ ||
    (code & PRIMARY) === SQLITE_NOTADB || (code & PRIMARY) === SQLITE_CORRUPT ||
    /not a database|malformed/.test(message);
}

/** Whether the schema is damaged or another one. */
export function isUnclear(error: unknown): boolean {
  return read(error).code === SQLITE_ERROR;
}

function read(error: unknown): { code: number; message: string } {
  const { errcode = 0, message } = error as { errcode?: number; message: string };
  return { code: errcode, message };
}
