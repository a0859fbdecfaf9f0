/**
 * The durable messages that this server stores until they are settled. Owns when messages are written to the
 * store, which of them are in memory, when they expire, and the outcomes. `usage.ts` compares with the
 * limits. Knows neither users nor connections.
 *
 * @module
 */
import {
  HEADER_BYTES,
  MessageFields,
  readName,
  type Receipt,
  ReceiptRecords,
  ReceiptState,
} from "@netlab/protocol/codec";
import { DueTimes } from "./due_times.ts";
import { Outcomes } from "./outcomes.ts";
import type { MessageId } from "../dedup/tables/id_table.ts";
import { MessageIndex } from "./message_index.ts";
import { type MailboxLimits, withDefaults } from "../server_limits.ts";
import { MailboxEntry, RecipientQueue } from "./recipient_queue.ts";
import { RecipientQueues } from "./recipient_queues.ts";
import type { MessageStore, StoredMessage, StoreGoneError } from "./message_store.ts";
import type { NameFactors } from "../dedup/tables/name_table.ts";
import type { SeenNames } from "../dedup/seen_names.ts";
import { sent } from "../receipt.ts";
import { Transients } from "./transients.ts";
import { type Excess, Usage } from "./usage.ts";

/** The most messages that are read back together. */
const MAX_READ = 256;

/** How much later than due a message may expire: milliseconds. At most a thousandth of its age. */
const EXPIRY_STEP_MS = 1_000;

/** The result of writing messages to the store. */
export interface Committed {
  /** Messages that may be sent now: they are safe, or transient. */
  ready: MailboxEntry[];
  /** Messages that could not be written. They are not stored. */
  failed: MailboxEntry[];
  /** The reason; `undefined` if all messages are safe. */
  error?: unknown;
}

/** Options of a {@linkcode Mailbox}. */
export interface MailboxOptions {
  /** The store for the messages. */
  readonly store: MessageStore;
  /** Limits on what is stored. */
  readonly limits: MailboxLimits;
  /** The names that users have had. The mailbox loads and saves them. */
  readonly names: SeenNames;
  /** Random factors for the hash tables. */
  readonly factors: NameFactors;
}

/**
 * All messages that a server stores. If the store is durable, messages for users who are away are
 * spilled: only the store has them, and the mailbox has their ids and offsets. Then only the disk limits
 * how many may wait, and they are no work for the garbage collector.
 */
export class Mailbox {
  /** The messages by id. */
  readonly messages: MessageIndex;
  /** The limits. */
  readonly limits: Required<MailboxLimits>;
  /** How much is stored, compared with the limits. */
  readonly usage: Usage;
  /** The messages that are only in memory because storage was full. */
  readonly transients: Transients;
  /** The queues by recipient. Empty ones are removed when messages expire. */
  readonly queues: RecipientQueues;
  readonly #store: MessageStore;
  /** Whether messages can be read back from the store. */
  readonly #spills: boolean;
  readonly #names: SeenNames;
  readonly #fields = new MessageFields();
  /** When the oldest message of each queue expires. */
  readonly #expiry: DueTimes<RecipientQueue>;
  /** Queues that may be empty or may have an empty buffer. */
  readonly #untidy = new Set<RecipientQueue>();
  #fresh: MailboxEntry[] = [];
  #removed: StoredMessage[] = [];
  /** How many writes are not done. */
  #writing = 0;
  readonly #outcomes = new Outcomes();
  #freshOutcomes = new ReceiptRecords();

  /** Creates a mailbox with the messages in the store. They may exceed the limits. */
  constructor({ store, limits, names, factors }: MailboxOptions) {
    this.#store = store;
    this.limits = withDefaults(limits);
    this.#spills = store.durable && !store.isShared;
    this.usage = new Usage(this.limits, this.#spills);
    this.transients = new Transients(this.usage);
    this.#names = names;
    this.queues = new RecipientQueues(factors);
    this.messages = new MessageIndex(factors, (offset) => this.#peek(offset));
    const stepMs = Math.min(EXPIRY_STEP_MS, Math.max(1, this.limits.maxAgeMs / 1_000));
    this.#expiry = new DueTimes(stepMs);
    for (const name of store.loadNames()) names.load(name);
    for (const { sender, bytes, start, end, acceptedAt, offset } of store.load()) {
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queues.of(fields) ?? this.#open(sender, fields, acceptedAt);
      const size = end - fields.id;
      queue.size++;
      queue.bytes += size;
      queue.spill(offset, size, acceptedAt);
      this.messages.spilled.add(idOf(fields), offset);
      this.usage.add(this.usage.of(sender), size);
    }
    for (const end of store.loadOutcomes()) this.#outcomes.add(end);
  }

  /** Whether stored messages survive the end of the process. */
  get durable(): boolean {
    return this.#store.durable;
  }

  /** Whether other servers deliver what is stored when this one has gone. */
  get isShared(): boolean {
    return this.#store.isShared ?? false;
  }

  /** Whether anything must be written to the store, and can be now. */
  get dirty(): boolean {
    return this.#mayWrite && this.#hasChanged;
  }

  get #mayWrite(): boolean {
    return this.#writing === 0 || this.#store.refuses === true;
  }

  get #hasChanged(): boolean {
    return this.#fresh.length > 0 || this.#removed.length > 0 ||
      (this.durable && this.#names.unsaved.size > 0);
  }

  /** Whether so much is in memory that waiting messages should be on disk only. */
  get isMemoryFull(): boolean {
    return this.#spills && this.messages.memoryBytes > this.limits.maxMemoryBytes;
  }

  /** Checks the store, see {@linkcode MessageStore.check}. */
  checkStore(): StoreGoneError | undefined {
    return this.#store.check();
  }

  /**
   * Copies the messages to another place, see {@linkcode MessageStore.rescue}.
   *
   * @returns The place; `undefined` if the store cannot do that.
   */
  rescue(): string | undefined {
    return this.#store.rescue?.(this.#removed, this.#freshOutcomes.bytes);
  }

  /**
   * Returns the limit on what is stored in all, or for this sender, that a message would exceed.
   *
   * @param queue The queue of its recipient, if there is one.
   * @throws {ProtocolError} As {@linkcode readName}, if the recipient's name is invalid.
   */
  excess(sender: string, fields: MessageFields, queue?: RecipientQueue): Excess | undefined {
    const excess = this.usage.excess(sender, fields.end - fields.id);
    if (excess || queue) return excess;
    return this.usage.excessOfRecipients(sender, !this.#names.has(recipientOf(fields)));
  }

  /**
   * Adds a copy of a message. It is ready after the next {@linkcode Mailbox.commit}.
   *
   * @param transient Whether it is only in memory, because storage is full.
   * @throws {ProtocolError} As {@linkcode readName}, if the recipient's name is invalid.
   */
  add(sender: string, fields: MessageFields, acceptedAt: number, transient = false): MailboxEntry {
    const queue = this.queues.of(fields) ?? this.#open(sender, fields, acceptedAt);
    const usage = this.usage.of(sender);
    const entry = queue.add(fields, usage, acceptedAt);
    const size = fields.end - fields.id;
    this.messages.add(entry, size);
    this.#fresh.push(entry);
    if (transient) this.transients.add(entry);
    else this.usage.add(usage, size);
    return entry;
  }

  /** Records that somebody uses the name of a recipient now. */
  nameSeen(queue: RecipientQueue): void {
    if (!queue.isUnknown) return;
    queue.isUnknown = false;
    this.usage.addRecipients(queue.opener, 0, -1);
  }

  /** Spills all waiting messages of a user if the store is durable and has all of them. */
  spill(queue: RecipientQueue): void {
    if (!this.#spills || queue.transient > 0) return;
    for (let entry = queue.waiting; entry; entry = entry.next) {
      this.messages.spill(entry, entry.size);
    }
    queue.spillWaiting();
    this.#untidy.add(queue);
  }

  /** Returns the first waiting message of a user. If none is in memory, spilled ones are read back. */
  next(queue: RecipientQueue): MailboxEntry | undefined {
    while (!queue.waiting && queue.spilled > 0) {
      const { first, count } = queue.takeOffsets(MAX_READ);
      let found = 0;
      for (
        const { sender, bytes, start, end, acceptedAt, offset } of this.#store.read(first, count)
      ) {
        const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
        // It was removed while it was spilled, and the store has not removed it yet.
        if (!this.messages.spilled.delete(idOf(fields), offset)) continue;
        found++;
        queue.unspill(end - fields.id);
        const entry = queue.add(fields, this.usage.of(sender), acceptedAt);
        entry.offset = offset;
        queue.append(entry);
        this.messages.add(entry, end - fields.id);
      }
      // Messages that were removed meanwhile or cannot be read are missing. The latter still use the disk.
      if (found < count) queue.lose(this.messages.spilled.deleteRange(first, count));
      this.#untidy.add(queue);
    }
    return queue.waiting;
  }

  /** Removes a delivered message and remembers its outcome. */
  delivered(entry: MailboxEntry): void {
    this.remove(entry);
    // Its sender has no accepted receipt, and so sends it again rather than query its outcome.
    if (entry.transient) return;
    this.#outcomes.addDelivered(entry);
    if (!this.durable) return;
    const { id0, id1, id2, id3 } = entry;
    this.#freshOutcomes.add(id0, id1, id2, id3, ReceiptState.Delivered);
  }

  /**
   * Removes a message that was sent to a legacy program, which acknowledges nothing, and remembers its
   * outcome.
   */
  sent(entry: MailboxEntry): void {
    this.remove(entry);
    if (!entry.transient) this.#settle(sent(entry.id));
  }

  /**
   * Returns the outcome of a message that was stored here, if it is remembered.
   *
   * @param id The message's id, a UUID in text.
   */
  outcomeOf(id: string): Receipt | undefined {
    return this.#outcomes.get(id);
  }

  /** Removes a message that another server stores now or that was delivered here. */
  remove(entry: MailboxEntry): void {
    this.#take(entry);
    if (entry.safe && this.durable && !entry.transient) this.#removed.push(entry);
  }

  /**
   * Writes additions and removals to the store: all of them or none. While a write is not done, what is added and
   * removed waits for the next one.
   *
   * @param mayPass Returns whether a message that cannot be written may be passed on without being stored.
   * @param later Called with the result if the store needs time.
   * @returns The result; `undefined` if it comes later.
   */
  commit(
    mayPass: (entry: MailboxEntry) => boolean = () => false,
    later: (committed: Committed) => void = () => {},
  ): Committed | undefined {
    if (!this.#mayWrite) return undefined;
    const fresh = this.#fresh.every(isStored) ? this.#fresh : this.#fresh.filter(isStored);
    this.#fresh = [];
    const added = this.transients.size === 0 ? fresh : fresh.filter(({ transient }) => !transient);
    const removed = this.#removed;
    const outcomes = this.#freshOutcomes;
    let error: unknown;
    try {
      const writing = this.#write(added);
      if (writing) {
        this.#writing++;
        this.#removed = [];
        this.#freshOutcomes = new ReceiptRecords();
        const done = (error?: unknown) => {
          this.#writing--;
          const failed = error === undefined ? [] : added.filter(({ offset }) => offset === 0);
          // Removing a message twice does no harm.
          if (error !== undefined) this.#removed = [...removed, ...this.#removed];
          // These were removed meanwhile.
          for (const entry of added) {
            if (!entry.stored && entry.offset !== 0) this.#removed.push(entry);
          }
          // What failed may be written later all the same, so nobody may pass it on as not stored.
          later(this.#written(fresh, failed, error, () => false));
        };
        writing.then(() => done(), (error) => done(error ?? new Error("unknown reason")));
        return undefined;
      }
      this.#removed = [];
      outcomes.clear();
    } catch (reason) {
      // Removals are tried again next time. Messages that could not be written are not stored.
      error = reason;
    }
    return this.#written(fresh, error === undefined ? [] : added, error, mayPass);
  }

  /** Lets messages be sent after a write. */
  #written(
    fresh: MailboxEntry[],
    unwritten: readonly MailboxEntry[],
    error: unknown,
    mayPass: (entry: MailboxEntry) => boolean,
  ): Committed {
    const failed = unwritten.filter((entry) => entry.stored && !this.#pass(entry, mayPass));
    for (const entry of failed) this.#take(entry);
    const ready = fresh.every(isStored) ? fresh : fresh.filter(isStored);
    let last: RecipientQueue | undefined;
    for (const entry of ready) {
      const { queue } = entry;
      if (queue.spilled === 0) queue.append(entry);
      else {
        this.#spill(entry);
        if (queue !== last) this.#untidy.add(last = queue);
      }
    }
    return { ready, failed, error };
  }

  /**
   * Takes messages over that another server has stored.
   *
   * @returns The queues that have got messages.
   */
  adopt(messages: Iterable<StoredMessage>): Set<RecipientQueue> {
    const queues = new Set<RecipientQueue>();
    for (const message of messages) {
      const { id, sender, bytes, start, end, acceptedAt, offset } = message;
      if (this.messages.has(id)) {
        // Its sender has sent it to this server as well. One copy in the store is enough.
        const known = this.messages.get(id);
        if (known?.offset && known.offset !== offset) this.#removed.push(message);
        continue;
      }
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queues.of(fields) ?? this.#open(sender, fields, acceptedAt);
      const usage = this.usage.of(sender);
      const entry = queue.add(fields, usage, acceptedAt);
      entry.offset = offset;
      this.messages.add(entry, end - fields.id);
      this.usage.add(usage, end - fields.id);
      queue.append(entry);
      queues.add(queue);
    }
    return queues;
  }

  /**
   * Removes empty queues and messages that are too old.
   *
   * @param now The current time: milliseconds since 1970.
   * @returns The messages that expired.
   */
  expire(now: number): MailboxEntry[] {
    const expired: MailboxEntry[] = [];
    const { maxAgeMs } = this.limits;
    const until = now - maxAgeMs;
    for (const queue of this.#expiry.take(now)) {
      for (;;) {
        const entry = queue.first ?? (queue.spilledSince <= until ? this.next(queue) : undefined);
        if (!entry || entry.acceptedAt > until) break;
        const outcome = { id: entry.id, state: ReceiptState.Expired, code: 0, reason: "" };
        this.remove(entry);
        this.#settle(outcome);
        expired.push(entry);
      }
      const oldest = queue.first?.acceptedAt ?? (queue.spilled > 0 ? queue.spilledSince : now);
      this.#expiry.set(queue, oldest + maxAgeMs);
    }
    for (const queue of this.#untidy) this.#tidy(queue);
    this.#untidy.clear();
    return expired;
  }

  #write(added: readonly MailboxEntry[]): PromiseLike<void> | void {
    const { unsaved } = this.#names;
    const outcomes = this.#freshOutcomes;
    if (added.length + this.#removed.length + outcomes.length + unsaved.size === 0) return;
    const writing = this.#store.write(added, this.#removed, outcomes.bytes, unsaved);
    this.#names.saved();
    return writing;
  }

  /** Makes a message transient that could not be written, if it may be passed on. Returns whether it may. */
  #pass(entry: MailboxEntry, mayPass: (entry: MailboxEntry) => boolean): boolean {
    const { usage, size, queue } = entry;
    if (!this.usage.mayPass(usage.name, size, queue) || !mayPass(entry)) return false;
    this.transients.add(entry);
    this.usage.remove(usage, size);
    return true;
  }

  /** Frees the buffer of a queue if it has no message in memory, and removes the queue if it is empty. */
  #tidy(queue: RecipientQueue): void {
    queue.rest();
    if (queue.size > 0) return;
    this.#expiry.delete(queue);
    if (!this.queues.delete(queue)) return;
    this.usage.addRecipients(queue.opener, -1, queue.isUnknown ? -1 : 0);
  }

  #settle(receipt: Receipt): void {
    this.#outcomes.add(receipt);
    if (this.durable) this.#freshOutcomes.addReceipt(receipt);
  }

  /** Spills a message that has just been written to the store. */
  #spill(entry: MailboxEntry): void {
    const { queue, offset, size, acceptedAt } = entry;
    entry.safe = true;
    this.messages.spill(entry, size);
    queue.spill(offset, size, acceptedAt);
  }

  /** Reads a spilled message, which stays spilled. */
  #peek(at: number): MailboxEntry | undefined {
    for (const { sender, bytes, start, end, acceptedAt, offset } of this.#store.read(at, 1)) {
      const fields = this.#fields.read(bytes, start + HEADER_BYTES, end);
      const queue = this.queues.of(fields);
      if (!queue) continue;
      const usage = this.usage.of(sender);
      const entry = new MailboxEntry(queue, fields.idWords, usage, acceptedAt, bytes, start);
      entry.safe = true;
      entry.offset = offset;
      return entry;
    }
  }

  #open(sender: string, fields: MessageFields, now: number): RecipientQueue {
    const name = recipientOf(fields);
    const opener = this.usage.of(sender);
    const isUnknown = !this.#names.has(name);
    const queue = new RecipientQueue(name, Math.floor(now), opener, isUnknown);
    this.queues.add(queue, fields);
    this.usage.addRecipients(opener, 1, isUnknown ? 1 : 0);
    this.#expiry.set(queue, now + this.limits.maxAgeMs);
    return queue;
  }

  #take(entry: MailboxEntry): void {
    if (!entry.stored) return;
    entry.stored = false;
    const { queue, offset, size, usage } = entry;
    if (this.messages.delete(entry, size)) queue.remove(entry);
    else if (this.messages.spilled.delete(entry, offset)) queue.unspill(size);
    else return;
    if (queue.size === queue.spilled) this.#untidy.add(queue);
    if (entry.transient) this.transients.delete(entry);
    else this.usage.remove(usage, size);
  }
}

function recipientOf({ bytes, recipient, recipientEnd }: MessageFields): string {
  return readName(bytes, recipient, recipientEnd);
}

function idOf({ idWords }: MessageFields): MessageId {
  return { id0: idWords[0]!, id1: idWords[1]!, id2: idWords[2]!, id3: idWords[3]! };
}

function isStored({ stored }: MailboxEntry): boolean {
  return stored;
}
