/**
 * Messages into the hands of this server's users: as frames or as bare text, each once. Owns what was
 * seen, and what was handed over and not yet acknowledged; knows nothing of where messages come from.
 *
 * @module
 */
import { FrameType, type MessageFields, MessageKind, writeUuid } from "@netlab/protocol";
import { isCounted } from "./counted_ids.ts";
import type { Link } from "./link.ts";
import type { SeenMessages } from "./seen_messages.ts";
import { SeenTable } from "./seen_table.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** Hands messages over. */
export class HandOver {
  /** Ids of kept messages; what nobody keeps cannot crowd them out. */
  readonly #kept: SeenTable;
  /** Messages that nobody keeps, and kept ones of which such a copy may come. */
  readonly #all: SeenMessages;

  /** Nothing was handed over yet but what stands in `all`; `random` as {@linkcode SeenTable} wants it. */
  constructor(all: SeenMessages, random: () => number) {
    this.#all = all;
    this.#kept = new SeenTable(random);
  }

  /** Whether a message was taken care of here. */
  wasSeen(id: string): boolean {
    const words = wordsOf(id);
    return this.#kept.has(words, 0) || this.#all.table.has(words, 0);
  }

  /** A message was taken care of here. */
  markSeen(id: string): void {
    const words = wordsOf(id);
    this.#kept.add(words, 0);
    // What counts is known by its number.
    if (!isCounted(words, 0)) this.#all.table.add(words, 0);
  }

  /** Whether a kept message was handed over on that connection, or was taken care of before. */
  has(user: Link, id: string): boolean {
    return user.unacknowledged.has(id) || this.wasSeen(id);
  }

  /** Hands over a message that nobody keeps. A second copy is dropped. */
  plain(user: Link, fields: MessageFields): void {
    if (!this.#isNew(fields)) return;
    if (user.role === "session") {
      user.port.out.begin(FrameType.Message, MessageKind.Plain);
      user.port.out.bytes(fields.bytes, fields.id, fields.end);
      user.port.out.end();
    } else writeText(user, fields);
  }

  /**
   * Hands over a message that `origin` keeps until it is acknowledged; a second copy is dropped. Returns
   * whether that was all: whoever reads text acknowledges nothing.
   */
  kept(user: Link, id: string, fields: MessageFields, origin: string): boolean {
    // Nor is a copy handed over that comes by way of a first-generation server and is not kept.
    if (isCounted(fields.idWords, 0)) this.#isNew(fields);
    if (user.role !== "session") {
      this.markSeen(id);
      writeText(user, fields);
      return true;
    }
    const origins = user.unacknowledged.get(id);
    if (origins) {
      if (!origins.includes(origin)) origins.push(origin);
      return false;
    }
    user.unacknowledged.set(id, [origin]);
    user.port.out.begin(FrameType.Message, MessageKind.WithReceipts);
    user.port.out.bytes(fields.bytes, fields.id, fields.end);
    user.port.out.end();
    return false;
  }

  /** The user's client has taken a message; the ids of the servers that keep it. */
  acknowledged(user: Link, id: string): readonly string[] {
    const origins = user.unacknowledged.get(id);
    if (!origins) return [];
    user.unacknowledged.delete(id);
    this.markSeen(id);
    return origins;
  }

  /** Remembers a message; whether it was not remembered before. */
  #isNew({ idWords, bytes, sender, end }: MessageFields): boolean {
    return this.#all.add(idWords, 0, bytes, sender, end);
  }
}

const uuid = new DataView(new ArrayBuffer(16));
const words = new Int32Array(4);

/** The 16 bytes of an id, as {@linkcode SeenMessages} takes them; valid until the next call. */
function wordsOf(id: string): Int32Array {
  writeUuid(id, new Uint8Array(uuid.buffer), 0);
  for (let i = 0; i < 4; i++) words[i] = uuid.getInt32(4 * i);
  return words;
}

function writeText({ port }: Link, { bytes, sender, senderEnd, text, end }: MessageFields): void {
  port.out.raw(bytes, sender, senderEnd);
  port.out.raw(SEPARATOR);
  port.out.raw(bytes, text, end);
}
