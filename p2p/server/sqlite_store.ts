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
import { MIN_OUTCOMES } from "../core/mailbox/outcomes.ts";
import type { MessageStore, StoredMessage } from "../core/mailbox/message_store.ts";
import type { Logger } from "../core/logger.ts";
import {
  type BatchedMessage,
  type BatchState,
  BatchWriter,
  countReceipts,
  inBatches,
  isWasteful,
  MAX_MESSAGES,
  readBatch,
  shrinkBatch,
  stateOf,
  stateWithout,
  wholeBatch,
} from "./batch_codec.ts";
import { migrate } from "./schema.ts";

const FILE = "messages.db";

/** How many ends of stories stay on disk: the newest, as many as a mailbox remembers. */
const MAX_ENDS = 2 * MIN_OUTCOMES;

/** A batch has one place more than it may have messages, so that no batch's follow another's. */
const PLACES = MAX_MESSAGES + 1;

/** What is left of so many batches is remembered, as messages mostly go soon; of others it is read. */
const MAX_STATES = 4_096;

/** SQLite's code for a file that another process has locked. */
const SQLITE_BUSY = 5;

/** A store that survives a crash of the process and of the machine. */
export class SqliteStore implements MessageStore, Disposable {
  /** What was written survives. */
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #logger: Logger;
  readonly #writer = new BatchWriter();
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #shrink: StatementSync;
  readonly #delete: StatementSync;
  readonly #insertGone: StatementSync;
  readonly #deleteGone: StatementSync;
  readonly #insertEnds: StatementSync;
  readonly #forgetEnds: StatementSync;
  /** The rows of ends, oldest first, and how many ends are in each. */
  readonly #ends: { readonly number: number; readonly count: number }[];
  #endCount: number;
  /** No number comes again, whatever has gone. */
  #nextNumber: number;
  /** By the numbers of batches, those first that have been there for longest. */
  readonly #states = new Map<number, BatchState>();
  /** The batch that was read last: what comes next is often in it as well. */
  #lastRead: { readonly number: number; readonly messages: Uint8Array } | undefined;

  private constructor(database: DatabaseSync, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
    const prepare = (sql: string) => database.prepare(sql);
    this.#insert = prepare("INSERT INTO batch (number, messages) VALUES (?, ?)");
    this.#select = prepare(
      "SELECT messages, bits FROM batch LEFT JOIN gone ON number = batch WHERE number = ?",
    );
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
    const last = prepare("SELECT coalesce(max(number), 0) AS number FROM batch").get()!;
    this.#nextNumber = last.number as number + 1;
  }

  /**
   * Opens the messages in a folder, which is made if it is not there. A file of an older version is
   * brought up to date; a damaged one is set aside under a name that is logged, and a new one begun.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder cannot be used, another
   *   server uses it, or a newer version wrote it.
   */
  static open(folder: string, logger: Logger): SqliteStore {
    const path = `${folder}/${FILE}`;
    try {
      Deno.mkdirSync(folder, { recursive: true });
      // Of a file that may not be written SQLite says no more than that there was an error.
      Deno.openSync(path, { write: true, create: true }).close();
    } catch (cause) {
      throw failed(folder, cause);
    }
    try {
      return new SqliteStore(prepare(path), logger);
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
      return new SqliteStore(prepare(path), logger);
    }
  }

  /** What was written and not removed, oldest first. What cannot be read is logged and left out. */
  *load(): Iterable<StoredMessage> {
    const rows = this.#database.prepare(
      "SELECT number, messages, bits FROM batch LEFT JOIN gone ON number = batch ORDER BY number",
    );
    for (const row of rows.iterate()) {
      const number = row.number as number;
      const messages = row.messages as Uint8Array;
      try {
        const { gone } = stateOf(messages, row.bits as Uint8Array | null);
        for (const message of readBatch(messages, gone)) yield loaded(number, message);
      } catch (error) {
        this.#tellOfDamage(error, `messages in batch ${number} are damaged and not delivered`);
      }
    }
  }

  /** What is at those places, which are in one batch. What cannot be read is logged and left out. */
  read(offset: number, count: number): StoredMessage[] {
    const number = Math.floor(offset / PLACES);
    const from = offset % PLACES;
    try {
      const messages = this.#messages(number);
      const state = this.#stateOf(number);
      if (!messages || !state) return [];
      const some = readBatch(messages, state.gone, from, from + count);
      return some.map((message) => loaded(number, message));
    } catch (error) {
      this.#logger.error(
        "messages in batch {number} cannot be read and wait for the next start: {error}",
        { event: "storage.unreadable", number, error },
      );
      return [];
    }
  }

  /** How stories ended, the newest of them, oldest first. */
  *loadOutcomes(): Iterable<Receipt> {
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
      for (const [number, messages] of byBatch(removed)) {
        afterwards.push(this.#remove(number, messages));
      }
      for (const messages of inBatches(added)) {
        const value = this.#writer.encode(messages);
        const number = this.#nextNumber++;
        this.#insert.run(number, value);
        const state = wholeBatch(messages.length, value.length);
        afterwards.push(() => {
          this.#setState(number, state);
          let offset = number * PLACES;
          for (const message of messages) message.offset = offset++;
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

  /** Removes messages of one batch; what is to be noted when that is true. */
  #remove(number: number, messages: readonly StoredMessage[]): () => void {
    let before: BatchState | undefined;
    try {
      before = this.#stateOf(number);
    } catch (error) {
      this.#tellOfDamage(error, `messages in batch ${number} are damaged and stay there`);
      return () => {};
    }
    const state = before && stateWithout(before, messages, number * PLACES);
    if (!state) {
      this.#delete.run(number);
      this.#deleteGone.run(number);
      return () => this.#states.delete(number);
    }
    this.#insertGone.run(number, state.gone);
    if (!isWasteful(state)) return () => this.#setState(number, state);
    const { messages: value } = this.#select.get(number)!;
    const shrunk = shrinkBatch(value as Uint8Array, state.gone);
    this.#shrink.run(shrunk, number);
    return () => this.#setState(number, { ...state, bytes: shrunk.length });
  }

  /** What is left of a batch, if anything is. */
  #stateOf(number: number): BatchState | undefined {
    const known = this.#states.get(number);
    if (known) return known;
    const row = this.#select.get(number);
    if (!row) return undefined;
    const state = stateOf(row.messages as Uint8Array, row.bits as Uint8Array | null);
    this.#setState(number, state);
    return state;
  }

  #setState(number: number, state: BatchState): void {
    this.#states.delete(number);
    this.#states.set(number, state);
    if (this.#states.size <= MAX_STATES) return;
    const [oldest] = this.#states.keys();
    this.#states.delete(oldest!);
  }

  /** The value of a batch, as it is or was: what has gone since may be in it. */
  #messages(number: number): Uint8Array | undefined {
    if (this.#lastRead?.number === number) return this.#lastRead.messages;
    const row = this.#select.get(number);
    if (!row) return undefined;
    const messages = row.messages as Uint8Array;
    if (!this.#states.has(number)) {
      this.#setState(number, stateOf(messages, row.bits as Uint8Array | null));
    }
    this.#lastRead = { number, messages };
    return messages;
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

/** Messages that were loaded or written, by the numbers of the batches that they are in. */
function byBatch(messages: readonly StoredMessage[]): Map<number, StoredMessage[]> {
  const batches = new Map<number, StoredMessage[]>();
  let last = 0;
  let its: StoredMessage[] = [];
  for (const message of messages) {
    if (message.offset === 0) continue;
    const number = Math.floor(message.offset / PLACES);
    if (number !== last) {
      last = number;
      its = batches.get(number) ?? [];
      batches.set(number, its);
    }
    its.push(message);
  }
  return batches;
}

const fields = new MessageFields();

/**
 * A message of the batch with that number.
 *
 * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is none.
 */
function loaded(number: number, message: BatchedMessage): StoredMessage {
  const { bytes, start, end, acceptedAt, position } = message;
  fields.read(bytes, start + HEADER_BYTES, end);
  return {
    id: messageId(fields),
    sender: readName(bytes, fields.sender, fields.senderEnd),
    recipient: readName(bytes, fields.recipient, fields.recipientEnd),
    ...{ bytes, start, end, acceptedAt },
    offset: number * PLACES + position,
  };
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
