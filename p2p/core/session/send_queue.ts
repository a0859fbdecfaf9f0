/**
 * The sending half of a user's session: durable messages that are not settled, and what to send again on
 * the next connection. Owns how much may be in flight; knows no sockets and no clock.
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

/** How many messages may be sent and not accepted at one time. */
const MAX_IN_FLIGHT = 4_096;
/** How many bytes these may have: half of what a server stores for a recipient that does not keep up. */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;
/** How long messages wait after a move for earlier ones that the old server still delivers: milliseconds. */
const ORDER_AFTER_MOVE_MS = 1_000;
/** How long after its acceptance an outcome is queried; twice as long each time: milliseconds. */
const QUERY_AFTER_MS = 5_000;
/** How long the time between two queries may become: milliseconds. */
const MAX_QUERY_AFTER_MS = 10 * 60_000;
/** How often the queue looks for outcomes to query: milliseconds. */
const QUERY_CHECK_MS = 1_000;
/** Nothing more is written while this many bytes wait to leave. */
const MAX_WAITING_BYTES = 256 * 1024;

/**
 * How far a settled message got: `delivered`, the recipient's client has acknowledged it; `sent`, it was
 * handed to a legacy server or client, which confirms nothing.
 */
export type DeliveryStatus = "delivered" | "sent";

/** Is told what becomes of a message that was sent. */
export interface SendListener {
  /** The network has stored the message, or has refused it with this error. */
  accepted(error?: NetlabError): void;
  /** The message is settled: how far it got, or why it will never arrive. Called after `accepted`. */
  settled(outcome: DeliveryStatus | NetlabError): void;
}

/** What a session needs of a connection to a server. */
export interface SessionConnection {
  /** Where frames are written. */
  readonly out: FrameWriter;
  /** Whether the server stores messages and sends receipts. Legacy servers do not. */
  readonly receipts: boolean;
  /** Whether the server reads batches. */
  readonly batches: boolean;
}

/** A message to be sent. Its id is passed as numbers. */
export type NewMessage = Omit<Message, "id">;

/** A message that was passed to {@linkcode SendQueue.send} and is not settled. */
class UnsettledMessage implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Whether the network has stored it. */
  isAccepted = false;
  /** When it fails if it is not accepted by then; set by the first tick: milliseconds. */
  deadline: number | undefined = undefined;
  /** Its size on the current connection, or 0 if it was not written there: bytes. */
  bytes = 0;
  /** How long after {@linkcode queriedAt} its outcome is queried: milliseconds. */
  queryAfterMs = QUERY_AFTER_MS;
  /** When it was accepted, or its outcome was last queried: milliseconds. */
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
  /** The same messages in the order in which they were sent. */
  readonly #unsettled = new Set<UnsettledMessage>();
  /** Those of them that were not written to the current connection, in order. None is accepted. */
  readonly #unsent = new Set<UnsettledMessage>();
  /** How many of the unsettled messages are not accepted. */
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

  /** An empty queue; `now` is the time in milliseconds. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Calls `callback` as soon as every message that was sent is accepted or refused. */
  whenAllAccepted(callback: () => void): void {
    this.#onAllAccepted = callback;
    if (this.#unaccepted === 0) callback();
  }

  /**
   * Sends a message, now or on the next connection. It fails if it is not accepted within `timeoutMs`
   * milliseconds of the next tick.
   *
   * @param id A UUID as four numbers of 32 bits, big-endian.
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

  /** Sends what is not accepted again on this connection, in order. It is the current one from now on. */
  attach(connection: SessionConnection): void {
    if (this.#connection) this.#moved();
    this.#connection = connection;
    this.#unsent.clear();
    this.#inFlightBytes = 0;
    for (const unsettled of this.#unsettled) {
      unsettled.bytes = 0;
      // The receipts may have been lost with the connection before.
      if (unsettled.isAccepted) unsettled.queryAfterMs = 0;
      else this.#unsent.add(unsettled);
    }
    this.pump();
    this.#queryReceipts();
  }

  /** A connection has ended. */
  detach(connection: SessionConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** A frame with receipts came in. */
  receipts(frame: Frame): void {
    const cursor = this.#cursor.begin(frame);
    while (cursor.next()) {
      const unsettled = this.#byId.find(cursor.id, 0);
      if (unsettled) this.#apply(cursor, unsettled);
    }
    if (this.#unsent.size > 0) this.pump();
  }

  /** Writes as much as is allowed. Called when there is room again. */
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

  /** Time has passed: messages that were not accepted in time fail, and missing receipts are queried. */
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

  /** Fails all messages: first those that are not accepted. */
  end(error: NetlabError): void {
    this.#connection = undefined;
    for (const isAccepted of [false, true]) {
      for (const unsettled of this.#unsettled) {
        if (unsettled.isAccepted === isAccepted) this.#settle(unsettled, error);
      }
    }
  }

  /**
   * Checks the invariants of the queue; only for tests and the simulator.
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

  /** Whether one more message may be written now. */
  #mayWrite(): boolean {
    const connection = this.#connection;
    return connection !== undefined && this.#unaccepted - this.#unsent.size < MAX_IN_FLIGHT &&
      this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && connection.out.length < MAX_WAITING_BYTES;
  }

  /** Whether another server may still deliver an earlier message to the same recipient. */
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
    // A legacy server sends no receipts, so nothing more will be known.
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

  /** Queries the outcomes of messages that should be settled by now: their receipts may be lost. */
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

  /** There is a new connection while the one before still exists: remembers what its server may deliver. */
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

  /** A message was accepted or refused, so it is not in flight any more. */
  #endFlight(unsettled: UnsettledMessage): void {
    this.#unaccepted--;
    if (this.#unsent.size > 0) this.#unsent.delete(unsettled);
    this.#inFlightBytes -= unsettled.bytes;
    unsettled.bytes = 0;
    invariant(this.#unaccepted >= 0 && this.#inFlightBytes >= 0, "no more ends than is in flight");
    if (this.#unaccepted === 0) this.#onAllAccepted?.();
  }
}
