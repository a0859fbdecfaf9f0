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

  /** Nothing was handed over yet. */
  constructor(context: Context) {
    this.#context = context;
  }

  /** Whether a message was taken care of here. */
  wasSeen(id: string): boolean {
    return this.#seen.has(id);
  }

  /** A message was taken care of here. */
  markSeen(id: string): void {
    this.#seen.add(id, this.#context.now);
  }

  /** Whether a kept message was handed over on that connection, or was taken care of before. */
  has(user: Link, id: string): boolean {
    return user.unacknowledged.has(id) || this.#seen.has(id);
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
   * Hands over a message that `origin` keeps until it is acknowledged; a second copy is dropped. Returns
   * whether that was all: whoever reads text acknowledges nothing.
   */
  kept(user: Link, fields: MessageFields, origin: string): boolean {
    const id = messageId(fields);
    if (user.role !== "session") {
      this.markSeen(id);
      writeText(user, fields);
      return true;
    }
    const origins = user.unacknowledged.get(id);
    if (origins) {
      origins.add(origin);
      return false;
    }
    user.unacknowledged.set(id, new Set([origin]));
    user.port.out.begin(FrameType.Message, MessageKind.WithReceipts);
    user.port.out.bytes(fields.bytes, fields.id, fields.end);
    user.port.out.end();
    return false;
  }

  /** The user's client has taken a message; the ids of the servers that keep it. */
  acknowledged(user: Link, id: string): Iterable<string> {
    const origins = user.unacknowledged.get(id);
    if (!origins) return [];
    user.unacknowledged.delete(id);
    this.markSeen(id);
    return origins;
  }
}

function writeText({ port }: Link, { bytes, sender, senderEnd, text, end }: MessageFields): void {
  port.out.raw(bytes, sender, senderEnd);
  port.out.raw(SEPARATOR);
  port.out.raw(bytes, text, end);
}
