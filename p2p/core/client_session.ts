/**
 * A user's side of a session, without a socket: what was sent and has no receipt yet, what to send
 * again on the next connection, and that nothing is seen twice. Owns no connection and no clock; it is
 * told what happened.
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
  type Message,
  MessageKind,
  NetlabError,
  readMessage,
  readReceipts,
  type Receipt,
  ReceiptState,
  writeInformationResponse,
  writeMessage,
} from "@netlab/protocol";
import { SeenIds } from "./seen_ids.ts";

/** Messages without a receipt that may be under way at one time. */
const MAX_UNDER_WAY = 4_096;
/** While so many bytes wait to leave, nothing is added to them. */
const ENOUGH_BYTES = 256 * 1024;

interface Sending {
  readonly message: Message;
  readonly deadline: number;
  readonly done: (error?: NetlabError) => void;
}

/** What a connection offers a session. */
export interface Outlet {
  /** Where frames are written. */
  readonly out: FrameWriter;
  /** Whether the server sends receipts; those of the first generation do not. */
  readonly receipts: boolean;
}

/** The state of one user that outlives connections. */
export class ClientSession {
  readonly #receive: (message: Message) => void;
  readonly #seen = new SeenIds();
  /** In the order in which they were sent. */
  readonly #underWay = new Map<string, Sending>();
  /** Not yet written to the connection of now; in order. */
  readonly #unsent = new Set<Sending>();
  #outlet: Outlet | undefined;
  #now: number;
  #settled: (() => void) | undefined;

  /** A session that hands what it receives to `receive`, each message once. */
  constructor(receive: (message: Message) => void, now: number) {
    this.#receive = receive;
    this.#now = now;
  }

  /** Calls `settled` as soon as every message that was sent has its receipt. */
  whenSettled(settled: () => void): void {
    this.#settled = settled;
    if (this.#underWay.size === 0) settled();
  }

  /**
   * Sends a message, now or on the next connection.
   *
   * @param done Called once: without an error when the recipient's server has handed it over.
   */
  send(message: Message, deadline: number, done: (error?: NetlabError) => void): void {
    const sending = { message, deadline, done };
    this.#underWay.set(message.id, sending);
    this.#unsent.add(sending);
    this.pump();
  }

  /** There is a connection: what has no receipt is sent again, in order. */
  attach(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#unsent.clear();
    for (const sending of this.#underWay.values()) this.#unsent.add(sending);
    this.pump();
  }

  /** The connection is gone. */
  detach(): void {
    this.#outlet = undefined;
  }

  /** A frame came in. Returns whether it was one that a session takes. */
  received(frame: Frame, outlet: Outlet): boolean {
    switch (frame.type) {
      case FrameType.Message:
        this.receive(readMessage(frame.payload));
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

  /** A message came in, in a frame or as bare text. */
  receive(message: Message): void {
    if (this.#seen.has(message.id)) return;
    this.#seen.add(message.id, this.#now);
    this.#receive(message);
  }

  /** Writes what may be written: called when there is room again. */
  pump(): void {
    const outlet = this.#outlet;
    if (!outlet) return;
    for (const sending of this.#unsent) {
      const sent = this.#underWay.size - this.#unsent.size;
      if (sent >= MAX_UNDER_WAY || outlet.out.length >= ENOUGH_BYTES) return;
      this.#unsent.delete(sending);
      const kind = outlet.receipts ? MessageKind.WithReceipts : MessageKind.Plain;
      try {
        writeMessage(outlet.out, sending.message, kind);
        if (outlet.receipts) continue;
        this.#finish(sending);
      } catch (error) {
        if (!(error instanceof NetlabError)) throw error;
        this.#finish(sending, error);
      }
    }
  }

  /** Time has passed: what has waited for too long is given up. */
  tick(now: number): void {
    this.#now = now;
    for (const sending of this.#underWay.values()) {
      if (now < sending.deadline) continue;
      this.#finish(
        sending,
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot tell whether ${sending.message.recipient} got the message: no receipt came in time`,
        ),
      );
    }
  }

  /** Gives up everything that has no receipt. */
  end(error: NetlabError): void {
    this.#outlet = undefined;
    for (const sending of this.#underWay.values()) this.#finish(sending, error);
  }

  #settle({ id, state, code, reason }: Receipt): void {
    const sending = this.#underWay.get(id);
    if (!sending) return;
    if (state === ReceiptState.Delivered) this.#finish(sending);
    else if (state === ReceiptState.Refused) this.#finish(sending, new NetlabError(code, reason));
    else if (state === ReceiptState.Expired) {
      const { recipient } = sending.message;
      this.#finish(
        sending,
        new NetlabError(ErrorCode.TimedOut, `Cannot deliver to ${recipient}: it waited too long`),
      );
    }
  }

  #finish(sending: Sending, error?: NetlabError): void {
    this.#underWay.delete(sending.message.id);
    this.#unsent.delete(sending);
    sending.done(error);
    if (this.#underWay.size === 0) this.#settled?.();
  }
}
