/**
 * Reads SQLite's write-ahead log, also a damaged one: SQLite itself silently ignores all that follows the first
 * damaged place. Owns the layout of the log and of the file beside it. Must not know what pages contain.
 * https://www.sqlite.org/fileformat2.html#the_write_ahead_log and https://www.sqlite.org/walformat.html
 *
 * SQLite writes its checksums and the index in the byte order of the machine. Deno runs on little-endian ones only.
 *
 * @module
 */
import { readIfPresent } from "../files.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** The version of both files. */
const VERSION = 3_007_000;
/** The size of one of the two equal headers of the index: bytes. */
const INDEX_HEADER_BYTES = 48;

/** What a write-ahead log contains. */
export interface LogContents {
  /** The newest copy of each page, by its number, also if it is damaged. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
  /** The newest good copies of pages of which the newest copy is damaged, by number. */
  readonly older: ReadonlyMap<number, Uint8Array>;
  /** Damaged copies. The numbers of their pages may be damaged as well. */
  readonly damaged: readonly Uint8Array[];
  /** Whether anything is damaged or missing, so that SQLite would ignore what follows. */
  readonly isDamaged: boolean;
  /** The numbers of the pages of which the newest copy is damaged. */
  readonly lost: ReadonlySet<number>;
  /** The number of frames that are missing at the end. */
  readonly missing: number;
}

/** Two sums that depend on each other. */
type Sums = readonly [number, number];

/**
 * Reads the log of a database.
 *
 * @param path The path of the database.
 * @param pageSize The size of its pages: bytes.
 * @param filePages The number of pages of the database file.
 */
export function readLog(path: string, pageSize: number, filePages: number): LogContents {
  const bytes = readIfPresent(`${path}-wal`) ?? new Uint8Array(0);
  const log = new Log(bytes, pageSize);
  return log.read(committedFrames(`${path}-shm`, log), filePages);
}

/** Returns how many frames were committed according to the index beside the log; `undefined` if it does not say. */
function committedFrames(path: string, log: Log): number | undefined {
  const bytes = readIfPresent(path, 2 * INDEX_HEADER_BYTES);
  if (!bytes || bytes.length < 2 * INDEX_HEADER_BYTES) return undefined;
  const [one, other] = [0, INDEX_HEADER_BYTES].map((at) => bytes.subarray(at, at + 40).join());
  const view = new DataView(bytes.buffer);
  if (one !== other || view.getUint32(0, true) !== VERSION) return undefined;
  // The index has the salt as it is in the log.
  const isSame = log.isEmpty || log.hasSalt(view.getUint32(32), view.getUint32(36));
  return isSame ? view.getUint32(16, true) : undefined;
}

class Log {
  /** The number of frames that there may be. Those at the end may be of an earlier generation of the log. */
  readonly #total: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #pageSize: number;
  readonly #isHeaderGood: boolean;
  readonly #salt: Sums;
  /** How many frames SQLite can read: up to the first whose checksum is wrong. */
  #readable = Infinity;

  constructor(bytes: Uint8Array, pageSize: number) {
    this.#bytes = bytes;
    const view = this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pageSize = pageSize;
    this.#isHeaderGood = bytes.length >= HEADER_BYTES &&
      view.getUint32(4) === VERSION && view.getUint32(8) === pageSize &&
      isSame(this.#sum([0, 0], 0, HEADER_BYTES - 8), this.#sumsAt(HEADER_BYTES - 8));
    // The last frame may be incomplete.
    const rest = bytes.length - HEADER_BYTES - FRAME_HEADER_BYTES;
    this.#total = Math.max(0, Math.floor(rest / this.#frameBytes) + 1);
    this.#salt = this.#findSalt(this.#total);
  }

  /** Whether there is any frame. */
  get isEmpty(): boolean {
    return this.#total === 0;
  }

  /** Whether this is the salt of the log. */
  hasSalt(one: number, other: number): boolean {
    return isSame(this.#salt, [one, other]);
  }

  /**
   * Reads the frames. What is behind the last commit does not count, unless damage hides that it was committed.
   *
   * @param committed How many frames were committed, if that is known.
   * @param filePages The number of pages of the database file.
   */
  read(committed: number | undefined, filePages: number): LogContents {
    const good = this.#checkFrames(committed ?? 0);
    const known = good.findLastIndex((isGood, i) => isGood && this.#isCommit(i)) + 1;
    const isHidden = committed === undefined ? good.includes(false, known) : committed > known;
    const end = isHidden ? good.length : known;
    const pages = new Map<number, Uint8Array>();
    // A good frame tells how many pages there may be. The number of a damaged one may be wild.
    const numbers = good.map((isGood, i) => isGood ? this.#view.getUint32(this.#frame(i)) : 0);
    const most = numbers.reduce((most, number) => Math.max(most, number), filePages) + good.length;
    const lost = new Set<number>();
    const older = new Map<number, Uint8Array>();
    const damaged: Uint8Array[] = [];
    for (let i = 0; i < end; i++) {
      const at = this.#frame(i);
      const page = this.#view.getUint32(at);
      const content = this.#pageAt(at + FRAME_HEADER_BYTES);
      if (good[i]) lost.delete(page);
      else {
        damaged.push(content);
        const before = pages.get(page);
        if (before && !lost.has(page)) older.set(page, before);
        lost.add(page);
        if (page > most) continue;
      }
      pages.set(page, content);
    }
    // Nobody knows how many frames followed an incomplete header.
    const isCut = this.#bytes.length > 0 && this.#bytes.length < HEADER_BYTES;
    const missing = Math.max(isCut ? 1 : 0, (committed ?? 0) - good.length);
    const isReadable = end === 0 ||
      this.#isHeaderGood && this.#readable >= end &&
        good.slice(0, end).every((_, i) => this.#hasSalt(i));
    return { pages, older, damaged, isDamaged: missing > 0 || !isReadable, lost, missing };
  }

  /** Returns the page at an offset, filled with zeros if the log is too short. */
  #pageAt(at: number): Uint8Array {
    const bytes = this.#bytes.subarray(at, at + this.#pageSize);
    if (bytes.length === this.#pageSize) return bytes;
    const page = new Uint8Array(this.#pageSize);
    page.set(bytes);
    return page;
  }

  /**
   * Returns for each frame whether it is good. The last one is the last that was committed, has the salt or is good.
   */
  #checkFrames(committed: number): boolean[] {
    const good: boolean[] = [];
    let count = this.#total;
    while (count > committed && !this.#hasSalt(count - 1)) count--;
    let stored = this.#sumsAt(HEADER_BYTES - 8);
    let computed = this.#sum([0, 0], 0, HEADER_BYTES - 8);
    for (let i = 0; i < this.#total; i++) {
      const at = this.#frame(i);
      const own = this.#sumsAt(at + 16);
      const sumAfter = (start: Sums) =>
        this.#sum(this.#sum(start, at, 8), at + FRAME_HEADER_BYTES, this.#pageSize);
      let sum = sumAfter(stored);
      let isGood = isSame(sum, own);
      if (!isGood) this.#readable = Math.min(this.#readable, i);
      if (!isGood && !isSame(stored, computed)) {
        const other = sumAfter(computed);
        isGood = isSame(other, own);
        // Of the frame before, only the checksum is damaged.
        if (isGood && i > 0) good[i - 1] = true;
        if (isGood) sum = other;
      }
      if (i >= count && !isGood) break;
      good.push(isGood);
      computed = sum;
      stored = own;
    }
    return good;
  }

  /** Returns the salt of the header, or that of most of the first frames if the header is damaged. */
  #findSalt(total: number): Sums {
    if (this.#isHeaderGood) return this.#sumsAt(16);
    const salts = Array.from(
      { length: Math.min(total, 3) },
      (_, i) => this.#sumsAt(this.#frame(i) + 8),
    );
    return salts.find((salt, i) => salts.some((other, j) => j > i && isSame(salt, other))) ??
      salts[0]!;
  }

  get #frameBytes(): number {
    return FRAME_HEADER_BYTES + this.#pageSize;
  }

  #frame(index: number): number {
    return HEADER_BYTES + index * this.#frameBytes;
  }

  #hasSalt(index: number): boolean {
    return isSame(this.#sumsAt(this.#frame(index) + 8), this.#salt);
  }

  #isCommit(index: number): boolean {
    return this.#view.getUint32(this.#frame(index) + 4) > 0;
  }

  #sumsAt(at: number): Sums {
    if (at + 8 > this.#bytes.length) return [0, 0];
    return [this.#view.getUint32(at), this.#view.getUint32(at + 4)];
  }

  #sum([first, second]: Sums, at: number, length: number): Sums {
    const view = this.#view;
    let [one, other] = [first | 0, second | 0];
    for (const end = at + length; at + 8 <= end && end <= this.#bytes.length; at += 8) {
      one = one + view.getInt32(at, true) + other | 0;
      other = other + view.getInt32(at + 4, true) + one | 0;
    }
    return [one >>> 0, other >>> 0];
  }
}

function isSame(a: Sums, b: Sums): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
