/**
 * Counts what a mailbox stores, in all and for each sender, and compares the sums with the limits. Knows
 * neither queues nor the store.
 *
 * @module
 */
import { LIMITS } from "../limits.ts";
import type { MailboxLimits } from "../server_limits.ts";

/** What one sender uses. */
export class SenderUsage {
  /** Stored messages. */
  messages = 0;
  /** Bytes of stored messages. */
  bytes = 0;
  /** Recipients for whom this sender was the first of those whose messages are stored. */
  recipients = 0;
  /** Of these, names that nobody has ever used. */
  unknownNames = 0;
  /** Bytes of messages that are passed on without being stored. */
  transientBytes = 0;

  /** Nothing yet. */
  constructor(
    /** The sender's name. */
    readonly name: string,
  ) {}
}

/** A limit that keeps a message from being stored. */
export interface Excess {
  /** The limit. */
  readonly limit: keyof typeof LIMITS;
  /** Its value. */
  readonly value: number;
  /** Whether the sender's share of it is used up. Otherwise all of it is. */
  readonly isShare: boolean;
}

/** The totals that are divided into shares. */
type Total =
  | "maxTotalMessages"
  | "maxMemoryBytes"
  | "maxDiskBytes"
  | "maxRecipients"
  | "maxUnknownNames";

/** What is stored for one user. */
interface QueueSize {
  /** The number of messages. */
  readonly size: number;
  /** The number of them that are spilled. */
  readonly spilled: number;
  /** The size of all messages: bytes. */
  readonly bytes: number;
}

/** What a mailbox stores. */
export class Usage extends SenderUsage {
  readonly #limits: Required<MailboxLimits>;
  /** What one sender may use of each total. */
  readonly #shares: Readonly<Record<Total, number>>;
  readonly #mostMessages: number;
  readonly #mostBytes: number;
  readonly #shareOfMessages: number;
  readonly #shareOfBytes: number;
  readonly #bytesLimit: "maxMemoryBytes" | "maxDiskBytes";
  readonly #senders = new Map<string, SenderUsage>();
  /** The sender of the last message: the next one often has the same. */
  #last: SenderUsage | undefined;

  /**
   * Counts nothing yet.
   *
   * @param isDurable Whether the messages are stored on disk.
   */
  constructor(limits: Required<MailboxLimits>, isDurable: boolean) {
    super("all senders");
    this.#limits = limits;
    // A share is never less than one, so that a small limit does not exclude everyone.
    const share = (total: Total) =>
      Math.max(1, Math.floor(limits[total] * limits.maxSenderPercent / 100));
    this.#shares = {
      maxTotalMessages: share("maxTotalMessages"),
      maxMemoryBytes: share("maxMemoryBytes"),
      maxDiskBytes: share("maxDiskBytes"),
      maxRecipients: share("maxRecipients"),
      maxUnknownNames: share("maxUnknownNames"),
    };
    this.#bytesLimit = isDurable ? "maxDiskBytes" : "maxMemoryBytes";
    this.#mostMessages = limits.maxTotalMessages;
    this.#mostBytes = limits[this.#bytesLimit];
    this.#shareOfMessages = this.#shares.maxTotalMessages;
    this.#shareOfBytes = this.#shares[this.#bytesLimit];
  }

  /** Returns what a sender uses, to count more of it. */
  of(sender: string): SenderUsage {
    if (this.#last?.name === sender) return this.#last;
    let usage = this.#senders.get(sender);
    if (!usage) this.#senders.set(sender, usage = new SenderUsage(sender));
    return this.#last = usage;
  }

  /** Counts a stored message of `bytes` bytes. */
  add(sender: SenderUsage, bytes: number): void {
    this.messages++;
    this.bytes += bytes;
    sender.messages++;
    sender.bytes += bytes;
  }

  /** Discounts a message that is no longer stored. */
  remove(sender: SenderUsage, bytes: number): void {
    this.messages--;
    this.bytes -= bytes;
    sender.messages--;
    sender.bytes -= bytes;
    this.#forgetIfIdle(sender);
  }

  /** Counts a message that is passed on without being stored; with a negative number, discounts one. */
  addTransient(sender: SenderUsage, bytes: number): void {
    this.transientBytes += bytes;
    sender.transientBytes += bytes;
    if (bytes < 0) this.#forgetIfIdle(sender);
  }

  /** Counts `count` recipients, of whom the name of `unknown` was never used. Both may be negative. */
  addRecipients(sender: SenderUsage, count: number, unknown: number): void {
    this.recipients += count;
    this.unknownNames += unknown;
    sender.recipients += count;
    sender.unknownNames += unknown;
    if (count < 0) this.#forgetIfIdle(sender);
  }

  /**
   * Returns the limit on messages or bytes that one more message of `bytes` bytes would exceed, if there is
   * one.
   */
  excess(sender: string, bytes: number): Excess | undefined {
    const own = this.#find(sender);
    // Almost every message is within both shares and totals.
    if (
      own.messages < this.#shareOfMessages && own.bytes + bytes <= this.#shareOfBytes &&
      this.messages < this.#mostMessages && this.bytes + bytes <= this.#mostBytes
    ) return undefined;
    return this.#beyond("maxTotalMessages", this.messages, own.messages, 1) ??
      this.#beyond(this.#bytesLimit, this.bytes, own.bytes, bytes);
  }

  /**
   * Returns the limit on recipients that one more recipient would exceed, if there is one.
   *
   * @param isUnknown Whether nobody has ever used the name.
   */
  excessOfRecipients(sender: string, isUnknown: boolean): Excess | undefined {
    const own = this.#find(sender);
    return (isUnknown
      ? this.#beyond("maxUnknownNames", this.unknownNames, own.unknownNames, 1)
      : undefined) ?? this.#beyond("maxRecipients", this.recipients, own.recipients, 1);
  }

  /** Returns the limit for one user if a user's queue has reached it. */
  excessOf({ size, bytes }: QueueSize): Excess | undefined {
    const { maxMessages, maxBytes } = this.#limits;
    if (size >= maxMessages) return { limit: "maxMessages", value: maxMessages, isShare: false };
    if (bytes >= maxBytes) return { limit: "maxBytes", value: maxBytes, isShare: false };
  }

  /** Returns whether a user's queue is at most half full, so that waiting senders may continue. */
  isHalfEmpty({ size, bytes }: QueueSize): boolean {
    return size <= this.#limits.maxMessages / 2 && bytes <= this.#limits.maxBytes / 2;
  }

  /** Returns the total that one more stored message of `bytes` bytes would exceed, whoever sent it. */
  excessOfAll(bytes: number): Excess | undefined {
    return this.#beyond("maxTotalMessages", this.messages, 0, 1) ??
      this.#beyond(this.#bytesLimit, this.bytes, 0, bytes);
  }

  /**
   * Returns whether one more message of `bytes` bytes may be passed on without being stored.
   *
   * @param queue The queue of its recipient, if there is one.
   */
  mayPass(sender: string, bytes: number, queue: QueueSize | undefined): boolean {
    // Spilled messages come first, and a transient message must not overtake them.
    if (queue && queue.spilled > 0) return false;
    const limit = LIMITS.transientBytes.default;
    const own = this.#find(sender);
    return this.transientBytes + bytes <= limit &&
      own.transientBytes + bytes <= limit * this.#limits.maxSenderPercent / 100;
  }

  #find(sender: string): SenderUsage {
    return this.#last?.name === sender ? this.#last : this.#senders.get(sender) ?? NOTHING;
  }

  #beyond(limit: Total, used: number, usedBySender: number, more: number): Excess | undefined {
    const most = this.#limits[limit];
    if (used + more > most) return { limit, value: most, isShare: false };
    const share = this.#shares[limit];
    if (usedBySender + more > share) return { limit, value: share, isShare: true };
  }

  #forgetIfIdle(sender: SenderUsage): void {
    const { messages, recipients, transientBytes, name } = sender;
    if (messages > 0 || recipients > 0 || transientBytes > 0) return;
    this.#senders.delete(name);
    if (this.#last === sender) this.#last = undefined;
  }
}

/** What a sender uses who has nothing here. */
const NOTHING = new SenderUsage("");
