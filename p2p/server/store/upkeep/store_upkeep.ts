/**
 * The regular work on an open database: notices when its files are removed, returns unused space to the disk, and
 * records the time. Must not know messages.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { StoreGoneError } from "../../../core/mailbox/message_store.ts";
import type { Logger } from "../../../core/logger.ts";
import type { DataFolder } from "../data_folder.ts";
import { DiskReserve } from "./disk_reserve.ts";
import { processTime } from "../../process_time.ts";
import {
  type ClockRecord,
  type Clocks,
  codeOfTimes,
  describeMove,
  StoreClock,
} from "./store_clock.ts";

/** How many unused pages a file keeps: 1 MiB. */
const MIN_FREE_PAGES = 64;
/** The most pages that are returned to the disk at a time: 4 MiB, which takes some 15 ms. */
const MAX_RETURNED_PAGES = 256;
/** The largest write-ahead log that stays while the store is idle: bytes. A shorter one would have to grow again. */
const MAX_IDLE_LOG_BYTES = 1024 * 1024;
/** How often the time is recorded: milliseconds. */
const RECORD_EVERY_MS = 600_000;

/** What {@linkcode StoreUpkeep} works on. */
export interface UpkeepParts {
  /** The database. It has a table `clock`. */
  readonly database: DatabaseSync;
  /** The folder it is in. */
  readonly folder: DataFolder;
  /** Receives what a person should know. */
  readonly logger: Logger;
  /** When the newest message was accepted, for a database that has no record of the time: milliseconds since 1970. */
  readonly newest: number | undefined;
}

/** Looks after one database. */
export class StoreUpkeep {
  readonly #parts: UpkeepParts;
  readonly #clock: StoreClock;
  readonly #record: StatementSync;
  readonly #pages: StatementSync;
  readonly #reserve: DiskReserve;
  #gone: StoreGoneError | undefined;
  /** How many checks found nothing written since the check before. */
  #idleChecks = 0;
  #recordedAt = 0;

  /** Begins with a database that was just opened. */
  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    const prepare = (sql: string) => parts.database.prepare(sql);
    this.#record = prepare(
      "INSERT OR REPLACE INTO clock (id, stored, wall, sum) VALUES (1, ?, ?, ?)",
    );
    this.#pages = prepare(
      "SELECT page_count AS pages, freelist_count AS free FROM pragma_page_count, pragma_freelist_count",
    );
    this.#reserve = new DiskReserve(parts.folder.reserve);
    this.#clock = this.#startClock();
    this.#attempt(() => this.#recordTime(clocks()));
    parts.folder.noteFiles();
  }

  /** What to add to a time of this process to get a time of the store: milliseconds. */
  get shiftMs(): number {
    return this.#clock.shiftMs;
  }

  /**
   * Notes that something is about to be written.
   *
   * @throws {StoreGoneError} When the last check found that the files are gone.
   */
  beforeWrite(): void {
    if (this.#gone) throw this.#gone;
    this.#idleChecks = 0;
  }

  /** Whether the disk is full, so that nothing new may be stored. */
  get isFull(): boolean {
    return !this.#reserve.isThere;
  }

  /** Gives up the reserve, because the disk is full. */
  full(): void {
    this.#reserve.release();
  }

  /** Makes the files as small as possible on a full disk. If there is room then, it is full no more. */
  makeRoom(): void {
    const { database } = this.#parts;
    const shorten = () => void database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#attempt(shorten);
    this.#attempt(() => {
      const { free } = this.#pages.get() as { free: number };
      if (free > 0) database.prepare(`PRAGMA incremental_vacuum(${free})`).all();
    });
    this.#attempt(shorten);
    this.#reserve.restore();
  }

  /** Does what is due. Returns why nothing can be stored, if the files are gone. */
  check(): StoreGoneError | undefined {
    try {
      this.#parts.folder.check();
      this.#restoreLog();
      this.#gone = undefined;
    } catch (error) {
      if (!(error instanceof StoreGoneError)) throw error;
      return this.#gone = error;
    }
    this.#reserve.restore();
    this.#attempt(() => {
      this.#watchClock();
      this.#returnSpace();
    });
  }

  /** Records the time for the next run. */
  close(): void {
    if (this.#gone) return;
    this.#reserve[Symbol.dispose]();
    this.#attempt(() => this.#recordTime(clocks()));
  }

  /** Does work that may fail, for example on a full disk: the next message that is stored reports that. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.logger.debug("cannot look after the data folder: {error}", { error });
    }
  }

  /** If SQLite's other files were removed, writes what was in them to the database and creates them again. */
  #restoreLog(): void {
    const { database, folder, logger } = this.#parts;
    try {
      folder.checkBeside();
    } catch (error) {
      if (!(error instanceof StoreGoneError)) throw error;
      try {
        database.exec("PRAGMA journal_mode = DELETE");
        database.exec("PRAGMA journal_mode = WAL");
        this.#recordTime(clocks());
        folder.noteFiles();
      } catch (cause) {
        throw new StoreGoneError(`${error.message}: ${(cause as Error).message}`, { cause });
      }
      logger.warn("{reason} and was created again; no message is lost", {
        event: "storage.repaired",
        reason: error.message,
      });
    }
  }

  #returnSpace(): void {
    const { database, folder } = this.#parts;
    const { pages, free } = this.#pages.get() as { pages: number; free: number };
    if (free > MIN_FREE_PAGES && 2 * free > pages) {
      this.#idleChecks = 0;
      const count = Math.min(free - MIN_FREE_PAGES, MAX_RETURNED_PAGES);
      // `exec` would return one page only.
      return void database.prepare(`PRAGMA incremental_vacuum(${count})`).all();
    }
    if (++this.#idleChecks !== 2) return;
    // Afterwards the database file is complete, and as small as its contents.
    const isLong = Deno.statSync(`${folder.database}-wal`).size > MAX_IDLE_LOG_BYTES;
    database.exec(`PRAGMA wal_checkpoint(${isLong ? "TRUNCATE" : "PASSIVE"})`);
  }

  #startClock(): StoreClock {
    const { database, logger, newest } = this.#parts;
    const now = clocks();
    const row = database.prepare("SELECT stored, wall, sum FROM clock").get() as
      | ClockRecord & { sum: number | null }
      | undefined;
    // Earlier versions wrote no sum.
    const recorded = row && (row.sum === null || row.sum === codeOfTimes(row)) ? row : undefined;
    const guess = newest !== undefined && newest <= now.wall
      ? { stored: newest, wall: newest }
      : undefined;
    const clock = new StoreClock(recorded ?? guess, now);
    if (clock.uncountedMs !== 0 && newest !== undefined) {
      logger.warn(
        "since the data folder was last used, the clock has moved {moved}: messages in the folder do not age by that time",
        { event: "storage.clock", moved: describeMove(clock.uncountedMs) },
      );
    }
    return clock;
  }

  #watchClock(): void {
    const now = clocks();
    const jumpMs = this.#clock.jumpMs(now);
    if (jumpMs !== 0) {
      this.#parts.logger.warn(
        "the clock was moved {moved}: stored messages do not age by that time",
        {
          event: "storage.clock",
          moved: describeMove(jumpMs),
        },
      );
    }
    if (jumpMs !== 0 || now.process - this.#recordedAt >= RECORD_EVERY_MS) this.#recordTime(now);
  }

  #recordTime(now: Clocks): void {
    const { stored, wall } = this.#clock.record(now);
    this.#recordedAt = now.process;
    this.#idleChecks = 0;
    this.#record.run(stored, wall, codeOfTimes({ stored, wall }));
  }
}

function clocks(): Clocks {
  return { wall: Date.now(), process: processTime() };
}
