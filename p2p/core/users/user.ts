/**
 * A user of this server: one registration of a name on one connection. Owns what is known of how the user
 * reads messages and which durable ones are not acknowledged yet.
 *
 * @module
 */
import { type FrameWriter, NIL_UUID } from "@netlab/protocol/codec";
import type { Connection, Party } from "../connection.ts";

const encoder = new TextEncoder();

/** How a user registers. */
export interface UserRegistration {
  /** The user's name. */
  readonly name: string;
  /** The session's key, a UUID; nil for a legacy client. */
  readonly session: string;
  /** Whether the client takes many messages in one frame. */
  readonly readsBatches: boolean;
}

/** A user whose connection this is. */
export class User implements Party {
  readonly isPausable = true;
  /** Where frames for the user are written. */
  readonly out: FrameWriter;
  /** The user's name. */
  readonly name: string;
  /** The session's key, a UUID; nil for a legacy client. */
  readonly session: string;
  /** Whether the client takes many messages in one frame. */
  readonly readsBatches: boolean;
  /** Whether the user reads plain text instead of frames, as legacy clients do, and acknowledges nothing. */
  readonly readsText: boolean;
  // Made when they are needed: there may be thousands of idle users.
  #nameBytes: Uint8Array | undefined;
  #unacknowledged: Map<string, string[]> | undefined;

  /** A user who has just registered. */
  constructor(readonly connection: Connection, registration: UserRegistration) {
    this.out = connection.out;
    this.name = registration.name;
    this.session = registration.session;
    this.readsBatches = registration.readsBatches;
    this.readsText = registration.session === NIL_UUID;
  }

  /** The user's name. */
  get label(): string {
    return this.name;
  }

  /** The name in UTF-8, as messages carry it. */
  get nameBytes(): Uint8Array {
    return this.#nameBytes ??= encoder.encode(this.name);
  }

  /** Whether the bytes from `start` to `end` are the user's name. */
  hasName(bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.nameBytes;
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return true;
  }

  /** Whether the user's client has any message of another server that it has not acknowledged. */
  get hasUnacknowledged(): boolean {
    return this.#unacknowledged !== undefined && this.#unacknowledged.size > 0;
  }

  /** Whether the user's client has a message of another server that it has not acknowledged. */
  isUnacknowledged(id: string): boolean {
    return this.#unacknowledged?.has(id) ?? false;
  }

  /**
   * The server `origin` waits until the user's client acknowledges a message.
   *
   * @returns Whether no other server has waited for that.
   */
  awaitAcknowledgement(id: string, origin: string): boolean {
    const waiting = this.#unacknowledged ??= new Map();
    const origins = waiting.get(id);
    if (!origins) waiting.set(id, [origin]);
    else if (!origins.includes(origin)) origins.push(origin);
    return origins === undefined;
  }

  /** The user's client has acknowledged a message. Returns the ids of the servers that wait for that. */
  acknowledge(id: string): readonly string[] {
    const origins = this.#unacknowledged?.get(id);
    if (!origins) return NONE;
    this.#unacknowledged!.delete(id);
    return origins;
  }
}

const NONE: readonly string[] = [];
