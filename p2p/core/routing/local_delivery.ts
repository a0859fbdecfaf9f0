/**
 * Delivers messages to the users of this server, each message once. Owns which messages were delivered
 * here; does not know where they come from.
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
import type { BackPressure } from "../back_pressure.ts";
import type { Connection } from "../connection.ts";
import type { Context } from "../host.ts";
import type { NameFactors } from "../dedup/name_table.ts";
import { delivered, sent } from "../receipt.ts";
import { SeenIds } from "../dedup/seen_ids.ts";
import { SeenMessages } from "../dedup/seen_messages.ts";
import type { User } from "../users/user.ts";

const SEPARATOR = new TextEncoder().encode(": ");

/** The parts of a message by which a second copy of it is recognized. */
export type MessageIdentity = Pick<MessageFields, "idWords" | "bytes" | "sender" | "end">;

/** What a durable message needs beside its fields. */
export interface DurableCopy {
  /** The message's id, a UUID in text. */
  readonly id: string;
  /** The id of the server that waits for the acknowledgement; `undefined` when it is this one. */
  readonly origin: string | undefined;
  /** The id of the message that the user must have before this one; nil for none. */
  readonly previous: string;
  /** Whether the user's client has a copy already that another server stores. */
  readonly isThere: boolean;
}

/** A message for a user of this server, in the form in which it is here. */
export interface LocalMessage {
  /** Where its parts lie. All of them, unless {@linkcode LocalMessage.write} is set. */
  readonly fields: MessageFields | BatchFields | MessageIdentity;
  /** Set for a batch: the frame, which is delivered as it is. */
  readonly batch?: Frame;
  /** Set for a durable message. */
  readonly durable?: DurableCopy;
  /** Writes the message for a user who reads frames, when it lies ready as one. */
  readonly write?: () => void;
}

/** What became of a message for a user of this server. */
export type Delivery =
  /** It was written to the user's connection, or a copy of it was before. */
  | "written"
  /** It was written to a client that acknowledges nothing. */
  | "sent"
  /** It was delivered before; of a batch, at least one message was. */
  | "duplicate"
  /** The durable message that must come before it is not there. */
  | "out-of-order"
  /** Too much waits for the user. */
  | "congested";

/** Delivers to the users of one server. */
export class LocalDelivery {
  readonly #context: Context;
  readonly #backPressure: BackPressure;
  /** Durable messages that were delivered. Ephemeral ones cannot crowd them out. */
  readonly #delivered: SeenMessages;
  /** Ephemeral messages, and durable ones of which an ephemeral copy may come. */
  readonly #seen: SeenMessages;
  /** Durable messages that were sent to legacy programs, which confirm nothing. */
  readonly #unconfirmed = new SeenIds();

  /** Nothing was delivered yet except what `seen` has; `factors` and `random` are for {@linkcode SeenMessages}. */
  constructor(
    context: Context,
    backPressure: BackPressure,
    seen: SeenMessages,
    factors: NameFactors,
    random: () => number,
  ) {
    this.#context = context;
    this.#backPressure = backPressure;
    this.#seen = seen;
    this.#delivered = new SeenMessages(factors, random);
  }

  /**
   * Delivers a message to a user, once: a single message, a batch or a durable message, as frames or as
   * text. A batch is for users who read batches, and is delivered whole or not at all.
   *
   * @param from The connection on which it came in; `undefined` when this server stores it.
   */
  deliver(user: User, message: LocalMessage, from: Connection | undefined): Delivery {
    const { fields, durable } = message;
    invariant(
      !message.batch || (user.readsBatches && !durable),
      "a batch is for users who read batches",
    );
    // A duplicate is dropped. The next durable message may name it as the one before it.
    if (durable) {
      if (this.wasDelivered(fields as MessageIdentity)) {
        this.markDelivered(durable.id);
        return "duplicate";
      }
      if (durable.previous !== NIL_UUID && !this.#has(user, durable.previous)) {
        return "out-of-order";
      }
    }
    const { now } = this.#context;
    if (from && !this.#backPressure.mayWrite(from, user.connection, now)) return "congested";
    if (!durable) {
      if (!this.#isNew(fields)) return "duplicate";
    } else {
      // An ephemeral copy may come over a legacy server.
      if (isSequenceId(fields.idWords, 0)) this.#isNew(fields);
      if (user.readsText) this.markSent(durable.id);
      else {
        const { origin } = durable;
        const isFirst = origin === undefined || user.awaitAcknowledgement(durable.id, origin);
        if (!isFirst || durable.isThere) return "written";
      }
    }
    write(user, message);
    return durable && user.readsText ? "sent" : "written";
  }

  /** Whether a durable message was delivered here, or an ephemeral copy of it. */
  wasDelivered({ idWords, bytes, sender, end }: MessageIdentity): boolean {
    return this.#delivered.has(idWords, 0, bytes, sender, end) ||
      (!isSequenceId(idWords, 0) && this.#seen.table.has(idWords, 0));
  }

  /** Whether the message with that id, which a user of that name sent, was delivered here. */
  wasDeliveredFrom(sender: string, id: string): boolean {
    const bytes = encoder.encode(`${sender}\0`);
    return this.wasDelivered({ idWords: wordsOf(id), bytes, sender: 0, end: bytes.length });
  }

  /** The durable message with that id was delivered here. */
  markDelivered(id: string): void {
    const words = wordsOf(id);
    this.#delivered.table.add(words, 0);
    // A sequence id is known by its number.
    if (!isSequenceId(words, 0)) this.#seen.table.add(words, 0);
  }

  /** A durable message was delivered here. Faster for sequence ids, as no text is made of the id. */
  markDeliveredFrom(identity: MessageIdentity, message: { readonly id: string }): void {
    const { idWords, bytes, sender, end } = identity;
    if (isSequenceId(idWords, 0)) this.#delivered.add(idWords, 0, bytes, sender, end);
    else this.markDelivered(message.id);
  }

  /** A legacy program was sent the durable message with that id, and confirms nothing. */
  markSent(id: string): void {
    this.markDelivered(id);
    this.#unconfirmed.add(id, this.#context.now);
  }

  /** The receipt for a durable message that was delivered here. */
  receiptFor(id: string): Receipt {
    return this.#unconfirmed.has(id) ? sent(id) : delivered(id);
  }

  /** Whether a user has a durable message, acknowledged or not. */
  #has(user: User, id: string): boolean {
    if (user.isUnacknowledged(id)) return true;
    const words = wordsOf(id);
    return this.#delivered.table.has(words, 0) || this.#seen.table.has(words, 0);
  }

  /** Remembers a message, or all messages of a batch. Returns whether none was remembered before. */
  #isNew(fields: BatchFields | MessageIdentity): boolean {
    if (fields instanceof BatchFields) return this.#seen.addBatch(fields);
    return this.#seen.add(fields.idWords, 0, fields.bytes, fields.sender, fields.end);
  }
}

/** Writes a message as the user reads it. */
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

const encoder = new TextEncoder();
const words = new Int32Array(4);

/** The 16 bytes of an id as four numbers, valid until the next call. */
function wordsOf(id: string): Int32Array {
  return uuidWords(id, words);
}
