/**
 * Messages into the hands of this server's users: as frames or as bare text, each once. Owns what was
 * seen, and what was handed over and not yet acknowledged; knows nothing of where messages come from.
 *
 * @module
 */
import {
  type BatchFields,
  type Frame,
  FrameType,
  HEADER_BYTES,
  isSequenceId,
  type MessageFields,
  messageId,
  MessageKind,
  type Receipt,
  UUID_TEXT_BYTES,
  uuidWords,
} from "@netlab/protocol/codec";
import type { MailboxEntry } from "../mailbox/recipient_queue.ts";
import type { FrameRuns } from "./frame_run.ts";
import type { Connection } from "../connection.ts";
import type { NameFactors } from "../dedup/name_table.ts";
import { delivered, sent } from "../receipt.ts";
import { SeenIds } from "../dedup/seen_ids.ts";
import { SeenMessages } from "../dedup/seen_messages.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** Hands messages over. */
export class LocalDelivery {
  /** Kept messages that were taken care of; what nobody keeps cannot crowd them out. */
  readonly #taken: SeenMessages;
  /** Messages that nobody keeps, and kept ones of which such a copy may come. */
  readonly #all: SeenMessages;
  /** Kept messages that legacy programs were handed: taken care of, and confirmed by nobody. */
  readonly #unconfirmed = new SeenIds();

  /** Nothing was handed over yet but what stands in `all`; the rest is for {@linkcode SeenMessages}. */
  constructor(all: SeenMessages, factors: NameFactors, random: () => number) {
    this.#all = all;
    this.#taken = new SeenMessages(factors, random);
  }

  /** Whether the message in these fields was taken care of here. */
  wasTaken({ idWords, bytes, sender, end }: MessageFields): boolean {
    return this.#wasTaken(idWords, bytes, sender, end);
  }

  /** Whether the message with that id, which somebody of that name sent, was taken care of here. */
  wasTakenFrom(sender: string, id: string): boolean {
    const name = encoder.encode(`${sender}\0`);
    return this.#wasTaken(wordsOf(id), name, 0, name.length);
  }

  /** The message with that id was taken care of here. */
  markTaken(id: string): void {
    const words = wordsOf(id);
    this.#taken.table.add(words, 0);
    // What counts is known by its number.
    if (!isSequenceId(words, 0)) this.#all.table.add(words, 0);
  }

  /** A legacy program was handed the message with that id, and confirms nothing; `now` in milliseconds. */
  markSent(id: string, now: number): void {
    this.markTaken(id);
    this.#unconfirmed.add(id, now);
  }

  /** The receipt for a message that was taken care of here. */
  receiptFor(id: string): Receipt {
    return this.#unconfirmed.has(id) ? sent(id) : delivered(id);
  }

  /** Whether a kept message was handed over on that connection, or was taken care of before. */
  has(user: Connection, id: string): boolean {
    if (user.unacknowledged.has(id)) return true;
    const words = wordsOf(id);
    return this.#taken.table.has(words, 0) || this.#all.table.has(words, 0);
  }

  /** Hands over a message that nobody keeps. A second copy is dropped. */
  plain(user: Connection, fields: MessageFields): void {
    if (!this.#isNew(fields)) return;
    if (user.role === "session") {
      user.out.begin(FrameType.Message, MessageKind.Ephemeral);
      user.out.bytes(fields.bytes, fields.id, fields.end);
      user.out.end();
    } else writeText(user, fields);
  }

  /**
   * Hands over a batch, which lies in `frame`, to a user who reads such; whether it did: not when any of
   * its messages was handed over before.
   */
  batch(user: Connection, fields: BatchFields, frame: Frame): boolean {
    const isNew = this.#all.addBatch(fields);
    if (isNew) user.out.forward(frame, 0);
    return isNew;
  }

  /**
   * Hands over a message that `origin` keeps until it is acknowledged; a second copy is dropped, and so
   * is one of which this server's own copy went there before: `isThere`. Returns whether that was all:
   * whoever reads text acknowledges nothing. `now` is the time in milliseconds.
   */
  kept(
    user: Connection,
    fields: MessageFields,
    origin: string,
    isThere: boolean,
    now: number,
  ): boolean {
    const id = messageId(fields);
    // Nor is a copy handed over that comes by way of a legacy server and is not kept.
    if (isSequenceId(fields.idWords, 0)) this.#isNew(fields);
    if (user.role !== "session") {
      this.markSent(id, now);
      writeText(user, fields);
      return true;
    }
    const origins = user.unacknowledged.get(id);
    if (origins) {
      if (!origins.includes(origin)) origins.push(origin);
      return false;
    }
    user.unacknowledged.set(id, [origin]);
    if (isThere) return false;
    user.out.begin(FrameType.Message, MessageKind.Durable);
    user.out.bytes(fields.bytes, fields.id, fields.end);
    user.out.end();
    return false;
  }

  /**
   * Hands over a message that this server keeps, to a user who reads frames: it lies ready as one, and
   * is added to `run`, on the user's connection, unless a copy that another server keeps went there.
   * Returns false when it was taken care of before.
   */
  own(user: Connection, entry: MailboxEntry, run: FrameRuns): boolean {
    const { bytes, end } = entry;
    const sender = senderAt(entry);
    const words = wordsOfEntry(entry);
    if (this.#wasTaken(words, bytes, sender, end)) return false;
    if (isSequenceId(words, 0)) this.#all.add(words, 0, bytes, sender, end);
    if (!user.hasUnacknowledged || !user.unacknowledged.has(entry.id)) run.add(entry);
    return true;
  }

  /** The user's client has taken a message that this server keeps. */
  tookOwn(entry: MailboxEntry): void {
    const words = wordsOfEntry(entry);
    if (isSequenceId(words, 0)) {
      this.#taken.add(words, 0, entry.bytes, senderAt(entry), entry.end);
    } else this.markTaken(entry.id);
  }

  /** The user's client has taken a message; the ids of the other servers that keep it. */
  acknowledged(user: Connection, id: string): readonly string[] {
    const origins = user.unacknowledged.get(id);
    if (!origins) return [];
    user.unacknowledged.delete(id);
    this.markTaken(id);
    return origins;
  }

  #wasTaken(words: Int32Array, bytes: Uint8Array, sender: number, end: number): boolean {
    return this.#taken.has(words, 0, bytes, sender, end) ||
      (!isSequenceId(words, 0) && this.#all.table.has(words, 0));
  }

  /** Remembers a message; whether it was not remembered before. */
  #isNew({ idWords, bytes, sender, end }: MessageFields): boolean {
    return this.#all.add(idWords, 0, bytes, sender, end);
  }
}

const encoder = new TextEncoder();
const words = new Int32Array(4);

/** The 16 bytes of an id, as {@linkcode SeenMessages} takes them; valid until the next call. */
function wordsOf(id: string): Int32Array {
  return uuidWords(id, words);
}

/** The same of a kept message. */
function wordsOfEntry({ id0, id1, id2, id3 }: MailboxEntry): Int32Array {
  words[0] = id0;
  words[1] = id1;
  words[2] = id2;
  words[3] = id3;
  return words;
}

/** Where the name of its sender begins. */
function senderAt({ start }: MailboxEntry): number {
  return start + HEADER_BYTES + UUID_TEXT_BYTES + 1;
}

function writeText(
  { out }: Connection,
  { bytes, sender, senderEnd, text, end }: MessageFields,
): void {
  out.raw(bytes, sender, senderEnd);
  out.raw(SEPARATOR);
  out.raw(bytes, text, end);
}
