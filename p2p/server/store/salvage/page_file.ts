/**
 * The pages of an SQLite database that may be damaged, with the newer ones of its write-ahead log. Owns the size
 * of pages and what the header of the file says. Must not know tables.
 * https://www.sqlite.org/fileformat2.html
 *
 * @module
 */
import { isPresent, readIfPresent } from "../files.ts";
import { readLog } from "./log_file.ts";

/** The size of the header, which is at the start of the first page: bytes. */
export const FILE_HEADER_BYTES = 100;
/** The size of the pages of a new file: bytes. */
export const PAGE_BYTES = 16_384;
const MAGIC = new TextEncoder().encode("SQLite format 3\0");
/** What an entry of a pointer map says about a page. */
export const PageKind = { Root: 1, Free: 2, FirstOverflow: 3, Overflow: 4, Tree: 5 } as const;
/** More pages than a database has here: 1 TiB. A higher number is damaged. */
const MAX_PAGES = 2 ** 26;
/** The size of such an entry: bytes. */
const ENTRY_BYTES = 5;

/** What the pointer map says about a page: its kind and the page that leads to it. */
export interface PageOwner {
  /** A value of {@linkcode PageKind}. */
  readonly kind: number;
  /** The number of the page that leads to it. */
  readonly parent: number;
}

/** The pages of one database. */
export class PageFile implements Disposable {
  /** The size of a page: bytes. */
  readonly pageSize: number;
  /** The number of pages. */
  readonly count: number;
  /** Whether pages are missing or the log is damaged. */
  readonly isDamaged: boolean;
  /** Damaged copies of pages. Nobody knows for certain of which. */
  readonly damaged: readonly Uint8Array[];
  /** The numbers of the pages of which the newest copy is damaged. */
  readonly lost: ReadonlySet<number>;
  /** The number of pages that are missing at the end of the file or the log. */
  readonly missing: number;
  /** Whether the file has a pointer map. */
  readonly hasMap: boolean;
  /** The pages of the pointer map that were read, by number. */
  readonly #maps = new Map<number, Uint8Array>();
  readonly #file: Deno.FsFile;
  readonly #newer: ReadonlyMap<number, Uint8Array>;
  readonly #older: ReadonlyMap<number, Uint8Array>;

  /** Opens the database at a path. Throws what `Deno.openSync` throws. */
  constructor(path: string) {
    this.pageSize = pageSizeOf(path);
    this.#file = Deno.openSync(path);
    const { size } = this.#file.statSync();
    const here = Math.ceil(size / this.pageSize);
    const log = readLog(path, this.pageSize, here);
    const { pages, missing } = log;
    // The last page of the file may be incomplete.
    const isCut = size % this.pageSize > 0 && !pages.has(here);
    this.lost = isCut ? new Set([...log.lost, here]) : log.lost;
    this.#newer = pages;
    this.#older = log.older;
    this.damaged = log.damaged;
    this.count = [...pages.keys()].reduce((most, number) => Math.max(most, number), here);
    const header = this.#header();
    const announced = header?.getUint32(28) ?? 0;
    // A file with a wild number has a damaged header.
    const lacking = announced < MAX_PAGES ? Math.max(0, announced - this.count) : 0;
    this.missing = missing + lacking;
    // SQLite takes a file of one byte for an empty one, and ignores the log of an empty one.
    this.isDamaged = log.isDamaged || lacking > 0 || (size <= 1 && pages.size > 0);
    this.hasMap = header ? header.getUint32(52) > 0 : this.#looksLikeMap();
  }

  /** Returns a page, filled with zeros where the file is too short; `undefined` if there is no such page. */
  page(number: number): Uint8Array<ArrayBufferLike> | undefined {
    if (!(number >= 1 && number <= this.count)) return undefined;
    return this.#newer.get(number) ?? this.#read(number);
  }

  /** Returns an older copy of a page whose newest copy is damaged, if there is one. */
  olderPage(number: number): Uint8Array | undefined {
    if (!this.lost.has(number)) return undefined;
    return this.#older.get(number) ?? this.#read(number);
  }

  #read(number: number): Uint8Array {
    const bytes = new Uint8Array(this.pageSize);
    this.#file.seekSync((number - 1) * this.pageSize, Deno.SeekMode.Start);
    for (let length = 0; length < bytes.length;) {
      const read = this.#file.readSync(bytes.subarray(length));
      if (read === null) break;
      length += read;
    }
    return bytes;
  }

  /** Returns what the pointer map says about a page; `undefined` if it says nothing. */
  ownerOf(number: number): PageOwner | undefined {
    if (!this.hasMap) return undefined;
    const perMap = Math.floor(this.pageSize / ENTRY_BYTES);
    const map = 2 + Math.floor((number - 2) / (perMap + 1)) * (perMap + 1);
    const at = (number - map - 1) * ENTRY_BYTES;
    if (at < 0) return undefined;
    const bytes = this.#maps.get(map) ?? this.page(map);
    if (!bytes) return undefined;
    this.#maps.set(map, bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const owner = { kind: view.getUint8(at), parent: view.getUint32(at + 1) };
    return owner.kind >= 1 && owner.kind <= 5 && owner.parent < MAX_PAGES ? owner : undefined;
  }

  /** Returns the numbers of the pages that are not in use, as far as they are known. */
  freePages(): Set<number> {
    const free = new Set<number>();
    for (let number = 2; this.hasMap && number <= this.count; number++) {
      if (this.ownerOf(number)?.kind === PageKind.Free) free.add(number);
    }
    for (let trunk = this.#header()?.getUint32(32) ?? 0; trunk > 0 && !free.has(trunk);) {
      const bytes = this.page(trunk);
      if (!bytes) break;
      free.add(trunk);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const count = Math.min(view.getUint32(4), this.pageSize / 4 - 2);
      for (let i = 0; i < count; i++) free.add(view.getUint32(8 + 4 * i));
      trunk = view.getUint32(0);
    }
    // What says that they are free may be older than they are.
    if (this.lost.size > 0) { for (const number of this.#newer.keys()) free.delete(number); }
    return free;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  /** The header, if it is one. */
  #header(): DataView | undefined {
    const bytes = this.page(1);
    if (!bytes || MAGIC.some((byte, i) => bytes[i] !== byte)) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset, FILE_HEADER_BYTES);
  }

  /** Whether the second page is a pointer map whose first entries are the roots of tables. */
  #looksLikeMap(): boolean {
    const bytes = this.page(2);
    if (!bytes) return false;
    const isRoot = (at: number) =>
      bytes[at] === PageKind.Root && bytes.subarray(at + 1, at + ENTRY_BYTES).every((b) => b === 0);
    return isRoot(0) && isRoot(ENTRY_BYTES);
  }
}

/** Returns the size of the pages of the database at a path. Both files say it; one of them may be damaged. */
function pageSizeOf(path: string): number {
  const header = readIfPresent(path, 18);
  const log = isPresent(`${path}-wal`) ? readIfPresent(`${path}-wal`, 12) : undefined;
  const sizes = [
    header?.length === 18 ? header[16]! << 8 | header[17]! : 0,
    log?.length === 12 ? new DataView(log.buffer).getUint32(8) : 0,
  ];
  const isSize = (size: number) => size >= 512 && size <= 32_768 && (size & (size - 1)) === 0;
  return sizes.find(isSize) ?? PAGE_BYTES;
}
