/**
 * Queues the durable messages that a user sends, until they are settled. Sends unaccepted messages again on
 * the next connection. Owns the limits on what is in flight, and the order. `send_deadlines.ts` owns when a message
 * fails because nobody answers. Does not know sockets or clocks.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  invariant,
  MessageKind,
  NetlabError,
  ReceiptCursor,
  ReceiptState,
  writeMessageWithId,
} from "@netlab/protocol/codec";
import { IdTable } from "../../dedup/tables/id_table.ts";
import { type Notice, noticeIn, refusal } from "../notice.ts";
import { SendDeadlines } from "./send_deadlines.ts";
import { queryOutcomes } from "./outcome_queries.ts";
import type { SessionConnection } from "../session_connection.ts";
import {
  type DeliveryStatus,
  type NewMessage,
  type SendListener,
  UnsettledMessage,
} from "./unsettled_message.ts";

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
/** How often the queue looks for outcomes to query: milliseconds. */
const QUERY_CHECK_MS = 1_000;
/** The number of unsent bytes on the connection at which the queue stops writing. */
const MAX_WAITING_BYTES = 256 * 1024;
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
  /** How many messages were written, on all connections. */
  #written = 0;
  /** The lowest number of a message for which a receipt arrived since the last tick. */
  #answered = Infinity;
  #onAllAccepted: (() => void) | undefined;
  #onRoom: (() => void) | undefined;
  readonly #cursor = new ReceiptCursor();
  readonly #deadlines = new SendDeadlines(
    this.#unsettled,
    (unsettled, error) => this.#settle(unsettled, error),
  );

  /** Makes an empty queue. `now` is the current time in milliseconds. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Whether messages wait for a server to accept them. */
  get isWaiting(): boolean {
    return this.#unaccepted > 0;
  }

  /** Calls `callback` as soon as every sent message is accepted or refused. */
  whenAllAccepted(callback: () => void): void {
    this.#onAllAccepted = callback;
    if (this.#unaccepted === 0) callback();
  }

  /**
   * Calls `callback` once, as soon as every message was written to a server or has failed. Replaces the
   * callback of an earlier call.
   */
  whenRoom(callback: () => void): void {
    this.#onRoom = callback;
    this.#tellRoom();
  }

  /**
   * Sends a message now or on the next connection. The message fails if the server does not accept it within
   * `timeoutMs` milliseconds after it has read the message, or when there has been no connection for so long.
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

  /** Whether a message with this id is not settled: four 32-bit numbers, big-endian. */
  has(id: Int32Array): boolean {
    return this.#byId.find(id, 0) !== undefined;
  }

  /** Asks for the outcome of a message that a server accepted in an earlier session of this user. */
  follow(id: Int32Array, message: NewMessage, listener: SendListener): void {
    const unsettled = new UnsettledMessage(id, message, 0, listener);
    unsettled.isAccepted = true;
    unsettled.text = "";
    unsettled.queryAfterMs = 0;
    this.#byId.add(unsettled);
    this.#unsettled.add(unsettled);
    this.#queryOutcomes();
  }

  /** Makes a connection the current one. Sends the messages that are not accepted again, in order. */
  attach(connection: SessionConnection): void {
    if (this.#connection) this.#moved();
    this.#connection = connection;
    this.#deadlines.attach(connection);
    this.#unsent.clear();
    this.#inFlightBytes = 0;
    for (const unsettled of this.#unsettled) {
      unsettled.isElsewhere ||= unsettled.bytes > 0;
      unsettled.bytes = 0;
      unsettled.deadline = undefined;
      // The receipts may have been lost with the previous connection.
      if (unsettled.isAccepted) unsettled.queryAfterMs = 0;
      else this.#unsent.add(unsettled);
    }
    this.pump();
    this.#queryOutcomes();
  }

  /** Handles the end of a connection. */
  detach(connection: SessionConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#deadlines.detach();
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
    this.#tellRoom();
  }

  /**
   * Fails messages that were not accepted in time, and queries missing receipts. Call it regularly. `now` is
   * the current time in milliseconds.
   */
  tick(now: number): void {
    this.#deadlines.passed(now - this.#now);
    this.#now = now;
    if (this.#acceptedElsewhere.size > 0 && now - this.#movedAt >= ORDER_AFTER_MOVE_MS) {
      this.#acceptedElsewhere.clear();
      this.pump();
    }
    if (now - this.#checkedAt >= QUERY_CHECK_MS) {
      this.#checkedAt = now;
      this.#queryOutcomes();
    }
    if (this.#connection) {
      this.#deadlines.check(this.#written, this.#answered);
      this.#answered = Infinity;
    } else this.#deadlines.checkAlone();
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

  #tellRoom(): void {
    if (this.#onRoom === undefined || this.#unsent.size > 0) return;
    const tell = this.#onRoom;
    this.#onRoom = undefined;
    tell();
  }

  /** Returns whether one more message may be written now. */
  #mayWrite(): boolean {
    const connection = this.#connection;
    return connection !== undefined && this.#unaccepted - this.#unsent.size < MAX_IN_FLIGHT &&
      this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && connection.out.length < MAX_WAITING_BYTES;
  }

  /** Returns whether another server may still deliver an earlier message to the recipient of this one. */
  #mustWait({ recipient }: UnsettledMessage): boolean {
    return this.#acceptedElsewhere.size > 0 && this.#acceptedElsewhere.has(recipient);
  }

  #write(unsettled: UnsettledMessage, { out, receipts }: SessionConnection): void {
    const before = out.length;
    try {
      const kind = receipts ? MessageKind.Durable : MessageKind.Ephemeral;
      writeMessageWithId(out, unsettled, unsettled, kind);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      return this.#settle(unsettled, error);
    }
    unsettled.bytes = out.length - before;
    unsettled.number = ++this.#written;
    this.#inFlightBytes += unsettled.bytes;
    // A legacy server sends no receipts, so the outcome will never be known.
    if (!receipts) this.#settle(unsettled, "sent");
  }

  #apply(receipt: ReceiptCursor, unsettled: UnsettledMessage): void {
    const { state } = receipt;
    const { recipient } = unsettled;
    this.#answered = Math.min(this.#answered, unsettled.number);
    if (state === ReceiptState.Accepted) this.#accept(unsettled, noticeIn(receipt, recipient));
    else if (state === ReceiptState.Delivered) {
      const isSent = receipt.code === ErrorCode.Unconfirmed;
      this.#settle(unsettled, isSent ? "sent" : "delivered", noticeIn(receipt, recipient));
    } else if (state === ReceiptState.Refused) {
      this.#settle(unsettled, refusal(receipt, unsettled));
    } else if (state === ReceiptState.Expired) {
      const reason = `Cannot deliver to ${recipient}: the message waited for too long`;
      this.#settle(unsettled, new NetlabError(ErrorCode.TimedOut, reason));
    }
  }

  #accept(unsettled: UnsettledMessage, notice: Notice | undefined): void {
    if (unsettled.isAccepted) return;
    unsettled.isAccepted = true;
    unsettled.text = "";
    unsettled.queriedAt = this.#now;
    this.#endFlight(unsettled);
    unsettled.listener.accepted(undefined, notice);
  }

  #settle(
    unsettled: UnsettledMessage,
    outcome: DeliveryStatus | NetlabError,
    notice?: Notice,
  ): void {
    const { listener, recipient } = unsettled;
    this.#byId.delete(unsettled);
    this.#unsettled.delete(unsettled);
    if (this.#acceptedElsewhere.size > 0) {
      const elsewhere = this.#acceptedElsewhere.get(recipient);
      if (elsewhere?.delete(unsettled) && elsewhere.size === 0) {
        this.#acceptedElsewhere.delete(recipient);
      }
    }
    if (!unsettled.isAccepted) {
      listener.accepted(outcome instanceof NetlabError ? outcome : undefined, notice);
      this.#endFlight(unsettled);
    }
    listener.settled(outcome);
  }

  /** Queries the outcomes that are missing, because their receipts may be lost. */
  #queryOutcomes(): void {
    const connection = this.#connection;
    if (!connection?.receipts) return;
    queryOutcomes(this.#unsettled, connection.out, this.#now, MAX_WAITING_BYTES);
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
      const { recipient } = unsettled;
      const others = this.#acceptedElsewhere.get(recipient);
      if (others) others.add(unsettled);
      else this.#acceptedElsewhere.set(recipient, new Set([unsettled]));
    }
  }

  /** Updates the counters after a message was accepted or refused, so that it is no longer in flight. */
  #endFlight(unsettled: UnsettledMessage): void {
    this.#unaccepted--;
    if (this.#unsent.size > 0 && this.#unsent.delete(unsettled)) this.#tellRoom();
    this.#inFlightBytes -= unsettled.bytes;
    unsettled.bytes = 0;
    invariant(this.#unaccepted >= 0 && this.#inFlightBytes >= 0, "no more ends than is in flight");
    if (this.#unaccepted === 0) this.#onAllAccepted?.();
  }
}
