/**
 * Messages into the hands of this server's users: as frames or as bare text, each once. Owns what was
 * seen, and what was handed over and not yet acknowledged; knows nothing of where messages come from.
 *
 * @module
 */
import { FrameType, type MessageFields, messageId, MessageKind } from "@netlab/protocol";
import { Gaps } from "./gaps.ts";
import type { Context } from "./host.ts";
import type { Link } from "./link.ts";
import { SeenIds } from "./seen_ids.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** Hands messages over. */
export class HandOver {
  readonly #context: Context;
  readonly #seen = new SeenIds();
  readonly #gaps = new Gaps();
  /** The connections to which kept messages were handed over, by user. */
  readonly #handedTo = new Map<string, Link>();
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

  /** A kept message did not reach its recipient: those behind it wait until it comes again. */
  missed(recipient: string, origin: string, id: string): void {
    if (origin !== this.#context.id) this.#gaps.add(recipient, origin, id, this.#context.now);
  }

  /** Whether a kept message has to come again, behind one that did not reach its recipient. */
  isBehind(user: Link, origin: string, id: string): boolean {
    const { name } = user;
    const before = this.#handedTo.get(name);
    if (before && before !== user) this.closed(before);
    this.#handedTo.set(name, user);
    return this.#gaps.isBehind(name, origin, id, this.#context.now);
  }

  /** A connection has ended: what was not acknowledged on it comes again, and before all else. */
  closed(user: Link): void {
    if (this.#handedTo.get(user.name) === user) this.#handedTo.delete(user.name);
    for (const [id, origins] of user.unacknowledged) {
      for (const origin of origins) this.missed(user.name, origin, id);
    }
    user.unacknowledged.clear();
  }

  /** Time has passed: what does not come again is not waited for. */
  tick(): void {
    this.#gaps.forget(this.#context.now);
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
