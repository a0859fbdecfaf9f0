/**
 * A message store in memory that survives the crash of its server, except for data that was not synced. It stores
 * messages in the layout of the real store, and its sectors can be damaged and its writes torn. It knows itself
 * which messages that concerns, to compare with what is reported.
 *
 * @module
 */
import { HEADER_BYTES, readReceipts, type Receipt } from "@netlab/protocol";
import type { MessageStore, StoredMessage } from "@netlab/p2p/core";
import { BatchWriter, CHECK_BYTES, readBatch, storedMessage } from "@netlab/p2p/batches";
import { between, pick, type Random } from "../../random.ts";

/** How long a broken disk takes to sync messages that it reported as stored: milliseconds. */
export const LATE_SYNC_MS = 5_000;
/** The size of a sector: bytes. */
const SECTOR_BYTES = 512;
/** The offset of a message is this times the number of its row, plus its position. */
const OFFSETS_PER_ROW = 10_000;

/** A message in a row. */
interface Place {
  readonly id: string;
  /** The first byte of the message and its end. A check follows, of which the header may be damaged. */
  readonly start: number;
  readonly end: number;
}

/** Messages that were written together. */
interface Row {
  /** When the first message was accepted: milliseconds since 1970. */
  readonly acceptedAt: number;
  /** The value as it is on the disk. */
  readonly value: Uint8Array;
  /** Where its messages are, by position. Only the disk itself knows this. */
  readonly places: readonly Place[];
  /** The positions whose messages are on damaged sectors. */
  readonly hit: ReadonlySet<number>;
  /** The positions of removed messages. */
  readonly removed: ReadonlySet<number>;
}

/** The contents of a disk. */
interface State {
  /** The rows, by number. */
  readonly rows: Map<number, Row>;
  /** The outcomes of messages. */
  readonly ends: Receipt[];
  /** The names of users. */
  readonly names: Set<string>;
}

/** Thrown by a write during which the server crashes. */
class CrashError extends Error {}

/** The disk of one server. */
export class VirtualDisk implements MessageStore {
  /** Stored messages survive a crash. */
  readonly durable = true;
  /** Called with the id of each message that is on a damaged sector and not delivered yet. */
  onDamage: (id: string) => void = () => {};
  /** What was not reported as it is. Empty if all is well. */
  readonly faults: string[] = [];
  readonly #late: ((sync: () => void) => void) | undefined;
  readonly #writer = new BatchWriter();
  #synced: State = { rows: new Map(), ends: [], names: new Set() };
  #written: State = { rows: new Map(), ends: [], names: new Set() };
  #lastNumber = 0;
  #tear: { readonly random: Random; readonly crash: () => void } | undefined;

  /**
   * Creates an empty disk.
   *
   * @param late Makes the disk report messages as stored before they are synced. It receives a function that
   *   syncs them, which it may call later, or never.
   */
  constructor(late?: (sync: () => void) => void) {
    this.#late = late;
  }

  /** The number of messages that would survive a crash now. */
  get size(): number {
    let size = 0;
    for (const { places, hit, removed } of this.#synced.rows.values()) {
      size += places.length - new Set([...hit, ...removed]).size;
    }
    return size;
  }

  /** Returns the messages that survived a crash, and are not damaged. */
  load(): Iterable<StoredMessage> {
    this.#tear = undefined;
    this.#written = copy(this.#synced);
    return [...this.#written.rows].flatMap(([number, row]) => this.#readRow(number, row));
  }

  /** Reads messages from an offset on, synced or not. */
  read(offset: number, count: number): StoredMessage[] {
    const number = Math.floor(offset / OFFSETS_PER_ROW);
    const row = this.#written.rows.get(number);
    const messages = row ? this.#readRow(number, row) : [];
    return messages.filter((message) =>
      message.offset >= offset && message.offset < offset + count
    );
  }

  /** Returns the outcomes of messages that survived a crash. */
  loadOutcomes(): Iterable<Receipt> {
    return [...this.#synced.ends];
  }

  /** Returns the names that survived a crash. */
  loadNames(): Iterable<string> {
    return [...this.#synced.names];
  }

  /**
   * Writes all changes at once, and syncs them.
   *
   * @throws {Error} When the server crashes meanwhile, see {@linkcode VirtualDisk.tearNextWrite}.
   */
  write(
    added: readonly StoredMessage[],
    removed: readonly StoredMessage[],
    ends: Uint8Array,
    names: Iterable<string>,
  ): void {
    const { rows } = this.#written;
    if (this.#tear) this.#tearWrite(added);
    for (const { offset } of removed) this.#remove(offset);
    if (added.length > 0) {
      const number = ++this.#lastNumber;
      rows.set(number, this.#newRow(number, added));
      for (const [position, message] of added.entries()) {
        message.offset = number * OFFSETS_PER_ROW + position;
      }
    }
    this.#written.ends.push(...readReceipts(ends));
    for (const name of names) this.#written.names.add(name);
    const state = copy(this.#written);
    const sync = () => this.#synced = state;
    if (this.#late) this.#late(sync);
    else sync();
  }

  /** Finds nothing: nobody removes a virtual disk. */
  check(): undefined {}

  /** Crashes the server in the middle of the next write, which is torn: its last sectors are not written. */
  tearNextWrite(random: Random, crash: () => void): void {
    this.#tear = { random, crash };
  }

  /** Whether the server will crash in the middle of the next write. */
  get tears(): boolean {
    return this.#tear !== undefined;
  }

  /** Damages random places: flips bits, and loses sectors. */
  damage(random: Random, places = 1): void {
    for (let i = 0; i < places; i++) this.#damageOne(random);
  }

  #damageOne(random: Random): void {
    const rows = [...this.#written.rows.keys()];
    if (rows.length === 0) return;
    const number = pick(random, rows);
    const row = this.#written.rows.get(number)!;
    const value = row.value.slice();
    const at = Math.floor(random() * value.length);
    const isBit = random() < 0.5;
    const start = isBit ? at : at - at % SECTOR_BYTES;
    const end = isBit ? at + 1 : Math.min(value.length, start + SECTOR_BYTES);
    if (isBit) value[at]! ^= 1 << between(random, 0, 7);
    else value.fill(0, start, end);
    const hit = hitBy(row, value);
    const damaged = { ...row, value, hit: new Set([...row.hit, ...hit]) };
    for (const state of [this.#written, this.#synced]) {
      if (state.rows.has(number)) state.rows.set(number, damaged);
    }
    for (const position of hit) {
      if (!row.removed.has(position)) this.onDamage(row.places[position]!.id);
    }
  }

  /** Writes a part of the new messages, and crashes. */
  #tearWrite(added: readonly StoredMessage[]): never {
    const { random, crash } = this.#tear!;
    this.#tear = undefined;
    if (added.length > 0) {
      const number = ++this.#lastNumber;
      const row = this.#newRow(number, added);
      const end = SECTOR_BYTES * between(random, 0, Math.ceil(row.value.length / SECTOR_BYTES));
      const value = row.value.slice();
      value.fill(0, end);
      // Nobody was told that these messages are stored.
      if (end > 0) this.#synced.rows.set(number, { ...row, value, hit: hitBy(row, value) });
    }
    crash();
    throw new CrashError("Cannot write: the server crashed");
  }

  #newRow(number: number, added: readonly StoredMessage[]): Row {
    const value = this.#writer.encode(number, added).slice();
    let at = readBatch(number, value).messages[0]!.start;
    const places = added.map(({ id, start, end }) => {
      const place = { id, start: at, end: at + end - start };
      at = place.end + CHECK_BYTES;
      return place;
    });
    return { acceptedAt: added[0]!.acceptedAt, value, places, hit: NONE, removed: NONE };
  }

  #remove(offset: number): void {
    const { rows } = this.#written;
    const number = Math.floor(offset / OFFSETS_PER_ROW);
    const row = rows.get(number);
    if (!row) return;
    const removed = new Set([...row.removed, offset % OFFSETS_PER_ROW]);
    if (row.places.every((_, position) => removed.has(position))) rows.delete(number);
    else rows.set(number, { ...row, removed });
  }

  /** Reads the messages of a row, and compares what is damaged with what is reported. */
  #readRow(number: number, row: Row): StoredMessage[] {
    const bits = new Uint8Array(Math.ceil(row.places.length / 8));
    for (const position of row.removed) bits[position >>> 3]! |= 1 << (position & 7);
    const contents = readBatch(number, row.value, bits);
    const lost = row.places.filter((_, i) => row.hit.has(i) && !row.removed.has(i)).length;
    if (contents.damaged > 0 !== lost > 0) {
      this.faults.push(`${lost} messages are damaged, but ${contents.damaged} were reported`);
    }
    const { acceptedAt = row.acceptedAt, messages } = contents;
    const first = number * OFFSETS_PER_ROW;
    return messages.map((message) => storedMessage(message, acceptedAt, first + message.position));
  }
}

/** Returns the positions of the messages that are different in another value of the row. */
function hitBy({ places, value }: Row, other: Uint8Array): Set<number> {
  const isOther = (from: number, to: number) =>
    value.subarray(from, to).some((byte, i) => byte !== other[from + i]);
  const hit = new Set<number>();
  for (const [position, { start, end }] of places.entries()) {
    if (isOther(start, end) || isOther(end + HEADER_BYTES, end + CHECK_BYTES)) hit.add(position);
  }
  return hit;
}

function copy({ rows, ends, names }: State): State {
  return { rows: new Map(rows), ends: [...ends], names: new Set(names) };
}

const NONE: ReadonlySet<number> = new Set();
