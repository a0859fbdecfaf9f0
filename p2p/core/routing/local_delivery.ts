/**
 * Local delivery: delivers messages to the users of this server, each message once. Owns which messages
 * were delivered here. Does not know where messages come from.
 *
 * @module
 */
import {
  BatchFields,
  type Frame,
  FrameType,
  invariant,
  isSequenceId,
  type MessageFields,
  MessageKind,
  NIL_UUID,
  type Receipt,
  uuidWords,
} from "@netlab/protocol/codec";
import type { BackPressure } from "../connection/back_pressure.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import { LIMITS } from "../limits.ts";
import type { NameFactors } from "../dedup/tables/name_table.ts";
import { delivered, sent } from "../receipt.ts";
import { SeenIds } from "../dedup/seen_ids.ts";
import { SeenMessages } from "../dedup/seen_messages.ts";
import type { User } from "../users/user.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** The parts of a message that identify it. */
export type MessageIdentity = Pick<MessageFields, "idWords" | "bytes" | "sender" | "end">;

/** The additional properties of a durable message. */
export interface DurableCopy {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The id of the server that waits for the acknowledgement; `undefined` if it is this one. */
  readonly origin: string | undefined;
  /** The id of the message that the user must have before this one; nil for none. */
  readonly previous: string;
  /** Whether the user's client already has a copy of it: this server may store the message as well. */
  readonly isThere: boolean;
}

/** A message for a user of this server, in one of the forms in which it is stored or read. */
export interface LocalMessage {
  /** The positions of its parts. They are incomplete only if {@linkcode LocalMessage.write} is set. */
  readonly fields: MessageFields | BatchFields | MessageIdentity;
  /** The frame of a batch, which is delivered unchanged. Set for a batch only. */
  readonly batch?: Frame;
  /** Set for a durable message only. */
  readonly durable?: DurableCopy;
  /** Writes the message to a user who reads frames. Set if the message is available as a whole frame. */
  readonly write?: () => void;
}

/** The result of a local delivery. */
export type Delivery =
  /** The message was written to the user's connection, now or before. */
  | "written"
  /** The message was written to a client that acknowledges nothing. */
  | "sent"
  /** The message was delivered before. Of a batch, at least one message was. */
  | "duplicate"
  /** The user does not have the durable message that must come before this one. */
  | "out-of-order"
  /** Too much data waits to be sent to the user. */
  | "congested";

/** Delivers messages to the users of one server. */
export class LocalDelivery {
  readonly #context: Context;
  readonly #backPressure: BackPressure;
  /**
   * Durable messages that were delivered. They have a table of their own, so that ephemeral ones cannot
   * evict them.
   */
  readonly #delivered: SeenMessages;
  /** Ephemeral messages, and durable ones that may also arrive as ephemeral copies. */
  readonly #seen: SeenMessages;
  /** Durable messages that were sent to legacy programs, which acknowledge nothing. */
  readonly #unconfirmed = new SeenIds();

  /**
   * Creates the local delivery of one server.
   *
   * @param seen The ephemeral messages that were delivered before, shared with the fast paths.
   * @param factors The hash factors for {@linkcode SeenMessages}.
   */
  constructor(
    context: Context,
    backPressure: BackPressure,
    seen: SeenMessages,
    factors: NameFactors,
  ) {
    this.#context = context;
    this.#backPressure = backPressure;
    this.#seen = seen;
    this.#delivered = new SeenMessages(factors, context.host.random);
  }

  /**
   * Delivers a message to a user once: a single message, a batch or a durable message, as frames or as
   * text. A batch is delivered as a whole or not at all, and only to users who accept batches.
   *
   * @param from The connection on which it arrived; `undefined` if this server stores it.
   */
  deliver(user: User, message: LocalMessage, from: Connection | undefined): Delivery {
    const { fields, durable } = message;
    invariant(
      !message.batch || (user.readsBatches && !durable),
      "a batch is for users who read batches",
    );
    // A duplicate is dropped. The next durable message may name it as its predecessor.
    if (durable) {
      if (this.wasDelivered(fields as MessageIdentity)) {
        this.markDelivered(durable.id);
        this.#context.counters.duplicates++;
        return "duplicate";
      }
      if (durable.previous !== NIL_UUID && !this.#has(user, durable.previous)) {
        return "out-of-order";
      }
    }
    const { now } = this.#context;
    if (from && !this.#backPressure.mayWrite(from, user.connection, now)) return "congested";
    if (durable?.origin !== undefined && user.unacknowledged >= LIMITS.unacknowledged.default) {
      if (!user.isUnacknowledged(durable.id)) return "congested";
    }
    if (!durable) {
      if (!this.#isNew(fields)) {
        // The messages of a batch then follow one by one.
        if (!message.batch) this.#context.counters.duplicates++;
        return "duplicate";
      }
    } else {
      // An ephemeral copy may arrive from a legacy server.
      if (isSequenceId(fields.idWords, 0)) this.#isNew(fields);
      if (user.readsText) this.markSent(durable.id);
      else {
        const { origin } = durable;
        const isFirst = origin === undefined || user.awaitAcknowledgement(durable.id, origin);
        if (!isFirst || durable.isThere) {
          this.#context.counters.duplicates++;
          return "written";
        }
      }
    }
    this.#context.counters.messagesDelivered += fields instanceof BatchFields ? fields.count : 1;
    write(user, message);
    return durable && user.readsText ? "sent" : "written";
  }

  /** Returns whether a durable message, or an ephemeral copy of it, was delivered here. */
  wasDelivered({ idWords, bytes, sender, end }: MessageIdentity): boolean {
    return this.#delivered.has(idWords, 0, bytes, sender, end) ||
      (!isSequenceId(idWords, 0) && this.#seen.table.has(idWords, 0));
  }

  /**
   * Returns whether a message of a user was delivered here.
   *
   * @param bytes The name of the user in UTF-8, with a NUL at the end.
   * @param id The message's id, a UUID in text.
   */
  wasDeliveredFrom(bytes: Uint8Array, id: string): boolean {
    return this.wasDelivered({ idWords: wordsOf(id), bytes, sender: 0, end: bytes.length });
  }

  /**
   * Records that a durable message was delivered here.
   *
   * @param id The message's id, a UUID in text.
   */
  markDelivered(id: string): void {
    const words = wordsOf(id);
    this.#delivered.table.add(words, 0);
    // A sequence id is found by its number.
    if (!isSequenceId(words, 0)) this.#seen.table.add(words, 0);
  }

  /**
   * Records that a durable message was delivered here. For sequence ids this is faster than
   * {@linkcode LocalDelivery.markDelivered}, because it does not format the id as text.
   */
  markDeliveredFrom(identity: MessageIdentity, message: { readonly id: string }): void {
    const { idWords, bytes, sender, end } = identity;
    if (isSequenceId(idWords, 0)) this.#delivered.add(idWords, 0, bytes, sender, end);
    else this.markDelivered(message.id);
  }

  /**
   * Records that a durable message was sent to a legacy program, which acknowledges nothing.
   *
   * @param id The message's id, a UUID in text.
   */
  markSent(id: string): void {
    this.markDelivered(id);
    this.#unconfirmed.add(id, this.#context.now);
  }

  /**
   * Returns the receipt for a durable message that was delivered here.
   *
   * @param id The message's id, a UUID in text.
   */
  receiptFor(id: string): Receipt {
    return this.#unconfirmed.has(id) ? sent(id) : delivered(id);
  }

  /** Returns whether a user has a durable message, acknowledged or not. */
  #has(user: User, id: string): boolean {
    if (user.isUnacknowledged(id)) return true;
    const words = wordsOf(id);
    return this.#delivered.table.has(words, 0) || this.#seen.table.has(words, 0);
  }

  /** Remembers a message or all messages of a batch. Returns whether all of them are new. */
  #isNew(fields: BatchFields | MessageIdentity): boolean {
    if (fields instanceof BatchFields) return this.#seen.addBatch(fields);
    return this.#seen.add(fields.idWords, 0, fields.bytes, fields.sender, fields.end);
  }
}

/** Writes a message in the form that the user reads. */
function write(user: User, { fields, batch, durable, write: writeReady }: LocalMessage): void {
  const { out } = user;
  if (batch) out.forward(batch, 0);
  else if (writeReady) writeReady();
  else if (user.readsText) {
    const { bytes, sender, senderEnd, text, end } = fields as MessageFields;
    out.raw(bytes, sender, senderEnd);
    out.raw(SEPARATOR);
    out.raw(bytes, text, end);
  } else {
    const { bytes, id, end } = fields as MessageFields;
    out.begin(FrameType.Message, durable ? MessageKind.Durable : MessageKind.Ephemeral);
    out.bytes(bytes, id, end);
    out.end();
  }
}

const words = new Int32Array(4);

/** Returns the 16 bytes of an id as four numbers, valid until the next call. */
function wordsOf(id: string): Int32Array {
  return uuidWords(id, words);
}
