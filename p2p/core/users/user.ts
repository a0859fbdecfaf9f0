/**
 * A user of this server: one registration of a name on one connection. Owns how the user reads messages
 * and which durable messages of other servers are unacknowledged. Does not know how messages are
 * delivered.
 *
 * @module
 */
import { type FrameWriter, NIL_UUID } from "@netlab/protocol/codec";
import { sessionIdOf } from "@netlab/protocol/session-id";
import type { Connection, Party } from "../connection/connection.ts";

const encoder = new TextEncoder();

/** The registration of a user. */
export interface UserRegistration {
  /** The user's name. */
  readonly name: string;
  /** The session's key, a UUID; nil for a legacy client. */
  readonly key: string;
  /** Whether the client accepts batches. */
  readonly readsBatches: boolean;
  /** Whether the client accepts heartbeats. */
  readonly readsHeartbeats: boolean;
  /** The proof that the user knows the secret that protects the name, if there is one: 64 bytes. */
  readonly signature?: Uint8Array;
}

/** A user of this server. */
export class User implements Party {
  readonly isPausable = true;
  /** Writes frames to the user. */
  readonly out: FrameWriter;
  /** The user's name. */
  readonly name: string;
  /** The session's key, a UUID; nil for a legacy client. No other server learns it. */
  readonly key: string;
  /** Whether the client accepts batches. */
  readonly readsBatches: boolean;
  /** Whether the client accepts heartbeats. */
  readonly readsHeartbeats: boolean;
  /**
   * Whether the user reads plain text instead of frames and acknowledges nothing, as legacy clients do.
   */
  readonly readsText: boolean;
  /** Whether something has arrived from the user since the last heartbeats. */
  isActive = false;
  // Created on first use: there may be thousands of idle users.
  #nameBytes: Uint8Array | undefined;
  #unacknowledged: Map<string, string[]> | undefined;

  /** Creates the user of a newly registered connection. */
  constructor(readonly connection: Connection, registration: UserRegistration) {
    this.out = connection.out;
    this.name = registration.name;
    this.key = registration.key;
    this.readsBatches = registration.readsBatches;
    this.readsHeartbeats = registration.readsHeartbeats;
    this.readsText = registration.key === NIL_UUID;
  }

  /** The session's id, a UUID that follows from the key; nil for a legacy client. It is needed when sessions move. */
  get session(): string {
    return sessionIdOf(this.key);
  }

  /** The user's name. */
  get label(): string {
    return this.name;
  }

  /** The name in UTF-8, as it appears in messages. */
  get nameBytes(): Uint8Array {
    return this.#nameBytes ??= encoder.encode(this.name);
  }

  /** Returns whether the bytes from `start` to `end` are the user's name. */
  hasName(bytes: Uint8Array, start: number, end: number): boolean {
    const name = this.nameBytes;
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return true;
  }

  /** Whether the user's client has unacknowledged messages of other servers. */
  get hasUnacknowledged(): boolean {
    return this.unacknowledged > 0;
  }

  /** The number of messages of other servers that the user's client has not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged?.size ?? 0;
  }

  /**
   * Returns whether the user's client has a message of another server that it has not acknowledged.
   *
   * @param id The message's id, a UUID in text.
   */
  isUnacknowledged(id: string): boolean {
    return this.#unacknowledged?.has(id) ?? false;
  }

  /**
   * Records that the server `origin` waits until the user's client acknowledges a message.
   *
   * @param id The message's id, a UUID in text.
   * @returns Whether no other server waited for this acknowledgement.
   */
  awaitAcknowledgement(id: string, origin: string): boolean {
    const waiting = this.#unacknowledged ??= new Map();
    const origins = waiting.get(id);
    if (!origins) waiting.set(id, [origin]);
    else if (!origins.includes(origin)) origins.push(origin);
    return origins === undefined;
  }

  /**
   * Records that the user's client has acknowledged a message.
   *
   * @param id The message's id, a UUID in text.
   * @returns The ids of the servers that waited for the acknowledgement.
   */
  acknowledge(id: string): readonly string[] {
    const origins = this.#unacknowledged?.get(id);
    if (!origins) return NONE;
    this.#unacknowledged!.delete(id);
    return origins;
  }
}

const NONE: readonly string[] = [];
