/**
 * Stores durable messages in a SQLite file. Owns the transactions: messages that arrive together are written in one,
 * unless the disk is full. Must not know users.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Receipt } from "@netlab/protocol";
import { LIMITS } from "../../core/limits.ts";
import type {
  MessageStore,
  StoredMessage,
  StoreGoneError,
} from "../../core/mailbox/message_store.ts";
import type { Logger } from "../../core/logger.ts";
import { type BatchContents, readBatch, storedMessage } from "./batches/mod.ts";
import { byBatch, OFFSETS_PER_BATCH } from "./batches/offsets.ts";
import { DataFolder } from "./data_folder.ts";
import { copyRows, openDatabase } from "./database_file.ts";
import { DamageError, isFull } from "./sqlite_errors.ts";
import { allRows } from "./tables/all_rows.ts";
import { BatchRows, batchRows } from "./tables/batch_rows.ts";
import { OutcomeRows } from "./tables/outcome_rows.ts";
import { StoreUpkeep } from "./upkeep/store_upkeep.ts";

/** A message store that survives a crash of the process or the machine. */
export class SqliteStore implements MessageStore, Disposable {
  /** Stored messages survive the end of the process. */
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #folder: DataFolder;
  readonly #logger: Logger;
  readonly #upkeep: StoreUpkeep;
  readonly #batches: BatchRows;
  readonly #outcomes: OutcomeRows;
  readonly #insertName: StatementSync;
  readonly #deleteNames: StatementSync;
  #isUnreadable = false;
  #rescuedTo: string | undefined;
  /** What a write on a full disk has removed although it failed, and the size of the outcomes it has stored. */
  readonly #early = new Set<StoredMessage>();
  #earlyEndsBytes = 0;

  private constructor(database: DatabaseSync, folder: DataFolder, logger: Logger) {
    this.#database = database;
    this.#folder = folder;
    this.#logger = logger;
    const prepare = (sql: string) => database.prepare(sql);
    this.#batches = new BatchRows(database);
    this.#outcomes = new OutcomeRows(database);
    this.#insertName = prepare("INSERT OR REPLACE INTO names (name) VALUES (?)");
    this.#deleteNames = prepare(
      "DELETE FROM names WHERE number <= (SELECT max(number) FROM names) - ?",
    );
    this.#upkeep = new StoreUpkeep({ database, folder, logger, newest: this.#verify() });
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
      folder.closeToOthers(logger);
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

  /** The stored messages, oldest first. */
  *load(): Iterable<StoredMessage> {
    for (const { number, value, removed } of batchRows(this.#database)) {
      yield* this.#loaded(number, readBatch(number, value, removed));
    }
  }

  /** The messages at `count` offsets of one batch, from `offset` on. Skips and logs what cannot be read. */
  read(offset: number, count: number): StoredMessage[] {
    const number = Math.floor(offset / OFFSETS_PER_BATCH);
    const from = offset % OFFSETS_PER_BATCH;
    try {
      const contents = this.#batches.read(number);
      if (!contents) return [];
      if (contents.damaged > 0) throw new DamageError(`${contents.damaged} messages are damaged`);
      this.#isUnreadable = false;
      return this.#loaded(number, contents, from, from + count);
    } catch (error) {
      this.#logUnreadable(number, error);
      return [];
    }
  }

  /** The newest outcomes of messages, oldest first. */
  loadOutcomes(): Iterable<Receipt> {
    return this.#outcomes.load();
  }

  /** The names that users have had, oldest first. */
  *loadNames(): Iterable<string> {
    for (const { name } of allRows(this.#database, "SELECT number, name FROM names", "number")) {
      yield name as string;
    }
  }

  /**
   * Removes and adds messages in one transaction. When this returns, the changes are on the disk. On a full disk, it
   * removes messages and throws if there are messages to add.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: Iterable<string> = [],
  ): void {
    this.#upkeep.beforeWrite();
    const early = this.#early;
    const rest = early.size === 0 ? removed : removed.filter((message) => !early.has(message));
    const restOfEnds = ends.subarray(this.#earlyEndsBytes);
    const newNames = [...names];
    try {
      if (this.#upkeep.isFull) throw new Error("the disk is full");
      this.#transact(added, rest, restOfEnds, newNames);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#upkeep.full();
      this.#removeInSteps(rest, restOfEnds);
      this.#earlyEndsBytes = ends.length;
      this.#upkeep.makeRoom();
      // If this fails, the caller will ask again for the removals.
      if (added.length + newNames.length > 0 && this.#upkeep.isFull) throw error;
      this.#transact(added, [], NONE, newNames);
    }
    early.clear();
    this.#earlyEndsBytes = 0;
  }

  /** Removes messages on a full disk: a transaction of all of them may need more space than there is. */
  #removeInSteps(removed: readonly StoredMessage[], ends: Uint8Array): void {
    const steps = [...byBatch(removed).values()].map((messages) => ({ messages, ends: NONE }));
    for (const { messages, ends: some } of [...steps, { messages: [], ends }]) {
      try {
        this.#transact([], messages, some, []);
      } catch (error) {
        if (!isFull(error)) throw error;
        this.#upkeep.makeRoom();
        this.#upkeep.full();
        this.#transact([], messages, some, []);
      }
      for (const message of messages) this.#early.add(message);
    }
  }

  #transact(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: readonly string[],
  ): void {
    this.#database.exec("BEGIN IMMEDIATE");
    // Changes to the state in memory, made when the transaction has succeeded.
    const afterCommit: (() => void)[] = [];
    try {
      afterCommit.push(this.#batches.remove(removed));
      afterCommit.push(this.#batches.add(added, this.#upkeep.shiftMs));
      if (ends.length > 0) afterCommit.push(this.#outcomes.add(ends));
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
   * Reads everything once, because SQLite does not notice damaged values. Returns when the newest batch was
   * accepted: milliseconds.
   *
   * @throws {DamageError} When something is damaged.
   */
  #verify(): number | undefined {
    let newest: number | undefined;
    for (const { number, value, removed, isDamaged } of batchRows(this.#database)) {
      const { acceptedAt, damaged } = readBatch(number, value, removed);
      if (damaged > 0 || acceptedAt === undefined || isDamaged) {
        throw new DamageError(`batch ${number} is damaged`);
      }
      newest = acceptedAt;
    }
    const unreadable = this.#outcomes.unreadable;
    if (unreadable !== undefined) {
      throw new DamageError(`the receipts in row ${unreadable} are damaged`);
    }
    return newest;
  }

  /** The messages of the batch with this number, from position `from` up to but not including `to`. */
  #loaded(
    number: number,
    { acceptedAt = this.#upkeep.shiftMs, messages }: BatchContents,
    from = 0,
    to = OFFSETS_PER_BATCH,
  ): StoredMessage[] {
    const some = messages.filter(({ position }) => position >= from && position < to);
    const accepted = acceptedAt - this.#upkeep.shiftMs;
    const first = number * OFFSETS_PER_BATCH;
    return some.map((message) => storedMessage(message, accepted, first + message.position));
  }

  #logUnreadable(number: number, error: unknown): void {
    if (!this.#isUnreadable) {
      this.#logger.error(
        "messages in batch {number}, and perhaps others, cannot be read until the server restarts: {error}",
        { event: "storage.unreadable", number, error },
      );
    }
    this.#isUnreadable = true;
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
}

const NONE = new Uint8Array(0);
