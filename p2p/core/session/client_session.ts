/**
 * A user's side of a session, without a socket: what is sent, what to acknowledge, and that nothing is
 * seen twice. Owns no connection and no clock; it is told what happened.
 *
 * @module
 */
import {
  BatchReader,
  Capability,
  type Frame,
  FrameType,
  Information,
  type Message,
  MessageKind,
  MessageReader,
  type NetlabError,
  ReceiptRecords,
  ReceiptState,
  uuidWords,
  writeInformationResponse,
  writeReceipts,
} from "@netlab/protocol/codec";
import { IdTable } from "../dedup/id_table.ts";
import { Incoming } from "./incoming.ts";
import { type NewMessage, type Outcome, type Outlet, SendQueue } from "./send_queue.ts";
import type { PublishQueue } from "./publish_queue.ts";
import { ReceivedIds } from "../dedup/received_ids.ts";

export type { Incoming } from "./incoming.ts";
export type { DeliveryStatus, NewMessage, Outcome, Outlet } from "./send_queue.ts";

/** The state of one user that outlives connections. */
export class ClientSession {
  readonly #receive: (incoming: Incoming) => void;
  readonly #outgoing: SendQueue;
  readonly #posting: PublishQueue;
  readonly #seen = new ReceivedIds();
  readonly #reader = new MessageReader();
  readonly #batches = new BatchReader();
  /** Kept, received, and not yet taken by the program. */
  readonly #untaken = new IdTable<Incoming>();
  /** Acknowledgements of what was taken and not yet acknowledged. */
  readonly #taken = new ReceiptRecords();
  #takenCount = 0;
  readonly #words = new Int32Array(4);
  readonly #outlets = new Set<Outlet>();
  #now: number;

  /** A session that hands what it receives to `receive`, each message once, and lets `posting` write. */
  constructor(receive: (incoming: Incoming) => void, posting: PublishQueue, now: number) {
    this.#receive = receive;
    this.#posting = posting;
    this.#outgoing = new SendQueue(now);
    this.#now = now;
  }

  /** Calls `settled` as soon as every message that was sent is safe or refused. */
  whenSettled(settled: () => void): void {
    this.#outgoing.whenSettled(settled);
  }

  /**
   * Sends a message, now or on the next connection; gives up when it is not safe `timeoutMs` milliseconds
   * after the next tick.
   *
   * @param id A UUID as four numbers of 32 bits, big-endian.
   */
  send(id: Int32Array, message: NewMessage, timeoutMs: number, outcome: Outcome): void {
    this.#outgoing.send(id, message, timeoutMs, outcome);
  }

  /** There is a connection to send on: what is not safe yet is sent again, in order. */
  attach(outlet: Outlet): void {
    this.#outlets.add(outlet);
    this.#outgoing.attach(outlet);
    this.#posting.attach(outlet);
  }

  /** A connection is gone. */
  detach(outlet: Outlet): void {
    this.#outlets.delete(outlet);
    this.#outgoing.detach(outlet);
    this.#posting.detach(outlet);
  }

  /** A frame came in. Returns whether it was one that a session takes. */
  received(frame: Frame, outlet: Outlet): boolean {
    switch (frame.type) {
      case FrameType.Message:
        if (frame.subtype === MessageKind.Batch) this.#addBatch(frame);
        else this.#addSingle(frame);
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

  /** A message came in as bare text; `isDurable` says that somebody waits to hear of it. */
  receive(message: Message, isDurable: boolean): void {
    this.#add(message, uuidWords(message.id, this.#words), isDurable);
  }

  /** The program has taken a message: it will be acknowledged. Returns how many wait for that. */
  take(incoming: Incoming): number {
    if (incoming.isDurable && this.#untaken.delete(incoming)) this.#took(incoming);
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
    this.#posting.pump();
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
    this.#posting.end(error);
  }

  #addSingle(frame: Frame): void {
    const message = this.#reader.read(frame);
    this.#add(message, this.#reader.id, frame.subtype === MessageKind.Durable);
  }

  #addBatch(frame: Frame): void {
    const { sender, fields } = this.#batches.read(frame);
    const areNew = this.#seen.addBatch(sender, fields);
    this.#batches.forEach((message, id) => {
      if (areNew) this.#receive(new Incoming(message, id, false));
      else this.#add(message, id, false);
    });
  }

  #add(message: Message, id: Int32Array, isDurable: boolean): void {
    const incoming = new Incoming(message, id, isDurable);
    if (this.#seen.add(message, id, this.#now)) {
      if (isDurable) this.#untaken.add(incoming);
      this.#receive(incoming);
    } else if (isDurable && !this.#untaken.find(id, 0)) {
      // It came again, so whoever keeps it did not hear that it was taken.
      this.#took(incoming);
    }
  }

  #took({ id0, id1, id2, id3 }: Incoming): void {
    this.#taken.add(id0, id1, id2, id3, ReceiptState.Delivered);
    this.#takenCount++;
  }
}
