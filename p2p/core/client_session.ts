/**
 * A user's side of a session, without a socket: what was sent and is not safe yet, what to send again
 * on the next connection, what to acknowledge, and that nothing is seen twice. Owns no connection and
 * no clock; it is told what happened.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type Frame,
  FrameType,
  type FrameWriter,
  Information,
  MAX_IDS_PER_QUESTION,
  MAX_RECEIPTS_PER_FRAME,
  type Message,
  MessageKind,
  NetlabError,
  NIL_UUID,
  readMessage,
  readReceipts,
  type Receipt,
  ReceiptState,
  writeInformationResponse,
  writeMessage,
  writeReceiptQuestion,
  writeReceipts,
} from "@netlab/protocol";
import { delivered } from "./receipts.ts";
import { SeenIds } from "./seen_ids.ts";

/** Messages that are not safe yet and may be under way at one time. */
const MAX_UNDER_WAY = 4_096;
/** Their bytes: half of what a server takes for a recipient who does not keep up. */
const MAX_UNDER_WAY_BYTES = 2 * 1024 * 1024;
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

/** What whoever sends a message hears of it. */
export interface Outcome {
  /** The network has it safe, or it was refused. */
  accepted(error?: NetlabError): void;
  /** Its story has ended: its recipient has it, or never will. Comes after `accepted`, if that was good. */
  ended(error?: NetlabError): void;
}

interface Sending {
  readonly message: Message;
  readonly deadline: number;
  readonly outcome: Outcome;
  /** What it took on the connection of now: bytes; 0 when it was not written there. */
  bytes: number;
  /** How long it is waited until it is asked how its story ended; twice as long each time: milliseconds. */
  patienceMs: number;
  /** When that was asked last, or it was accepted: milliseconds. */
  askedAt: number;
}

/** What a connection offers a session. */
export interface Outlet {
  /** Where frames are written. */
  readonly out: FrameWriter;
  /** Whether the server keeps messages and sends receipts; those of the first generation do not. */
  readonly receipts: boolean;
}

/** The state of one user that outlives connections. */
export class ClientSession {
  readonly #receive: (message: Message) => void;
  readonly #seen = new SeenIds();
  /** Received and not yet taken by the program. */
  readonly #untaken = new Set<string>();
  /** Taken and not yet acknowledged. */
  #taken: Receipt[] = [];
  /** Not safe yet; in the order in which they were sent. */
  readonly #underWay = new Map<string, Sending>();
  /** Of those, the ones not yet written to the connection of now; in order. */
  readonly #unsent = new Set<Sending>();
  #underWayBytes = 0;
  /** Safe, and their story has not ended. */
  readonly #accepted = new Map<string, Sending>();
  /** Of those, the ones that are safe at the server of before the last move: ids, by recipient. */
  readonly #elsewhere = new Map<string, Set<string>>();
  #movedAt = 0;
  #lookedAt = 0;
  readonly #outlets = new Set<Outlet>();
  #outlet: Outlet | undefined;
  #now: number;
  #settled: (() => void) | undefined;

  /** A session that hands what it receives to `receive`, each message once. */
  constructor(receive: (message: Message) => void, now: number) {
    this.#receive = receive;
    this.#now = now;
  }

  /** Calls `settled` as soon as every message that was sent is safe or refused. */
  whenSettled(settled: () => void): void {
    this.#settled = settled;
    if (this.#underWay.size === 0) settled();
  }

  /** Sends a message, now or on the next connection; gives up at `deadline` when it is not safe by then. */
  send(message: Message, deadline: number, outcome: Outcome): void {
    const sending = { message, deadline, outcome, bytes: 0, patienceMs: ASK_AFTER_MS, askedAt: 0 };
    this.#underWay.set(message.id, sending);
    this.#unsent.add(sending);
    this.pump();
  }

  /** There is a connection to send on: what is not safe yet is sent again, in order. */
  attach(outlet: Outlet): void {
    if (this.#outlet) this.#moved();
    this.#outlet = outlet;
    this.#outlets.add(outlet);
    this.#unsent.clear();
    this.#underWayBytes = 0;
    for (const sending of this.#underWay.values()) {
      sending.bytes = 0;
      this.#unsent.add(sending);
    }
    this.pump();
    // Receipts may have been lost with the connection of before.
    for (const sending of this.#accepted.values()) sending.patienceMs = 0;
    this.#ask();
  }

  /** A connection is gone. */
  detach(outlet: Outlet): void {
    this.#outlets.delete(outlet);
    if (this.#outlet === outlet) this.#outlet = undefined;
  }

  /** A frame came in. Returns whether it was one that a session takes. */
  received(frame: Frame, outlet: Outlet): boolean {
    switch (frame.type) {
      case FrameType.Message:
        this.receive(readMessage(frame.payload), frame.subtype === MessageKind.WithReceipts);
        return true;
      case FrameType.Receipt:
        for (const receipt of readReceipts(frame.payload)) this.#settle(receipt);
        this.pump();
        return true;
      case FrameType.InformationRequest:
        // A sign of life: the server asks when somebody else wants this user's name.
        writeInformationResponse(
          outlet.out,
          frame.subtype,
          frame.subtype === Information.Capabilities ? [Capability.Session] : [],
        );
        return true;
    }
    return false;
  }

  /** A message came in, in a frame or as bare text; `kept` says that somebody waits to hear of it. */
  receive(message: Message, kept: boolean): void {
    const { id } = message;
    if (this.#seen.has(id)) {
      // It came again, so whoever keeps it did not hear that it was taken.
      if (kept && !this.#untaken.has(id)) this.#taken.push(delivered(id));
      return;
    }
    this.#seen.add(id, this.#now);
    if (kept) this.#untaken.add(id);
    this.#receive(message);
  }

  /** Whether a server keeps a message until it hears that the program has taken it. */
  isKept(id: string): boolean {
    return this.#untaken.has(id);
  }

  /** The program has taken a message: it will be acknowledged. Returns how many wait for that. */
  take(id: string): number {
    if (this.#untaken.delete(id)) this.#taken.push(delivered(id));
    return this.#taken.length;
  }

  /** Acknowledges what was taken, on every connection: any of them may have brought it. */
  acknowledge(): void {
    const taken = this.#taken;
    if (taken.length === 0 || this.#outlets.size === 0) return;
    this.#taken = [];
    for (const { out } of this.#outlets) {
      for (let at = 0; at < taken.length; at += MAX_RECEIPTS_PER_FRAME) {
        writeReceipts(out, taken.slice(at, at + MAX_RECEIPTS_PER_FRAME));
      }
    }
  }

  /** Writes what may be written: called when there is room again. */
  pump(): void {
    const outlet = this.#outlet;
    if (!outlet) return;
    for (const sending of this.#unsent) {
      const sent = this.#underWay.size - this.#unsent.size;
      if (sent >= MAX_UNDER_WAY || this.#underWayBytes >= MAX_UNDER_WAY_BYTES) return;
      const before = outlet.out.length;
      if (before >= ENOUGH_BYTES) return;
      // Another server still delivers what was sent before: in order, that comes first.
      if (this.#elsewhere.has(sending.message.recipient)) continue;
      this.#unsent.delete(sending);
      const kind = outlet.receipts ? MessageKind.WithReceipts : MessageKind.Plain;
      try {
        writeMessage(outlet.out, sending.message, kind);
        sending.bytes = outlet.out.length - before;
        this.#underWayBytes += sending.bytes;
        // The first generation tells nothing: what was written is all there is to know.
        if (!outlet.receipts) this.#end(sending);
      } catch (error) {
        if (!(error instanceof NetlabError)) throw error;
        this.#end(sending, error);
      }
    }
  }

  /** Time has passed: what was not safe in time is given up. */
  tick(now: number): void {
    this.#now = now;
    if (this.#elsewhere.size > 0 && now - this.#movedAt >= BEHIND_MS) {
      this.#elsewhere.clear();
      this.pump();
    }
    // Copies of what was taken long ago are acknowledged too, and no program asks for those.
    this.acknowledge();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      this.#ask();
    }
    for (const sending of this.#underWay.values()) {
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

  /** Gives up everything whose story has not ended. */
  end(error: NetlabError): void {
    this.#outlet = undefined;
    this.#outlets.clear();
    for (const sending of this.#underWay.values()) this.#end(sending, error);
    for (const sending of this.#accepted.values()) this.#end(sending, error);
  }

  #settle({ id, state, code, reason }: Receipt): void {
    const sending = this.#underWay.get(id) ?? this.#accepted.get(id);
    if (!sending) return;
    const { recipient } = sending.message;
    if (state === ReceiptState.Accepted) this.#accept(sending);
    else if (state === ReceiptState.Delivered) this.#end(sending);
    else if (state === ReceiptState.Refused) this.#end(sending, new NetlabError(code, reason));
    else if (state === ReceiptState.Expired) {
      const why = `Cannot deliver to ${recipient}: the message waited for too long`;
      this.#end(sending, new NetlabError(ErrorCode.TimedOut, why));
    }
  }

  #accept(sending: Sending): void {
    if (!this.#underWay.has(sending.message.id)) return;
    this.#accepted.set(sending.message.id, sending);
    sending.askedAt = this.#now;
    this.#leave(sending);
    sending.outcome.accepted();
  }

  #end(sending: Sending, error?: NetlabError): void {
    const { id, recipient } = sending.message;
    if (!this.#accepted.delete(id)) sending.outcome.accepted(error);
    const elsewhere = this.#elsewhere.get(recipient);
    if (elsewhere?.delete(id) && elsewhere.size === 0) this.#elsewhere.delete(recipient);
    this.#leave(sending);
    sending.outcome.ended(error);
  }

  /** Asks how stories ended that should have by now: the receipts may be lost. */
  #ask(): void {
    const outlet = this.#outlet;
    if (!outlet?.receipts) return;
    let user = "";
    const ids: string[] = [];
    for (const sending of this.#accepted.values()) {
      if (this.#now - sending.askedAt < sending.patienceMs) continue;
      const { message, patienceMs } = sending;
      sending.askedAt = this.#now;
      sending.patienceMs = Math.min(Math.max(2 * patienceMs, ASK_AFTER_MS), ASK_AT_LEAST_MS);
      user = message.sender;
      ids.push(message.id);
    }
    for (let at = 0; at < ids.length; at += MAX_IDS_PER_QUESTION) {
      const some = ids.slice(at, at + MAX_IDS_PER_QUESTION);
      writeReceiptQuestion(outlet.out, { to: NIL_UUID, user, ids: some }, 0);
    }
  }

  #moved(): void {
    this.#movedAt = this.#now;
    this.#elsewhere.clear();
    for (const { message: { id, recipient } } of this.#accepted.values()) {
      const ids = this.#elsewhere.get(recipient);
      if (ids) ids.add(id);
      else this.#elsewhere.set(recipient, new Set([id]));
    }
  }

  #leave(sending: Sending): void {
    this.#underWay.delete(sending.message.id);
    this.#unsent.delete(sending);
    this.#underWayBytes -= sending.bytes;
    sending.bytes = 0;
    if (this.#underWay.size === 0) this.#settled?.();
  }
}
