/**
 * Messages into the hands of this server's users: as frames or as bare text, each once. Owns what was
 * seen, and what was handed over and not yet acknowledged; knows nothing of where messages come from.
 *
 * @module
 */
import { FrameType, type MessageFields, messageId, MessageKind } from "@netlab/protocol";
import type { Context } from "./host.ts";
import type { Link } from "./link.ts";
import { SeenIds } from "./seen_ids.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** Hands messages over. */
export class HandOver {
  readonly #context: Context;
  readonly #seen = new SeenIds();
  readonly #onDelivered: (id: string, origin: string) => void;

  /** `onDelivered` hears of kept messages that were acknowledged, and which server keeps them. */
  constructor(context: Context, onDelivered: (id: string, origin: string) => void) {
    this.#context = context;
    this.#onDelivered = onDelivered;
  }

  /** Whether a message was taken care of here. */
  wasSeen(id: string): boolean {
    return this.#seen.has(id);
  }

  /** A message was taken care of here. */
  markSeen(id: string): void {
    this.#seen.add(id, this.#context.now);
  }

  /** Hands over a message that nobody keeps. A second copy is dropped. */
  plain(user: Link, fields: MessageFields): void {
    const id = messageId(fields);
    if (this.#seen.has(id)) return;
    this.markSeen(id);
    if (user.role === "session") {
      user.port.out.begin(FrameType.Message, MessageKind.Plain);
      user.port.out.bytes(fields.bytes, fields.id, fields.end);
      user.port.out.end();
    } else writeText(user, fields);
  }

  /**
   * Hands over a message that `origin` keeps until it is acknowledged. A second copy of one that was
   * acknowledged is answered as the first was; one of a message that was not is dropped.
   */
  kept(user: Link, fields: MessageFields, origin: string): void {
    const id = messageId(fields);
    if (this.#seen.has(id)) return this.#onDelivered(id, origin);
    if (user.role !== "session") {
      this.markSeen(id);
      writeText(user, fields);
      return this.#onDelivered(id, origin);
    }
    const origins = user.unacknowledged.get(id);
    if (origins) {
      origins.add(origin);
      return;
    }
    user.unacknowledged.set(id, new Set([origin]));
    user.port.out.begin(FrameType.Message, MessageKind.WithReceipts);
    user.port.out.bytes(fields.bytes, fields.id, fields.end);
    user.port.out.end();
  }

  /** The user's client has taken a message. */
  acknowledged(user: Link, id: string): void {
    const origins = user.unacknowledged.get(id);
    if (!origins) return;
    user.unacknowledged.delete(id);
    this.markSeen(id);
    for (const origin of origins) this.#onDelivered(id, origin);
  }
}

function writeText({ port }: Link, { bytes, sender, senderEnd, text, end }: MessageFields): void {
  port.out.raw(bytes, sender, senderEnd);
  port.out.raw(SEPARATOR);
  port.out.raw(bytes, text, end);
}
