/**
 * Kept messages on disk: one SQLite file in a folder, written in one transaction for all that came
 * together. Owns the file, its schema and what happens when it is damaged; knows nothing of users.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  ErrorCode,
  HEADER_BYTES,
  MessageFields,
  messageId,
  NetlabError,
  readName,
  readReceipts,
  type Receipt,
} from "@netlab/protocol";
import { MIN_ENDS } from "./core/ended_stories.ts";
import type { MailStore, StoredMessage } from "./core/mail_store.ts";
import type { Logger } from "./logger.ts";
import {
  type BatchState,
  BatchWriter,
  countReceipts,
  inBatches,
  isWasteful,
  MailBatch,
  readBatch,
  shrinkBatch,
  stateOf,
  wholeBatch,
} from "./mail_batch.ts";
import { migrate } from "./mail_schema.ts";

const FILE = "messages.db";

/** How many ends of stories stay on disk: the newest, as many as a mailbox remembers. */
const MAX_ENDS = 2 * MIN_ENDS;

/** SQLite's code for a file that another process has locked. */
const SQLITE_BUSY = 5;

/** A store that survives a crash of the process and of the machine. */
export class MailDatabase implements MailStore, Disposable {
  /** What was written survives. */
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #logger: Logger;
  readonly #writer = new BatchWriter();
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #shrink: StatementSync;
  readonly #delete: StatementSync;
  readonly #insertGone: StatementSync;
  readonly #deleteGone: StatementSync;
  readonly #insertEnds: StatementSync;
  readonly #forgetEnds: StatementSync;
  /** The rows of ends, oldest first, and how many ends are in each. */
  readonly #ends: { readonly number: number; readonly count: number }[];
  #endCount: number;

  private constructor(database: DatabaseSync, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
    const prepare = (sql: string) => database.prepare(sql);
    this.#insert = prepare("INSERT INTO batch (messages) VALUES (?)");
    this.#read = prepare("SELECT messages FROM batch WHERE number = ?");
    this.#shrink = prepare("UPDATE batch SET messages = ? WHERE number = ?");
    this.#delete = prepare("DELETE FROM batch WHERE number = ?");
    this.#insertGone = prepare("INSERT OR REPLACE INTO gone (batch, bits) VALUES (?, ?)");
    this.#deleteGone = prepare("DELETE FROM gone WHERE batch = ?");
    this.#insertEnds = prepare("INSERT INTO ends (receipts) VALUES (?)");
    this.#forgetEnds = prepare("DELETE FROM ends WHERE number <= ?");
    this.#ends = prepare("SELECT number, receipts FROM ends ORDER BY number").all().map((row) => ({
      number: row.number as number,
      count: countReceipts(row.receipts as Uint8Array),
    }));
    this.#endCount = this.#ends.reduce((sum, { count }) => sum + count, 0);
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
      return new MailDatabase(prepare(path), logger);
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
      return new MailDatabase(prepare(path), logger);
    }
  }

  /** What was written and not removed, oldest first. What cannot be read is logged and left out. */
  *load(): Iterable<StoredMessage> {
    const rows = this.#database.prepare(
      "SELECT number, messages, bits FROM batch LEFT JOIN gone ON number = batch ORDER BY number",
    );
    const fields = new MessageFields();
    for (const row of rows.iterate()) {
      const number = row.number as number;
      const messages = row.messages as Uint8Array;
      try {
        const batch = new MailBatch(number, stateOf(messages, row.bits as Uint8Array | null));
        for (const stored of readBatch(messages, batch.state.gone)) {
          fields.read(stored.bytes, stored.start + HEADER_BYTES, stored.end);
          const id = messageId(fields);
          const sender = readName(stored.bytes, fields.sender, fields.senderEnd);
          const recipient = readName(stored.bytes, fields.recipient, fields.recipientEnd);
          yield { ...stored, id, sender, recipient, batch };
        }
      } catch (error) {
        this.#tellOfDamage(error, `messages in batch ${number} are damaged and not delivered`);
      }
    }
  }

  /** How stories ended, the newest of them, oldest first. */
  *loadEnds(): Iterable<Receipt> {
    const rows = this.#database.prepare("SELECT number, receipts FROM ends ORDER BY number");
    for (const { number, receipts } of rows.iterate()) {
      try {
        yield* readReceipts(receipts as Uint8Array);
      } catch (error) {
        this.#tellOfDamage(error, `receipts in row ${number} are damaged`);
      }
    }
  }

  /** Takes out what went and writes what came, in one transaction; it is on the disk when this returns. */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
  ): void {
    this.#database.exec("BEGIN IMMEDIATE");
    // What becomes true with the end of the transaction.
    const afterwards: (() => void)[] = [];
    try {
      for (const [batch, messages] of byBatch(removed)) {
        const state = this.#remove(batch, messages);
        if (state) afterwards.push(() => batch.state = state);
      }
      for (const messages of inBatches(added)) {
        const value = this.#writer.encode(messages);
        const number = Number(this.#insert.run(value).lastInsertRowid);
        const batch = new MailBatch(number, wholeBatch(messages.length, value.length));
        afterwards.push(() => {
          for (let position = 0; position < messages.length; position++) {
            messages[position]!.batch = batch;
            messages[position]!.position = position;
          }
        });
      }
      if (ends.length > 0) afterwards.push(this.#remember(ends));
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
    for (const becomesTrue of afterwards) becomesTrue();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** What cannot be read is no reason not to start. */
  #tellOfDamage(error: unknown, what: string): void {
    if (!(error instanceof NetlabError)) throw error;
    this.#logger.error(`${what}: {error}`, { event: "storage.damaged", error });
  }

  /** Removes messages of one batch; what is left of it, if anything is. */
  #remove(batch: MailBatch, messages: readonly StoredMessage[]): BatchState | undefined {
    const { number } = batch;
    const state = batch.without(messages);
    if (!state) {
      this.#delete.run(number);
      this.#deleteGone.run(number);
      return undefined;
    }
    this.#insertGone.run(number, state.gone);
    if (!isWasteful(state)) return state;
    const { messages: value } = this.#read.get(number)!;
    const shrunk = shrinkBatch(value as Uint8Array, state.gone);
    this.#shrink.run(shrunk, number);
    return { ...state, bytes: shrunk.length };
  }

  /** Writes down how stories ended, and forgets the oldest ends; what is to be noted when that is true. */
  #remember(ends: Uint8Array): () => void {
    const number = Number(this.#insertEnds.run(ends).lastInsertRowid);
    const count = countReceipts(ends);
    let remembered = this.#endCount + count;
    let old = 0;
    for (const { count } of this.#ends) {
      if (remembered - count < MAX_ENDS) break;
      remembered -= count;
      old++;
    }
    if (old > 0) this.#forgetEnds.run(this.#ends[old - 1]!.number);
    return () => {
      this.#ends.splice(0, old);
      this.#ends.push({ number, count });
      this.#endCount = remembered;
    };
  }
}

/** Messages that were loaded or written, by the batches that they are in. */
function byBatch(messages: readonly StoredMessage[]): Map<MailBatch, StoredMessage[]> {
  const batches = new Map<MailBatch, StoredMessage[]>();
  let last: MailBatch | undefined;
  let its: StoredMessage[] = [];
  for (const message of messages) {
    if (!(message.batch instanceof MailBatch)) continue;
    if (message.batch !== last) {
      last = message.batch;
      its = batches.get(last) ?? [];
      batches.set(last, its);
    }
    its.push(message);
  }
  return batches;
}

function prepare(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // Of a new file; large, as most values are: half the time in SQLite goes by the number of pages.
    database.exec("PRAGMA page_size = 16384");
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
