/**
 * Reads all that is not damaged in a database with stored messages. Owns what is good and what is lost. Must not
 * write anything.
 *
 * @module
 */
import { HEADER_BYTES, readReceipts, UUID_TEXT_BYTES } from "@netlab/protocol/codec";
import {
  type Batchable,
  type BatchContents,
  type BatchedMessage,
  BatchWriter,
  codeOfBits,
  countReceipts,
  findMessages,
  hasBit,
  readBatch,
} from "../batches/mod.ts";
import { codeOfTimes } from "../upkeep/store_clock.ts";
import { TABLE_NAMES, type TableName, type TableRow, TABLES } from "../tables/schema.ts";
import { PageFile } from "./page_file.ts";
import { type Row, TableReader } from "./table_reader.ts";

/** Where the tree of the first table begins, without and with a pointer map. */
const FIRST_ROOT = 2;
const FIRST_ROOT_WITH_MAP = 3;
/** How many batches after the last one may be lost. */
const UNKNOWN_BATCHES = 10_000;
/** How many recipients of lost messages are named. */
const MAX_NAMED = 10;

/** What is good in a batch. */
interface Batch {
  readonly acceptedAt: number;
  readonly messages: readonly BatchedMessage[];
}

/** A batch of which some messages are damaged, and others were found in several places. */
class PartialBatch implements Batch {
  readonly #messages = new Map<number, BatchedMessage>();

  constructor(
    readonly acceptedAt: number,
    messages: readonly BatchedMessage[],
    /** The number of messages that are still missing, as far as it is known. */
    public damaged: number,
    /** Recipients of damaged messages. */
    readonly recipients: readonly string[],
  ) {
    for (const message of messages) this.#messages.set(message.position, message);
  }

  /** The messages in order. */
  get messages(): BatchedMessage[] {
    return [...this.#messages.values()].sort((a, b) => a.position - b.position);
  }

  add(message: BatchedMessage): void {
    if (this.#messages.has(message.position)) return;
    this.#messages.set(message.position, message);
    this.damaged = Math.max(0, this.damaged - 1);
  }
}

/** Adds what is good in one copy of a batch. */
function addPart(
  batches: Map<number, PartialBatch>,
  number: number,
  acceptedAt: number,
  { messages, damaged, recipients }: BatchContents,
): void {
  const known = batches.get(number);
  if (known) { for (const message of messages) known.add(message); }
  else batches.set(number, new PartialBatch(acceptedAt, messages, damaged, recipients));
}

const NONE = new Uint8Array(0);

/** Reads one damaged database. */
export class Salvage implements Disposable {
  /** The number of messages that were read. */
  messages = 0;
  /** The number of messages that are damaged, as far as they could be counted. */
  damaged = 0;
  /** The number of pages that could not be read, or not completely. Nobody knows how many messages were there. */
  pages = 0;
  /** When messages count as accepted whose time is lost: milliseconds by the clock of the store. */
  #now = Date.now();
  readonly #recipients = new Set<string>();
  readonly #file: PageFile;
  readonly #reader: TableReader;
  readonly #roots: ReadonlyMap<string, number>;
  readonly #writer = new BatchWriter();

  /** Opens the database at a path. Throws what `Deno.openSync` throws. */
  constructor(path: string) {
    this.#file = new PageFile(path);
    this.#reader = new TableReader(this.#file);
    this.#roots = this.#findRoots();
  }

  /** Some recipients of damaged messages, as far as they can be read. */
  get recipients(): string[] {
    return [...this.#recipients].slice(0, MAX_NAMED);
  }

  /** Reads the rows without what is damaged and what was removed. The counters are complete after that. */
  *rows(): Iterable<TableRow> {
    const settled = new Set<string>();
    for (const { key, receipts } of this.#outcomes()) {
      for (const { id } of readReceipts(receipts)) settled.add(id);
      yield { table: "ends", values: [key, receipts] };
    }
    for (const { values: [, stored, wall, sum] } of this.#read("clock")) {
      if (typeof stored !== "number" || typeof wall !== "number") continue;
      if (sum !== codeOfTimes({ stored, wall })) continue;
      this.#now = stored;
      yield { table: "clock", values: [1, stored, wall, sum] };
      break;
    }
    for (const { key, values: [, name] } of this.#read("names")) {
      if (typeof name === "string") yield { table: "names", values: [key, name] };
    }
    const removed = this.#removedBits();
    for (const [number, { acceptedAt, messages }] of this.#batches(removed)) {
      // If the bits for removed messages are lost, their outcomes tell that they were removed.
      const left = messages.filter(({ bytes, start }) => !settled.has(idIn(bytes, start)));
      if (left.length === 0) continue;
      this.messages += left.length;
      const batch = left.map((message): Batchable => ({ ...message, acceptedAt }));
      yield { table: "batch", values: [number, this.#writer.encode(number, batch)] };
    }
    this.pages = this.#file.missing + this.#reader.unreadable;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #read(table: TableName): Iterable<Row> {
    const root = this.#roots.get(table);
    return root === undefined ? [] : this.#reader.rows(root);
  }

  /** Returns what is good in each batch, by its number. */
  *#batches(removed: ReadonlyMap<number, Uint8Array>): Iterable<[number, Batch]> {
    const whole = new Set<number>();
    const partial = new Map<number, PartialBatch>();
    const unclear: [number, Uint8Array][] = [];
    let acceptedAt = this.#now;
    for (const { key, values: [, value], isWhole } of this.#read("batch")) {
      if (!(value instanceof Uint8Array)) continue;
      const contents = readBatch(key, value, removed.get(key), isWhole);
      acceptedAt = contents.acceptedAt ?? acceptedAt;
      if (contents.damaged === 0) {
        if (whole.has(key)) continue;
        whole.add(key);
        yield [key, { acceptedAt, messages: contents.messages }];
      } else if (contents.messages.length === 0) unclear.push([key, value]);
      else addPart(partial, key, acceptedAt, contents);
    }
    const most = [...whole, ...partial.keys()].reduce((most, n) => Math.max(most, n), 0) +
      UNKNOWN_BATCHES;
    for (const [key, value] of unclear) {
      // If the key is damaged and not the messages, they tell their number.
      const [first] = findMessages(value, most);
      const number = first?.batch ?? key;
      const contents = readBatch(number, value, removed.get(number), false);
      addPart(partial, number, contents.acceptedAt ?? acceptedAt, contents);
    }
    for (const number of whole) partial.delete(number);
    for (const part of this.#reader.parts()) {
      for (const message of findMessages(part, most)) {
        const { batch: number, position } = message;
        if (whole.has(number) || hasBit(removed.get(number) ?? NONE, position)) continue;
        let batch = partial.get(number);
        if (!batch) partial.set(number, batch = new PartialBatch(acceptedAt, [], 0, []));
        batch.add(message);
      }
    }
    for (const batch of partial.values()) {
      this.damaged += batch.damaged;
      if (batch.damaged > 0) { for (const name of batch.recipients) this.#recipients.add(name); }
    }
    yield* partial;
  }

  *#outcomes(): Iterable<{ key: number; receipts: Uint8Array }> {
    for (const { key, values: [, receipts] } of this.#read("ends")) {
      if (!(receipts instanceof Uint8Array) || countReceipts(receipts) === 0) continue;
      yield { key, receipts };
    }
  }

  #removedBits(): Map<number, Uint8Array> {
    const gone = new Map<number, Uint8Array>();
    for (const { key, values: [, bits, sum] } of this.#read("gone")) {
      if (!(bits instanceof Uint8Array) || gone.has(key)) continue;
      // Earlier versions wrote no sum.
      if ((sum ?? undefined) === undefined || sum === codeOfBits(key, bits)) gone.set(key, bits);
    }
    return gone;
  }

  /**
   * Reads from the schema where the trees of the tables begin. Those that it does not name are where they always are,
   * because they were created in order, unless the database is of an earlier version.
   */
  #findRoots(): Map<string, number> {
    const roots = new Map<string, number>();
    for (const { values: [, name, , root] } of this.#reader.rows(1)) {
      if (typeof name !== "string" || !Object.hasOwn(TABLES, name)) continue;
      if (typeof root === "number" && root > 1 && root <= this.#file.count) roots.set(name, root);
    }
    const isComplete = roots.size > 0 && this.#reader.unreadable === 0;
    const first = this.#file.hasMap ? FIRST_ROOT_WITH_MAP : FIRST_ROOT;
    for (const [i, table] of TABLE_NAMES.entries()) {
      if (!roots.has(table) && !(isComplete && TABLES[table].isAdded)) roots.set(table, first + i);
    }
    return roots;
  }
}

const decoder = new TextDecoder();

/** Returns the id of the message whose frame begins at `start`. */
function idIn(bytes: Uint8Array, start: number): string {
  const id = start + HEADER_BYTES;
  return decoder.decode(bytes.subarray(id, id + UUID_TEXT_BYTES)).toLowerCase();
}
