/**
 * Kept messages on disk: one SQLite file in a folder, written in one transaction for all that came
 * together. Owns the file, its schema and what happens when it is damaged; knows nothing of users.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ErrorCode, NetlabError, readUuid, type Receipt, writeUuid } from "@netlab/protocol";
import { MIN_ENDS } from "./core/ended_stories.ts";
import type { MailStore, StoredMessage } from "./core/mail_store.ts";
import type { Logger } from "./logger.ts";

const FILE = "messages.db";

/** How many ends of stories stay on disk: the newest, as many as a mailbox remembers. */
const MAX_ENDS = 2 * MIN_ENDS;

/** SQLite's code for a file that another process has locked. */
const SQLITE_BUSY = 5;

/** Each makes the schema of its index plus one out of the one before; `user_version` counts them. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE message (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     sender TEXT NOT NULL,
     recipient TEXT NOT NULL,
     accepted_at INTEGER NOT NULL,
     message BLOB NOT NULL
   ) STRICT`,
  `CREATE TABLE ended (
     number INTEGER PRIMARY KEY,
     id BLOB NOT NULL,
     state INTEGER NOT NULL,
     code INTEGER NOT NULL,
     reason TEXT NOT NULL
   ) STRICT`,
];

/** A store that survives a crash of the process and of the machine. */
export class MailDatabase implements MailStore, Disposable {
  /** What was written survives. */
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #insertEnd: StatementSync;
  readonly #forgetEnds: StatementSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare(
      "INSERT INTO message (id, sender, recipient, accepted_at, message) VALUES (?, ?, ?, ?, ?) " +
        "ON CONFLICT (id) DO NOTHING",
    );
    this.#delete = database.prepare("DELETE FROM message WHERE id = ?");
    this.#insertEnd = database.prepare(
      "INSERT INTO ended (id, state, code, reason) VALUES (?, ?, ?, ?)",
    );
    this.#forgetEnds = database.prepare("DELETE FROM ended WHERE number <= ?");
  }

  /**
   * Opens the messages in a folder, which is made if it is not there. A file of an older version is
   * brought up to date; a damaged one is set aside under a name that is logged, and a new one begun.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder cannot be used, another
   *   server uses it, or a newer version wrote it.
   */
  static open(folder: string, logger: Logger): MailDatabase {
    const path = `${folder}/${FILE}`;
    try {
      Deno.mkdirSync(folder, { recursive: true });
      // Of a file that may not be written SQLite says no more than that there was an error.
      Deno.openSync(path, { write: true, create: true }).close();
    } catch (cause) {
      throw failed(folder, cause);
    }
    try {
      return new MailDatabase(prepare(path));
    } catch (error) {
      if (!isDamage(error)) {
        throw failed(folder, error);
      }
      const aside = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
      for (const suffix of ["", "-wal", "-shm"]) moveAside(path + suffix, aside + suffix);
      logger.error(
        "{path} is damaged: set aside as {aside}; the messages in it are not delivered",
        {
          event: "storage.damaged",
          path,
          aside,
        },
      );
      return new MailDatabase(prepare(path));
    }
  }

  /** What was written and not removed, oldest first. */
  *load(): Iterable<StoredMessage> {
    const rows = this.#database.prepare(
      "SELECT id, sender, recipient, accepted_at, message FROM message ORDER BY number",
    );
    for (const row of rows.iterate()) {
      yield {
        id: row.id as string,
        sender: row.sender as string,
        recipient: row.recipient as string,
        acceptedAt: row.accepted_at as number,
        message: row.message as Uint8Array,
      };
    }
  }

  /** How stories ended, the newest of them, oldest first. */
  *loadEnds(): Iterable<Receipt> {
    const rows = this.#database.prepare(
      "SELECT id, state, code, reason FROM ended ORDER BY number",
    );
    for (const row of rows.iterate()) {
      yield {
        id: readUuid(row.id as Uint8Array, 0),
        state: row.state as number,
        code: row.code as number,
        reason: row.reason as string,
      };
    }
  }

  /** Writes what came and takes out what went, in one transaction; it is on the disk when this returns. */
  write(
    added: readonly StoredMessage[],
    removed: readonly string[],
    ends: readonly Receipt[],
  ): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      // What went may have come again since.
      for (const id of removed) this.#delete.run(id);
      for (const { id, sender, recipient, acceptedAt, message } of added) {
        this.#insert.run(id, sender, recipient, Math.floor(acceptedAt), message);
      }
      let newest: number | bigint = 0;
      for (const { id, state, code, reason } of ends) {
        const bytes = new Uint8Array(16);
        writeUuid(id, bytes, 0);
        newest = this.#insertEnd.run(bytes, state, code, reason).lastInsertRowid;
      }
      if (ends.length > 0) this.#forgetEnds.run(Number(newest) - MAX_ENDS);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function prepare(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    const check = database.prepare("PRAGMA quick_check(1)").get()!;
    if (check.quick_check !== "ok") throw new Error("file is not a database: " + check.quick_check);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const version = database.prepare("PRAGMA user_version").get()!.user_version as number;
  if (version > MIGRATIONS.length) {
    throw new Error(`it was written by a newer version (${version}); use that one`);
  }
  for (const [index, statement] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${statement}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}

/** SQLite's codes for a file that is none of its own, or is broken: SQLITE_NOTADB and SQLITE_CORRUPT. */
function isDamage(error: unknown): boolean {
  const { errcode, message } = error as { errcode?: number; message: string };
  return errcode === 26 || errcode === 11 || /not a database|malformed/.test(message);
}

function failed(folder: string, cause: unknown): NetlabError {
  return new NetlabError(
    ErrorCode.StorageFailed,
    `Cannot keep messages in ${folder}: ${explain(cause)}`,
    { cause, fatal: true },
  );
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.AlreadyExists) return "it is a file; choose a folder";
  if (error instanceof Deno.errors.NotADirectory) return "it is below a file; choose a folder";
  if (error instanceof Deno.errors.IsADirectory) return `${FILE} in it is a folder; choose another`;
  const { errcode, message } = error as { errcode?: number; message: string };
  if (error instanceof Deno.errors.PermissionDenied || message.endsWith("readonly database")) {
    return "this user may not write there; choose another folder, or permit it";
  }
  // Deno 2.9 gives no code with SQLite's errors, so that the text is all there is.
  return errcode === SQLITE_BUSY || message === "database is locked"
    ? "another server uses it; choose another folder"
    : message;
}

function moveAside(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
