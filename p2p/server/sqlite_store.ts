/**
 * Stores durable messages in a SQLite file. Messages that arrive together are written in one transaction.
 * Owns the rows: which batch a message is in, and which messages of a batch were removed. Must not know users.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  HEADER_BYTES,
  MessageFields,
  messageId,
  NetlabError,
  readName,
  readReceipts,
  type Receipt,
} from "@netlab/protocol";
import { MIN_OUTCOMES } from "../core/mailbox/outcomes.ts";
import { LIMITS } from "../core/limits.ts";
import type { MessageStore, StoredMessage, StoreGoneError } from "../core/mailbox/message_store.ts";
import type { Logger } from "../core/logger.ts";
import {
  acceptedAtOf,
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
import { DataFolder } from "./data_folder.ts";
import { copyRows, openDatabase } from "./database_file.ts";
import { StoreUpkeep } from "./store_upkeep.ts";

/** How many outcomes stay on disk: the newest ones, as many as a mailbox remembers. */
const MAX_OUTCOMES = 2 * MIN_OUTCOMES;

/**
 * The offset of a message is `batch number * OFFSETS_PER_BATCH + position in the batch`. This is one more than
 * the messages of a batch, so that the last offset of a batch and the first of the next one are not adjacent.
 */
const OFFSETS_PER_BATCH = MAX_MESSAGES + 1;

/** How many batch states are cached. Most messages are removed soon; the states of old batches are read again. */
const MAX_STATES = 4_096;

/** A message store that survives a crash of the process or the machine. */
export class SqliteStore implements MessageStore, Disposable {
  /** Stored messages survive the end of the process. */
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #folder: DataFolder;
  readonly #logger: Logger;
  readonly #upkeep: StoreUpkeep;
  readonly #writer = new BatchWriter();
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #shrink: StatementSync;
  readonly #delete: StatementSync;
  readonly #insertRemoved: StatementSync;
  readonly #deleteRemoved: StatementSync;
  readonly #insertOutcomes: StatementSync;
  readonly #deleteOutcomes: StatementSync;
  readonly #insertName: StatementSync;
  readonly #deleteNames: StatementSync;
  /** The rows of outcomes, oldest first, with the number of outcomes in each. */
  readonly #outcomeRows: { readonly number: number; readonly count: number }[];
  #outcomeCount: number;
  /** The number of the next batch. While the process runs, no number is used twice. */
  #nextNumber: number;
  /** Batch states by batch number, the oldest entry first. */
  readonly #states = new Map<number, BatchState>();
  /** The batch that was read last. The next message to read is often in it as well. */
  #lastRead: { readonly number: number; readonly messages: Uint8Array } | undefined;
  #isUnreadable = false;
  #rescuedTo: string | undefined;

  private constructor(database: DatabaseSync, folder: DataFolder, logger: Logger) {
    this.#database = database;
    this.#folder = folder;
    this.#logger = logger;
    const prepare = (sql: string) => database.prepare(sql);
    this.#insert = prepare("INSERT INTO batch (number, messages) VALUES (?, ?)");
    this.#select = prepare(
      "SELECT messages, bits FROM batch LEFT JOIN gone ON number = batch WHERE number = ?",
    );
    this.#shrink = prepare("UPDATE batch SET messages = ? WHERE number = ?");
    this.#delete = prepare("DELETE FROM batch WHERE number = ?");
    this.#insertRemoved = prepare("INSERT OR REPLACE INTO gone (batch, bits) VALUES (?, ?)");
    this.#deleteRemoved = prepare("DELETE FROM gone WHERE batch = ?");
    this.#insertOutcomes = prepare("INSERT INTO ends (receipts) VALUES (?)");
    this.#deleteOutcomes = prepare("DELETE FROM ends WHERE number <= ?");
    this.#insertName = prepare("INSERT OR REPLACE INTO names (name) VALUES (?)");
    this.#deleteNames = prepare(
      "DELETE FROM names WHERE number <= (SELECT max(number) FROM names) - ?",
    );
    const rows = prepare("SELECT number, receipts FROM ends ORDER BY number").all();
    this.#outcomeRows = rows.map(({ number, receipts }) => ({
      number: number as number,
      count: countReceipts(receipts as Uint8Array),
    }));
    this.#outcomeCount = this.#outcomeRows.reduce((sum, { count }) => sum + count, 0);
    const last = prepare("SELECT coalesce(max(number), 0) AS number FROM batch").get()!;
    this.#nextNumber = last.number as number + 1;
    const newest = prepare("SELECT messages FROM batch ORDER BY number DESC LIMIT 1").get();
    this.#upkeep = new StoreUpkeep({
      database,
      folder,
      logger,
      newest: newest && acceptedAtOf(newest.messages as Uint8Array),
    });
  }

  /**
   * Opens the messages in a folder.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when the folder cannot be used, another server uses
   *   it, or the file has another schema version.
   */
  static open(path: string, logger: Logger): SqliteStore {
    const folder = DataFolder.take(path);
    try {
      return openDatabase(folder, logger, (database) => new SqliteStore(database, folder, logger));
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** Notes the address of the server, for the error of another server that finds the folder in use. */
  setAddress(address: string): void {
    this.#folder.setAddress(address);
  }

  /** The stored messages, oldest first. Skips and logs what cannot be read. */
  *load(): Iterable<StoredMessage> {
    const rows = this.#database.prepare(
      "SELECT number, messages, bits FROM batch LEFT JOIN gone ON number = batch ORDER BY number",
    );
    for (const row of rows.iterate()) {
      const number = row.number as number;
      const messages = row.messages as Uint8Array;
      try {
        const { removed } = stateOf(messages, row.bits as Uint8Array | null);
        for (const message of readBatch(messages, removed)) yield this.#loaded(number, message);
      } catch (error) {
        this.#logDamage(error, `messages in batch ${number} are damaged and not delivered`);
      }
    }
  }

  /** The messages at `count` offsets of one batch, from `offset` on. Skips and logs what cannot be read. */
  read(offset: number, count: number): StoredMessage[] {
    const number = Math.floor(offset / OFFSETS_PER_BATCH);
    const from = offset % OFFSETS_PER_BATCH;
    try {
      const messages = this.#messages(number);
      const state = this.#stateOf(number);
      if (!messages || !state) return [];
      const some = readBatch(messages, state.removed, from, from + count);
      this.#isUnreadable = false;
      return some.map((message) => this.#loaded(number, message));
    } catch (error) {
      if (!this.#isUnreadable) {
        this.#logger.error(
          "messages in batch {number}, and perhaps others, cannot be read until the server restarts: {error}",
          { event: "storage.unreadable", number, error },
        );
      }
      this.#isUnreadable = true;
      return [];
    }
  }

  /** The newest outcomes of messages, oldest first. */
  *loadOutcomes(): Iterable<Receipt> {
    const rows = this.#database.prepare("SELECT number, receipts FROM ends ORDER BY number");
    for (const { number, receipts } of rows.iterate()) {
      try {
        yield* readReceipts(receipts as Uint8Array);
      } catch (error) {
        this.#logDamage(error, `receipts in row ${number} are damaged`);
      }
    }
  }

  /** The names that users have had, oldest first. */
  *loadNames(): Iterable<string> {
    const rows = this.#database.prepare("SELECT name FROM names ORDER BY number");
    for (const { name } of rows.iterate()) yield name as string;
  }

  /** Removes and adds messages in one transaction. When this returns, the changes are on the disk. */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: Iterable<string> = [],
  ): void {
    this.#upkeep.beforeWrite();
    this.#database.exec("BEGIN IMMEDIATE");
    // Changes to the state in memory, made when the transaction has succeeded.
    const afterCommit: (() => void)[] = [];
    try {
      for (const [number, messages] of byBatch(removed)) {
        afterCommit.push(this.#remove(number, messages));
      }
      for (const messages of inBatches(added)) {
        const value = this.#writer.encode(messages, this.#upkeep.shiftMs);
        const number = this.#nextNumber++;
        this.#insert.run(number, value);
        const state = wholeBatch(messages.length, value.length);
        afterCommit.push(() => {
          this.#setState(number, state);
          let offset = number * OFFSETS_PER_BATCH;
          for (const message of messages) message.offset = offset++;
        });
      }
      if (ends.length > 0) afterCommit.push(this.#addOutcomes(ends));
      this.#addNames(names);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
    for (const update of afterCommit) update();
  }

  /** Finds out whether the files are still in the folder, and returns unused space to the disk. */
  check(): StoreGoneError | undefined {
    return this.#upkeep.check();
  }

  /** Copies the messages to a new folder beside the one that is gone. */
  rescue(removed: readonly StoredMessage[], outcomes: Uint8Array): string {
    const path = this.#folder.beside();
    {
      using folder = DataFolder.take(path);
      copyRows(this.#database, folder.database);
    }
    // The numbers of the batches are the same, so the offsets are, too.
    using copy = SqliteStore.open(path, this.#logger);
    copy.write([], removed, outcomes);
    return this.#rescuedTo = path;
  }

  /** The folder to which the messages were copied, if they were. */
  get rescuedTo(): string | undefined {
    return this.#rescuedTo;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#upkeep.close();
    this.#database.close();
    this.#folder[Symbol.dispose]();
  }

  /**
   * A message of the batch with this number.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} when it is not a valid message.
   */
  #loaded(number: number, message: BatchedMessage): StoredMessage {
    const { bytes, start, end, acceptedAt, position } = message;
    fields.read(bytes, start + HEADER_BYTES, end);
    return {
      id: messageId(fields),
      sender: readName(bytes, fields.sender, fields.senderEnd),
      recipient: readName(bytes, fields.recipient, fields.recipientEnd),
      ...{ bytes, start, end },
      acceptedAt: acceptedAt - this.#upkeep.shiftMs,
      offset: number * OFFSETS_PER_BATCH + position,
    };
  }

  /** Logs damaged rows. They must not keep the server from starting. */
  #logDamage(error: unknown, what: string): void {
    if (!(error instanceof NetlabError)) throw error;
    this.#logger.error(`${what}: {error}`, { event: "storage.damaged", error });
  }

  /** Removes messages of one batch. Returns what to do after the commit. */
  #remove(number: number, messages: readonly StoredMessage[]): () => void {
    let before: BatchState | undefined;
    try {
      before = this.#stateOf(number);
    } catch (error) {
      this.#logDamage(error, `messages in batch ${number} are damaged and cannot be removed`);
      return () => {};
    }
    const state = before && stateWithout(before, messages, number * OFFSETS_PER_BATCH);
    if (!state) {
      this.#delete.run(number);
      this.#deleteRemoved.run(number);
      return () => this.#states.delete(number);
    }
    this.#insertRemoved.run(number, state.removed);
    if (!isWasteful(state)) return () => this.#setState(number, state);
    const { messages: value } = this.#select.get(number)!;
    const shrunk = shrinkBatch(value as Uint8Array, state.removed);
    this.#shrink.run(shrunk, number);
    return () => this.#setState(number, { ...state, bytes: shrunk.length });
  }

  /** The state of a batch; `undefined` when none of its messages is left. */
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

  /** The value of a batch. It may still contain messages that were removed meanwhile. */
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

  /** Stores names and deletes the oldest ones. */
  #addNames(names: Iterable<string>): void {
    let count = 0;
    for (const name of names) {
      this.#insertName.run(name);
      count++;
    }
    if (count > 0) this.#deleteNames.run(LIMITS.seenNames.default);
  }

  /** Stores outcomes and deletes the oldest ones. Returns what to do after the commit. */
  #addOutcomes(receipts: Uint8Array): () => void {
    const number = Number(this.#insertOutcomes.run(receipts).lastInsertRowid);
    const count = countReceipts(receipts);
    let total = this.#outcomeCount + count;
    let old = 0;
    for (const { count } of this.#outcomeRows) {
      if (total - count < MAX_OUTCOMES) break;
      total -= count;
      old++;
    }
    if (old > 0) this.#deleteOutcomes.run(this.#outcomeRows[old - 1]!.number);
    return () => {
      this.#outcomeRows.splice(0, old);
      this.#outcomeRows.push({ number, count });
      this.#outcomeCount = total;
    };
  }
}

/** Groups messages by the number of their batch. Leaves out messages that were never stored. */
function byBatch(messages: readonly StoredMessage[]): Map<number, StoredMessage[]> {
  const batches = new Map<number, StoredMessage[]>();
  let last = 0;
  let batch: StoredMessage[] = [];
  for (const message of messages) {
    if (message.offset === 0) continue;
    const number = Math.floor(message.offset / OFFSETS_PER_BATCH);
    if (number !== last) {
      last = number;
      batch = batches.get(number) ?? [];
      batches.set(number, batch);
    }
    batch.push(message);
  }
  return batches;
}

const fields = new MessageFields();
