/**
 * Queues the durable messages that a user sends, until they are settled. Sends unaccepted messages again on
 * the next connection. Owns the limits on what is in flight. Does not know sockets or clocks.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  type FrameWriter,
  invariant,
  MAX_IDS_PER_QUERY,
  type Message,
  type MessageId,
  MessageKind,
  NetlabError,
  NIL_UUID,
  readUuidOf,
  ReceiptCursor,
  ReceiptState,
  writeMessageWithId,
  writeReceiptQuery,
} from "@netlab/protocol/codec";
import { IdTable } from "../dedup/id_table.ts";

/** The most messages that may be sent but not accepted. */
const MAX_IN_FLIGHT = 4_096;
/**
 * The most bytes that may be sent but not accepted. A server that waits for a slow recipient defers receipts
 * for at most twice as many bytes of each sender.
 */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;
/**
 * How long messages wait after a move for earlier messages that the old server may still deliver:
 * milliseconds.
 */
const ORDER_AFTER_MOVE_MS = 1_000;
/**
 * The time from the acceptance of a message to the first query for its outcome: milliseconds. It doubles
 * after each query.
 */
const QUERY_AFTER_MS = 5_000;
/** The longest time between two queries for one message: milliseconds. */
const MAX_QUERY_AFTER_MS = 10 * 60_000;
/** How often the queue looks for outcomes to query: milliseconds. */
const QUERY_CHECK_MS = 1_000;
/** The number of unsent bytes on the connection at which the queue stops writing. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * How far a settled message got. `delivered` means that the recipient's client acknowledged it. `sent` means
 * that it was passed to a legacy server or client, which does not confirm messages.
 */
export type DeliveryStatus = "delivered" | "sent";

/** Receives the outcome of a sent message. */
export interface SendListener {
  /** Called when the network has stored the message, or has refused it with an error. */
  accepted(error?: NetlabError): void;
  /**
   * Called when the message is settled, after `accepted`. `outcome` is how far it got, or the error that
   * stopped it.
   */
  settled(outcome: DeliveryStatus | NetlabError): void;
}

/** The parts of a connection to a server that a session uses. */
export interface SessionConnection {
  /** The writer for frames to the server. */
  readonly out: FrameWriter;
  /** Whether the server stores messages and sends receipts. Legacy servers do neither. */
  readonly receipts: boolean;
  /** Whether the server reads batches. */
  readonly batches: boolean;
}

/** A message to send, without its id, which is passed as numbers. */
export type NewMessage = Omit<Message, "id">;

/** A message that was passed to {@linkcode SendQueue.send} and is not settled. */
class UnsettledMessage implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Whether the network has stored the message. */
  isAccepted = false;
  /** The time at which the message fails unless it is accepted: milliseconds. The first tick sets it. */
  deadline: number | undefined = undefined;
  /** The size of the message on the current connection: bytes. 0 if it was not written there. */
  bytes = 0;
  /** The time from {@linkcode queriedAt} to the next query for the outcome: milliseconds. */
  queryAfterMs = QUERY_AFTER_MS;
  /** The time at which the message was accepted or its outcome was last queried: milliseconds. */
  queriedAt = 0;

  constructor(
    id: Int32Array,
    readonly message: NewMessage,
    readonly timeoutMs: number,
    readonly listener: SendListener,
  ) {
    this.id0 = id[0]!;
    this.id1 = id[1]!;
    this.id2 = id[2]!;
    this.id3 = id[3]!;
  }
}

/** The durable messages that one user sends. */
export class SendQueue {
  readonly #byId = new IdTable<UnsettledMessage>();
  /** All unsettled messages, in the order in which they were sent. */
  readonly #unsettled = new Set<UnsettledMessage>();
  /**
   * The unaccepted messages that were not written to the current connection, in the order in which they were
   * sent.
   */
  readonly #unsent = new Set<UnsettledMessage>();
  /** The number of unaccepted messages. */
  #unaccepted = 0;
  #inFlightBytes = 0;
  /** Messages that an earlier server accepted and may still deliver, by recipient. */
  readonly #acceptedElsewhere = new Map<string, Set<UnsettledMessage>>();
  #movedAt = 0;
  #checkedAt = 0;
  #connection: SessionConnection | undefined;
  #now: number;
  #onAllAccepted: (() => void) | undefined;
  readonly #cursor = new ReceiptCursor();

  /** Makes an empty queue. `now` is the current time in milliseconds. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Whether messages were written that the server has not accepted. */
  get isWaiting(): boolean {
    return this.#unaccepted > this.#unsent.size;
  }

  /** Calls `callback` as soon as every sent message is accepted or refused. */
  whenAllAccepted(callback: () => void): void {
    this.#onAllAccepted = callback;
    if (this.#unaccepted === 0) callback();
  }

  /**
   * Sends a message now or on the next connection. The message fails if it is not accepted within `timeoutMs`
   * milliseconds of the next tick.
   *
   * @param id The id of the message as four 32-bit numbers, big-endian.
   */
  send(id: Int32Array, message: NewMessage, timeoutMs: number, listener: SendListener): void {
    const unsettled = new UnsettledMessage(id, message, timeoutMs, listener);
    const atOnce = this.#unsent.size === 0 && this.#mayWrite() && !this.#mustWait(unsettled);
    this.#byId.add(unsettled);
    this.#unsettled.add(unsettled);
    this.#unaccepted++;
    if (atOnce) this.#write(unsettled, this.#connection!);
    else {
      this.#unsent.add(unsettled);
      this.pump();
    }
  }

  /** Makes a connection the current one. Sends the messages that are not accepted again, in order. */
  attach(connection: SessionConnection): void {
    if (this.#connection) this.#moved();
    this.#connection = connection;
    this.#unsent.clear();
    this.#inFlightBytes = 0;
    for (const unsettled of this.#unsettled) {
      unsettled.bytes = 0;
      // The receipts may have been lost with the previous connection.
      if (unsettled.isAccepted) unsettled.queryAfterMs = 0;
      else this.#unsent.add(unsettled);
    }
    this.pump();
    this.#queryReceipts();
  }

  /** Handles the end of a connection. */
  detach(connection: SessionConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** Handles a frame with receipts. */
  receipts(frame: Frame): void {
    const cursor = this.#cursor.begin(frame);
    while (cursor.next()) {
      const unsettled = this.#byId.find(cursor.id, 0);
      if (unsettled) this.#apply(cursor, unsettled);
    }
    if (this.#unsent.size > 0) this.pump();
  }

  /** Writes as much as is allowed. Call it when the connection has room again. */
  pump(): void {
    const connection = this.#connection;
    if (!connection) return;
    for (const unsettled of this.#unsent) {
      if (!this.#mayWrite()) return;
      if (this.#mustWait(unsettled)) continue;
      this.#unsent.delete(unsettled);
      this.#write(unsettled, connection);
    }
  }

  /**
   * Fails messages that were not accepted in time, and queries missing receipts. Call it regularly. `now` is
   * the current time in milliseconds.
   */
  tick(now: number): void {
    this.#now = now;
    if (this.#acceptedElsewhere.size > 0 && now - this.#movedAt >= ORDER_AFTER_MOVE_MS) {
      this.#acceptedElsewhere.clear();
      this.pump();
    }
    if (now - this.#checkedAt >= QUERY_CHECK_MS) {
      this.#checkedAt = now;
      this.#queryReceipts();
    }
    for (const unsettled of this.#unsettled) {
      if (unsettled.isAccepted) continue;
      unsettled.deadline ??= now + unsettled.timeoutMs;
      if (now < unsettled.deadline) continue;
      const { recipient } = unsettled.message;
      this.#settle(
        unsettled,
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot tell whether ${recipient} will get the message: no server confirmed it in time`,
        ),
      );
    }
  }

  /** Fails all messages, the unaccepted ones first. */
  end(error: NetlabError): void {
    this.#connection = undefined;
    for (const isAccepted of [false, true]) {
      for (const unsettled of this.#unsettled) {
        if (unsettled.isAccepted === isAccepted) this.#settle(unsettled, error);
      }
    }
  }

  /**
   * Checks the invariants of the queue. Only for tests and the simulator.
   *
   * @throws {Error} When its collections and counters disagree.
   */
  check(): void {
    this.#byId.check();
    let unaccepted = 0;
    let bytes = 0;
    for (const unsettled of this.#unsettled) {
      if (this.#byId.get(unsettled) !== unsettled) throw new Error("An id is not in the table");
      if (!unsettled.isAccepted) unaccepted++;
      bytes += unsettled.bytes;
    }
    for (const unsettled of this.#unsent) {
      if (!this.#unsettled.has(unsettled)) throw new Error("An unsent message is settled");
      if (unsettled.isAccepted) throw new Error("An unsent message is accepted");
    }
    const counted =
      `${this.#byId.size} ids, ${this.#unaccepted} open, ${this.#inFlightBytes} bytes`;
    const expected = `${this.#unsettled.size} ids, ${unaccepted} open, ${bytes} bytes`;
    if (counted !== expected) throw new Error(`Counted ${counted}, expected ${expected}`);
  }

  /** Returns whether one more message may be written now. */
  #mayWrite(): boolean {
    const connection = this.#connection;
    return connection !== undefined && this.#unaccepted - this.#unsent.size < MAX_IN_FLIGHT &&
      this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && connection.out.length < MAX_WAITING_BYTES;
  }

  /** Returns whether another server may still deliver an earlier message to the recipient of this one. */
  #mustWait({ message }: UnsettledMessage): boolean {
    return this.#acceptedElsewhere.size > 0 && this.#acceptedElsewhere.has(message.recipient);
  }

  #write(unsettled: UnsettledMessage, { out, receipts }: SessionConnection): void {
    const before = out.length;
    try {
      const kind = receipts ? MessageKind.Durable : MessageKind.Ephemeral;
      writeMessageWithId(out, unsettled, unsettled.message, kind);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      return this.#settle(unsettled, error);
    }
    unsettled.bytes = out.length - before;
    this.#inFlightBytes += unsettled.bytes;
    // A legacy server sends no receipts, so the outcome will never be known.
    if (!receipts) this.#settle(unsettled, "sent");
  }

  #apply(receipt: ReceiptCursor, unsettled: UnsettledMessage): void {
    const { state } = receipt;
    if (state === ReceiptState.Accepted) this.#accept(unsettled);
    else if (state === ReceiptState.Delivered) {
      this.#settle(unsettled, receipt.code === ErrorCode.Unconfirmed ? "sent" : "delivered");
    } else if (state === ReceiptState.Refused) {
      this.#settle(unsettled, new NetlabError(receipt.code, receipt.reason));
    } else if (state === ReceiptState.Expired) {
      const { recipient } = unsettled.message;
      const reason = `Cannot deliver to ${recipient}: the message waited for too long`;
      this.#settle(unsettled, new NetlabError(ErrorCode.TimedOut, reason));
    }
  }

  #accept(unsettled: UnsettledMessage): void {
    if (unsettled.isAccepted) return;
    unsettled.isAccepted = true;
    unsettled.queriedAt = this.#now;
    this.#endFlight(unsettled);
    unsettled.listener.accepted();
  }

  #settle(unsettled: UnsettledMessage, outcome: DeliveryStatus | NetlabError): void {
    const { listener, message: { recipient } } = unsettled;
    this.#byId.delete(unsettled);
    this.#unsettled.delete(unsettled);
    if (this.#acceptedElsewhere.size > 0) {
      const elsewhere = this.#acceptedElsewhere.get(recipient);
      if (elsewhere?.delete(unsettled) && elsewhere.size === 0) {
        this.#acceptedElsewhere.delete(recipient);
      }
    }
    if (!unsettled.isAccepted) {
      listener.accepted(outcome instanceof NetlabError ? outcome : undefined);
      this.#endFlight(unsettled);
    }
    listener.settled(outcome);
  }

  /** Queries the outcomes of messages that should be settled by now, because their receipts may be lost. */
  #queryReceipts(): void {
    const connection = this.#connection;
    if (!connection?.receipts) return;
    let user = "";
    const ids: string[] = [];
    for (const unsettled of this.#unsettled) {
      const { message, queryAfterMs, id0, id1, id2, id3 } = unsettled;
      if (!unsettled.isAccepted || this.#now - unsettled.queriedAt < queryAfterMs) continue;
      unsettled.queriedAt = this.#now;
      unsettled.queryAfterMs = Math.min(
        Math.max(2 * queryAfterMs, QUERY_AFTER_MS),
        MAX_QUERY_AFTER_MS,
      );
      user = message.sender;
      ids.push(readUuidOf(Int32Array.of(id0, id1, id2, id3)));
    }
    for (let at = 0; at < ids.length; at += MAX_IDS_PER_QUERY) {
      const some = ids.slice(at, at + MAX_IDS_PER_QUERY);
      writeReceiptQuery(connection.out, { to: NIL_UUID, user, ids: some }, 0);
    }
  }

  /**
   * Handles a move to a new connection before the old one has ended. Remembers which messages the old server
   * may still deliver.
   */
  #moved(): void {
    this.#movedAt = this.#now;
    this.#acceptedElsewhere.clear();
    for (const unsettled of this.#unsettled) {
      if (!unsettled.isAccepted) continue;
      const { recipient } = unsettled.message;
      const others = this.#acceptedElsewhere.get(recipient);
      if (others) others.add(unsettled);
      else this.#acceptedElsewhere.set(recipient, new Set([unsettled]));
    }
  }

  /** Updates the counters after a message was accepted or refused, so that it is no longer in flight. */
  #endFlight(unsettled: UnsettledMessage): void {
    this.#unaccepted--;
    if (this.#unsent.size > 0) this.#unsent.delete(unsettled);
    this.#inFlightBytes -= unsettled.bytes;
    unsettled.bytes = 0;
    invariant(this.#unaccepted >= 0 && this.#inFlightBytes >= 0, "no more ends than is in flight");
    if (this.#unaccepted === 0) this.#onAllAccepted?.();
  }
}
