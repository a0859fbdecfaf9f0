/**
 * A user's side of a session, without a socket: what is sent, what to acknowledge, and that nothing is
 * seen twice. Owns no connection and no clock; it is told what happened.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  FrameType,
  Information,
  type Message,
  MessageKind,
  type NetlabError,
  readMessage,
  ReceiptRecords,
  ReceiptState,
  uuidWords,
  writeInformationResponse,
  writeReceipts,
} from "@netlab/protocol";
import { type Outcome, Outgoing, type Outlet } from "./outgoing.ts";
import { ReceivedIds } from "./received_ids.ts";

export type { Outcome, Outlet } from "./outgoing.ts";

/** The state of one user that outlives connections. */
export class ClientSession {
  readonly #receive: (message: Message) => void;
  readonly #outgoing: Outgoing;
  readonly #seen = new ReceivedIds();
  /** Received and not yet taken by the program. */
  readonly #untaken = new Set<string>();
  /** Acknowledgements of what was taken and not yet acknowledged. */
  readonly #taken = new ReceiptRecords();
  #takenCount = 0;
  readonly #words = new Int32Array(4);
  readonly #outlets = new Set<Outlet>();
  #now: number;

  /** A session that hands what it receives to `receive`, each message once. */
  constructor(receive: (message: Message) => void, now: number) {
    this.#receive = receive;
    this.#outgoing = new Outgoing(now);
    this.#now = now;
  }

  /** Calls `settled` as soon as every message that was sent is safe or refused. */
  whenSettled(settled: () => void): void {
    this.#outgoing.whenSettled(settled);
  }

  /** Sends a message, now or on the next connection; gives up at `deadline` when it is not safe by then. */
  send(message: Message, deadline: number, outcome: Outcome): void {
    this.#outgoing.send(message, deadline, outcome);
  }

  /** There is a connection to send on: what is not safe yet is sent again, in order. */
  attach(outlet: Outlet): void {
    this.#outlets.add(outlet);
    this.#outgoing.attach(outlet);
  }

  /** A connection is gone. */
  detach(outlet: Outlet): void {
    this.#outlets.delete(outlet);
    this.#outgoing.detach(outlet);
  }

  /** A frame came in. Returns whether it was one that a session takes. */
  received(frame: Frame, outlet: Outlet): boolean {
    switch (frame.type) {
      case FrameType.Message:
        this.receive(readMessage(frame.payload), frame.subtype === MessageKind.WithReceipts);
        return true;
      case FrameType.Receipt:
        this.#outgoing.receipts(frame);
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
    if (!this.#seen.add(message, this.#now)) {
      // It came again, so whoever keeps it did not hear that it was taken.
      if (kept && !this.#untaken.has(id)) this.#took(id);
      return;
    }
    if (kept) this.#untaken.add(id);
    this.#receive(message);
  }

  /** Whether a server keeps a message until it hears that the program has taken it. */
  isKept(id: string): boolean {
    return this.#untaken.has(id);
  }

  /** The program has taken a message: it will be acknowledged. Returns how many wait for that. */
  take(id: string): number {
    if (this.#untaken.delete(id)) this.#took(id);
    return this.#takenCount;
  }

  /** Acknowledges what was taken, on every connection: any of them may have brought it. */
  acknowledge(): void {
    if (this.#takenCount === 0 || this.#outlets.size === 0) return;
    for (const { out } of this.#outlets) {
      for (const part of this.#taken.parts()) writeReceipts(out, part);
    }
    this.#taken.clear();
    this.#takenCount = 0;
  }

  /** Writes what may be written: called when there is room again. */
  pump(): void {
    this.#outgoing.pump();
  }

  /** Time has passed: what was not safe in time is given up. */
  tick(now: number): void {
    this.#now = now;
    // Copies of what was taken long ago are acknowledged too, and no program asks for those.
    this.acknowledge();
    this.#outgoing.tick(now);
  }

  /** Gives up everything whose story has not ended. */
  end(error: NetlabError): void {
    this.#outlets.clear();
    this.#outgoing.end(error);
  }

  #took(id: string): void {
    const words = uuidWords(id, this.#words);
    this.#taken.add(words[0]!, words[1]!, words[2]!, words[3]!, ReceiptState.Delivered);
    this.#takenCount++;
  }
}
