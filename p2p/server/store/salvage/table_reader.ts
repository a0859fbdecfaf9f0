/**
 * Reads the rows of a table from the pages of a database that may be damaged. It reads what SQLite's own reader
 * refuses: pages whose parent is lost, and rows on a page whose list of rows is. Owns the layout of b-tree pages
 * and records. Must not know what rows mean.
 * https://www.sqlite.org/fileformat2.html#b_tree_pages
 *
 * @module
 */
import { FILE_HEADER_BYTES, type PageFile, PageKind } from "./page_file.ts";

const INTERIOR = 5;
const LEAF = 13;
/** How many pages lead to a page at most. */
const MAX_DEPTH = 40;

/** A value of a row. */
export type Value = number | string | Uint8Array | null;

/** A row of a table. */
export interface Row {
  /** Its key. */
  readonly key: number;
  /** Its values. The first is `null`: the key stands for it. */
  readonly values: readonly Value[];
  /** Whether none of the pages that it is on is known to be damaged. */
  readonly isWhole: boolean;
}

/** Reads the tables of one database. */
export class TableReader {
  /** The number of pages that could not be read completely. */
  unreadable = 0;
  readonly #pages: PageFile;
  readonly #free: ReadonlySet<number>;
  /** The pages that were visited. */
  readonly #visited = new Set<number>();
  readonly #damaged: number[] = [];
  /** For a page with the rest of a row: the page with the rest of it. */
  readonly #next = new Map<number, number>();
  /** For a page of a tree: the pages with the rests of its rows. */
  readonly #firsts = new Map<number, number[]>();

  /** Prepares to read. */
  constructor(pages: PageFile) {
    this.#pages = pages;
    this.#free = pages.freePages();
    for (let number = 3; pages.hasMap && number <= pages.count; number++) {
      const owner = pages.ownerOf(number);
      if (owner?.kind === PageKind.Overflow) this.#next.set(owner.parent, number);
      if (owner?.kind === PageKind.FirstOverflow) {
        const firsts = this.#firsts.get(owner.parent);
        if (firsts) firsts.push(number);
        else this.#firsts.set(owner.parent, [number]);
      }
    }
  }

  /**
   * Returns the rows of the table whose tree begins at the page `root`, in any order. A row may come again from a
   * damaged page or an older copy of one, and two rows may have the same key because one of the keys is damaged.
   */
  *rows(root: number): Iterable<Row> {
    const damaged: number[] = [];
    for (const number of this.#leaves(root)) {
      const isGood = yield* this.#rowsOn(number);
      if (!isGood) damaged.push(number);
    }
    // What is found on a damaged page may be older than what is on others.
    for (const number of damaged) {
      yield* this.#rowsFoundOn(number);
      const older = this.#pages.olderPage(number);
      if (older) yield* this.#rowsOn(number, older);
    }
    this.unreadable += damaged.length;
    this.#damaged.push(...damaged);
  }

  /**
   * Returns what may contain more parts of rows: damaged pages, and pages to which no row leads. Call it when the
   * rows of all tables have been read.
   */
  *parts(): Iterable<Uint8Array> {
    for (const number of this.#damaged) yield this.#pages.page(number)!;
    yield* this.#pages.damaged;
    const lost = new Set<number>();
    for (let number = 2; number <= this.#pages.count; number++) {
      if (!this.#visited.has(number) && !this.#free.has(number)) lost.add(number);
    }
    const nextOf = (number: number) =>
      this.#continuation(number, viewOf(this.#pages.page(number)!).getUint32(0));
    const continued = new Set([...lost].map(nextOf));
    const size = this.#pages.pageSize - 4;
    for (const first of [...lost].filter((number) => !continued.has(number))) {
      const pages: Uint8Array[] = [];
      for (let at = first; lost.delete(at); at = nextOf(at)) {
        pages.push(this.#pages.page(at)!.subarray(4));
      }
      const part = new Uint8Array(pages.length * size);
      for (const [i, page] of pages.entries()) part.set(page, i * size);
      yield part;
    }
  }

  /** Returns the pages with the rows of a tree: those to which it leads, and those that have lost their parent. */
  *#leaves(root: number): Iterable<number> {
    yield* this.#below(root);
    for (let number = 2; number <= this.#pages.count; number++) {
      if (this.#visited.has(number) || this.#free.has(number)) continue;
      if (this.#rootOf(number) !== root) continue;
      // The parent was damaged. This page is a leaf, or damaged itself.
      this.#visited.add(number);
      if (this.#pages.page(number)![0] !== INTERIOR) yield number;
    }
  }

  *#below(number: number, depth = 0): Iterable<number> {
    const bytes = this.#pages.page(number);
    if (!bytes || this.#visited.has(number) || depth > MAX_DEPTH) {
      if (!bytes) this.unreadable++;
      return;
    }
    const at = number === 1 ? FILE_HEADER_BYTES : 0;
    if (bytes[at] !== INTERIOR) {
      this.#visited.add(number);
      return yield number;
    }
    this.#visited.add(number);
    if (this.#pages.lost.has(number)) this.unreadable++;
    const view = viewOf(bytes);
    const count = view.getUint16(at + 3);
    const children = [view.getUint32(at + 8)];
    for (let i = 0; i < count && at + 14 + 2 * i < bytes.length; i++) {
      const cell = view.getUint16(at + 12 + 2 * i);
      if (cell + 4 <= bytes.length) children.push(view.getUint32(cell));
    }
    for (const child of children) {
      const owner = this.#pages.ownerOf(child);
      // A damaged number may lead to a page of another tree.
      if (owner && owner.parent !== number) this.unreadable++;
      else yield* this.#below(child, depth + 1);
    }
  }

  /** Returns the root of the tree to which a page belongs, according to the pointer map. */
  #rootOf(number: number): number | undefined {
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const owner = this.#pages.ownerOf(number);
      if (owner?.kind === PageKind.Root) return number;
      if (owner?.kind !== PageKind.Tree) return undefined;
      number = owner.parent;
    }
  }

  /** Returns the rows in the list of a page, or of an older copy. Its result tells whether the page is good. */
  *#rowsOn(number: number, older?: Uint8Array): Generator<Row, boolean> {
    const bytes = older ?? this.#pages.page(number)!;
    const isLost = !older && this.#pages.lost.has(number);
    const view = viewOf(bytes);
    const at = number === 1 ? FILE_HEADER_BYTES : 0;
    const count = view.getUint16(at + 3);
    if (bytes[at] !== LEAF || at + 8 + 2 * count > bytes.length) return false;
    let isGood = !isLost;
    const torn: number[] = [];
    for (let i = 0; i < count; i++) {
      const cell = view.getUint16(at + 8 + 2 * i);
      const row = this.#rowAt(number, bytes, cell);
      if (row === "torn") torn.push(cell);
      else if (row) yield isLost ? { ...row, isWhole: false } : row;
      else isGood = false;
    }
    // Now it is known which pages belong to other rows.
    for (const cell of torn) {
      const row = this.#rowAt(number, bytes, cell, true);
      if (row && row !== "torn") yield { ...row, isWhole: false };
    }
    return isGood;
  }

  /** Returns the rows that are found on a page without its list. */
  *#rowsFoundOn(number: number): Generator<Row> {
    const bytes = this.#pages.page(number)!;
    for (let cell = number === 1 ? FILE_HEADER_BYTES : 0; cell < bytes.length; cell++) {
      const row = this.#rowAt(number, bytes, cell, true);
      if (row && row !== "torn") yield { ...row, isWhole: false };
    }
  }

  /**
   * Reads the row at a position of a page, if there is one.
   *
   * @param guess Whether to guess on which page it goes on if that is damaged. If not, it is `torn` then.
   */
  #rowAt(number: number, bytes: Uint8Array, at: number, guess = false): Row | "torn" | undefined {
    const size = varint(bytes, at);
    const key = size && varint(bytes, size.end);
    if (!size || !key || size.value < 2 || size.value > this.#pages.count * bytes.length) return;
    const types = readTypes(bytes, key.end, size.value);
    // All tables but the schema begin with the key, which is not in the record.
    if (!types || (number !== 1 && types[0] !== 0)) return;
    const record = this.#record(number, bytes, key.end, size.value, guess);
    if (!record) return "torn";
    return { key: key.value, values: readValues(record.bytes, types), isWhole: record.isWhole };
  }

  /** Reads a record that begins on a page and may continue on others. Missing parts are filled with zeros. */
  #record(
    page: number,
    bytes: Uint8Array,
    at: number,
    size: number,
    guess: boolean,
  ): { bytes: Uint8Array; isWhole: boolean } | undefined {
    const usable = bytes.length;
    const most = usable - 35;
    if (size <= most) return { bytes: bytes.slice(at, at + size), isWhole: true };
    const least = Math.floor((usable - 12) * 32 / 255) - 23;
    const fitting = least + (size - least) % (usable - 4);
    const here = fitting <= most ? fitting : least;
    const record = new Uint8Array(size);
    record.set(bytes.subarray(at, Math.min(at + here, usable)));
    let next = at + here + 4 <= usable ? viewOf(bytes).getUint32(at + here) : 0;
    let from = page;
    let isGuess = false;
    let isWhole = true;
    for (let length = here; length < size;) {
      if (from !== page) next = this.#continuation(from, next);
      else if (!this.#belongs(next, page)) {
        if (!guess) return undefined;
        const lost = this.#firsts.get(page)?.filter((first) => !this.#visited.has(first)) ?? [];
        isGuess = lost.length === 1;
        if (isGuess) next = lost[0]!;
      }
      const rest = this.#pages.page(next);
      if (!rest) {
        this.unreadable++;
        isWhole = false;
        break;
      }
      // A guess may be wrong. Then these pages have parts of another row.
      if (!isGuess) this.#visited.add(next);
      if (this.#pages.lost.has(next)) {
        this.unreadable++;
        isWhole = false;
      }
      const part = rest.subarray(4, 4 + Math.min(usable - 4, size - length));
      record.set(part, length);
      length += part.length;
      from = next;
      next = viewOf(rest).getUint32(0);
    }
    return { bytes: record, isWhole };
  }

  /** Whether a page may have the rest of a row of the page `parent`. */
  #belongs(number: number, parent: number): boolean {
    if (!this.#pages.hasMap) return number >= 2 && number <= this.#pages.count;
    const owner = this.#pages.ownerOf(number);
    return owner?.kind === PageKind.FirstOverflow && owner.parent === parent;
  }

  /**
   * Returns the page on which a row goes on after the page `from`, which names the page `next`. The pointer map
   * knows better if it names `from` for another page.
   */
  #continuation(from: number, next: number): number {
    const owner = this.#pages.ownerOf(next);
    if (owner?.kind === PageKind.Overflow && owner.parent === from) return next;
    return this.#next.get(from) ?? next;
  }
}

/** Reads the types in the header of a record of `size` bytes, if it is one. */
function readTypes(bytes: Uint8Array, at: number, size: number): number[] | undefined {
  const header = varint(bytes, at);
  if (!header || header.value > 64 || header.value > size) return;
  const types: number[] = [];
  let total = header.value;
  for (let next = header.end; next < at + header.value;) {
    const type = varint(bytes, next);
    if (!type) return;
    types.push(type.value);
    total += sizeOf(type.value);
    next = type.end;
    if (next > at + header.value) return;
  }
  return types.length > 0 && total === size ? types : undefined;
}

function readValues(record: Uint8Array, types: readonly number[]): Value[] {
  let at = varint(record, 0)!.value;
  return types.map((type) => {
    const bytes = record.subarray(at, at += sizeOf(type));
    if (type >= 12) return type % 2 === 0 ? bytes : new TextDecoder().decode(bytes);
    if (type === 0) return null;
    if (type >= 8) return type - 8;
    if (type === 7) return viewOf(bytes).getFloat64(0);
    // Integers are big-endian, and the first bit is the sign.
    return bytes.reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte << 24 >> 24 : byte), 0);
  });
}

/** Returns the size of a value by its type: bytes. */
function sizeOf(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type]!;
}

/** Reads an integer of 1 to 9 bytes, if it is a safe one. */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 8 && at + i < bytes.length; i++) {
    const byte = bytes[at + i]!;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      return value <= Number.MAX_SAFE_INTEGER ? { value, end: at + i + 1 } : undefined;
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
