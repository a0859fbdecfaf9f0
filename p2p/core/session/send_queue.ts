/**
 * The sending half of a user's session: what was sent and is not safe yet, what is safe and whose story
 * has not ended, and what to send again on the next connection. Owns how much is under way; knows no
 * sockets and no clock.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  type FrameWriter,
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

/** Messages that are not safe yet and may be under way at one time. */
const MAX_IN_FLIGHT = 4_096;
/** Their bytes: half of what a server takes for a recipient who does not keep up. */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;
/** After a move, how long messages wait for those before them that another server delivers: milliseconds. */
const BEHIND_MS = 1_000;
/** How long the end of a story is waited for until it is asked for; twice as long each time: milliseconds. */
const ASK_AFTER_MS = 5_000;
/** At most so long: milliseconds. */
const ASK_AT_LEAST_MS = 10 * 60_000;
/** How often it is looked for such stories: milliseconds. */
const LOOK_EVERY_MS = 1_000;
/** While so many bytes wait to leave, nothing is added to them. */
const ENOUGH_BYTES = 256 * 1024;

/**
 * How far a message got that is settled well: `delivered`, the recipient's client has acknowledged it;
 * `sent`, it was handed to a legacy server or client, and those confirm nothing.
 */
export type DeliveryStatus = "delivered" | "sent";

/** What whoever sends a message hears of it. */
export interface Outcome {
  /** The network has it safe, or it was refused. */
  accepted(error?: NetlabError): void;
  /** It is settled: how far it got, or why it will never arrive. Comes after `accepted`, if that was good. */
  ended(outcome: DeliveryStatus | NetlabError): void;
}

/** What a connection offers a session. */
export interface Outlet {
  /** Where frames are written. */
  readonly out: FrameWriter;
  /** Whether the server keeps messages and sends receipts; legacy servers do not. */
  readonly receipts: boolean;
  /** Whether the server takes many messages in one frame. */
  readonly batches: boolean;
}

/** A message to be sent: its id is a matter of numbers. */
export type NewMessage = Omit<Message, "id">;

/** A message whose story has not ended: a link of the chain of those, in the order in which they were sent. */
class Sending implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Whether the network has it safe. */
  isSafe = false;
  /** When it is given up, if it is not safe by then; known from the first tick on: milliseconds. */
  deadline: number | undefined = undefined;
  /** What it took on the connection of now: bytes; 0 when it was not written there. */
  bytes = 0;
  /** How long it is waited until it is asked how its story ended; twice as long each time: milliseconds. */
  patienceMs = ASK_AFTER_MS;
  /** When that was asked last, or it was accepted: milliseconds. */
  askedAt = 0;
  before: Sending | undefined = undefined;
  next: Sending | undefined = undefined;

  constructor(
    id: Int32Array,
    readonly message: NewMessage,
    readonly timeoutMs: number,
    readonly outcome: Outcome,
  ) {
    this.id0 = id[0]!;
    this.id1 = id[1]!;
    this.id2 = id[2]!;
    this.id3 = id[3]!;
  }
}

/** What one user sends. */
export class SendQueue {
  /** All whose story has not ended. */
  readonly #sendings = new IdTable<Sending>();
  #first: Sending | undefined;
  #last: Sending | undefined;
  /** How many are not safe yet. */
  #open = 0;
  /** Of those, the ones not yet written to the connection of now; in order. */
  readonly #unsent = new Set<Sending>();
  #inFlightBytes = 0;
  /** Those that are safe at the server of before the last move: by recipient. */
  readonly #elsewhere = new Map<string, Set<Sending>>();
  #movedAt = 0;
  #lookedAt = 0;
  #outlet: Outlet | undefined;
  #now: number;
  #settled: (() => void) | undefined;
  readonly #cursor = new ReceiptCursor();

  /** Nothing was sent yet; `now` is the time in milliseconds. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Calls `settled` as soon as every message that was sent is safe or refused. */
  whenSettled(settled: () => void): void {
    this.#settled = settled;
    if (this.#open === 0) settled();
  }

  /**
   * Sends a message, now or on the next connection; gives up when it is not safe `timeoutMs` milliseconds
   * after the next tick.
   *
   * @param id A UUID as four numbers of 32 bits, big-endian.
   */
  send(id: Int32Array, message: NewMessage, timeoutMs: number, outcome: Outcome): void {
    const sending = new Sending(id, message, timeoutMs, outcome);
    const atOnce = this.#unsent.size === 0 && this.#mayWrite() && !this.#isBehind(sending);
    this.#sendings.add(sending);
    sending.before = this.#last;
    if (this.#last) this.#last.next = sending;
    else this.#first = sending;
    this.#last = sending;
    this.#open++;
    if (atOnce) this.#write(sending, this.#outlet!);
    else {
      this.#unsent.add(sending);
      this.pump();
    }
  }

  /** There is a connection to send on: what is not safe yet is sent again, in order. */
  attach(outlet: Outlet): void {
    if (this.#outlet) this.#moved();
    this.#outlet = outlet;
    this.#unsent.clear();
    this.#inFlightBytes = 0;
    for (const sending of this.#all()) {
      sending.bytes = 0;
      // Receipts may have been lost with the connection of before.
      if (sending.isSafe) sending.patienceMs = 0;
      else this.#unsent.add(sending);
    }
    this.pump();
    this.#ask();
  }

  /** A connection is gone. */
  detach(outlet: Outlet): void {
    if (this.#outlet === outlet) this.#outlet = undefined;
  }

  /** Receipts came in. */
  receipts(frame: Frame): void {
    const cursor = this.#cursor.begin(frame);
    while (cursor.next()) {
      const sending = this.#sendings.find(cursor.id, 0);
      if (sending) this.#settle(sending, cursor);
    }
    if (this.#unsent.size > 0) this.pump();
  }

  /** Writes what may be written: called when there is room again. */
  pump(): void {
    const outlet = this.#outlet;
    if (!outlet) return;
    for (const sending of this.#unsent) {
      if (!this.#mayWrite()) return;
      // Another server still delivers what was sent before: in order, that comes first.
      if (this.#isBehind(sending)) continue;
      this.#unsent.delete(sending);
      this.#write(sending, outlet);
    }
  }

  /** Time has passed: what was not safe in time is given up, and what was not heard of is asked for. */
  tick(now: number): void {
    this.#now = now;
    if (this.#elsewhere.size > 0 && now - this.#movedAt >= BEHIND_MS) {
      this.#elsewhere.clear();
      this.pump();
    }
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      this.#ask();
    }
    for (const sending of this.#all()) {
      if (sending.isSafe) continue;
      sending.deadline ??= now + sending.timeoutMs;
      if (now < sending.deadline) continue;
      const { recipient } = sending.message;
      this.#end(
        sending,
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot tell whether ${recipient} will get the message: no server confirmed it in time`,
        ),
      );
    }
  }

  /** Gives up everything whose story has not ended: first what is not safe. */
  end(error: NetlabError): void {
    this.#outlet = undefined;
    for (const isSafe of [false, true]) {
      for (const sending of this.#all()) {
        if (sending.isSafe === isSafe) this.#end(sending, error);
      }
    }
  }

  /** All whose story has not ended, in order; one that is handed out may be taken out. */
  *#all(): Iterable<Sending> {
    for (let sending = this.#first, next; sending; sending = next) {
      next = sending.next;
      yield sending;
    }
  }

  /** Whether one more may be written now. */
  #mayWrite(): boolean {
    return this.#outlet !== undefined && this.#open - this.#unsent.size < MAX_IN_FLIGHT &&
      this.#inFlightBytes < MAX_IN_FLIGHT_BYTES && this.#outlet.out.length < ENOUGH_BYTES;
  }

  /** Whether messages before it are delivered by the server of before the last move. */
  #isBehind({ message }: Sending): boolean {
    return this.#elsewhere.size > 0 && this.#elsewhere.has(message.recipient);
  }

  #write(sending: Sending, { out, receipts }: Outlet): void {
    const before = out.length;
    try {
      const kind = receipts ? MessageKind.Durable : MessageKind.Ephemeral;
      writeMessageWithId(out, sending, sending.message, kind);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      return this.#end(sending, error);
    }
    sending.bytes = out.length - before;
    this.#inFlightBytes += sending.bytes;
    // A legacy server tells nothing: what was written is all there is to know.
    if (!receipts) this.#end(sending, "sent");
  }

  #settle(sending: Sending, receipt: ReceiptCursor): void {
    const { state } = receipt;
    if (state === ReceiptState.Accepted) this.#accept(sending);
    else if (state === ReceiptState.Delivered) {
      this.#end(sending, receipt.code === ErrorCode.Unconfirmed ? "sent" : "delivered");
    } else if (state === ReceiptState.Refused) {
      this.#end(sending, new NetlabError(receipt.code, receipt.reason));
    } else if (state === ReceiptState.Expired) {
      const { recipient } = sending.message;
      const why = `Cannot deliver to ${recipient}: the message waited for too long`;
      this.#end(sending, new NetlabError(ErrorCode.TimedOut, why));
    }
  }

  #accept(sending: Sending): void {
    if (sending.isSafe) return;
    sending.isSafe = true;
    sending.askedAt = this.#now;
    this.#leave(sending);
    sending.outcome.accepted();
  }

  #end(sending: Sending, outcome: DeliveryStatus | NetlabError): void {
    const { before, next, message: { recipient } } = sending;
    this.#sendings.delete(sending);
    if (before) before.next = next;
    else this.#first = next;
    if (next) next.before = before;
    else this.#last = before;
    // What is collected late would keep all that came after it from being collected early.
    sending.before = sending.next = undefined;
    if (this.#elsewhere.size > 0) {
      const elsewhere = this.#elsewhere.get(recipient);
      if (elsewhere?.delete(sending) && elsewhere.size === 0) this.#elsewhere.delete(recipient);
    }
    if (!sending.isSafe) {
      sending.outcome.accepted(outcome instanceof NetlabError ? outcome : undefined);
      this.#leave(sending);
    }
    sending.outcome.ended(outcome);
  }

  /** Asks how stories ended that should have by now: the receipts may be lost. */
  #ask(): void {
    const outlet = this.#outlet;
    if (!outlet?.receipts) return;
    let user = "";
    const ids: string[] = [];
    for (const sending of this.#all()) {
      if (!sending.isSafe || this.#now - sending.askedAt < sending.patienceMs) continue;
      const { message, patienceMs, id0, id1, id2, id3 } = sending;
      sending.askedAt = this.#now;
      sending.patienceMs = Math.min(Math.max(2 * patienceMs, ASK_AFTER_MS), ASK_AT_LEAST_MS);
      user = message.sender;
      ids.push(readUuidOf(Int32Array.of(id0, id1, id2, id3)));
    }
    for (let at = 0; at < ids.length; at += MAX_IDS_PER_QUERY) {
      const some = ids.slice(at, at + MAX_IDS_PER_QUERY);
      writeReceiptQuery(outlet.out, { to: NIL_UUID, user, ids: some }, 0);
    }
  }

  #moved(): void {
    this.#movedAt = this.#now;
    this.#elsewhere.clear();
    for (const sending of this.#all()) {
      if (!sending.isSafe) continue;
      const { recipient } = sending.message;
      const sendings = this.#elsewhere.get(recipient);
      if (sendings) sendings.add(sending);
      else this.#elsewhere.set(recipient, new Set([sending]));
    }
  }

  /** A message is safe, or was refused: it is under way no more. */
  #leave(sending: Sending): void {
    this.#open--;
    if (this.#unsent.size > 0) this.#unsent.delete(sending);
    this.#inFlightBytes -= sending.bytes;
    sending.bytes = 0;
    if (this.#open === 0) this.#settled?.();
  }
}
