/**
 * A user's side of a session, without a socket: sends messages, acknowledges those that the program has
 * taken, and drops second copies. Owns no connection and no clock; it is told what happened.
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
import {
  type NewMessage,
  type SendListener,
  SendQueue,
  type SessionConnection,
} from "./send_queue.ts";
import type { PublishQueue } from "./publish_queue.ts";
import { ReceivedIds } from "../dedup/received_ids.ts";

export type { Incoming } from "./incoming.ts";
export type { DeliveryStatus, NewMessage, SendListener, SessionConnection } from "./send_queue.ts";

/** The state of one user that outlives connections. */
export class ClientSession {
  readonly #receive: (incoming: Incoming) => void;
  readonly #sendQueue: SendQueue;
  readonly #publishQueue: PublishQueue;
  readonly #seen = new ReceivedIds();
  readonly #reader = new MessageReader();
  readonly #batches = new BatchReader();
  /** Durable messages that the program has not taken. */
  readonly #untaken = new IdTable<Incoming>();
  /** Receipts for messages that the program has taken, not yet written. */
  readonly #acknowledgements = new ReceiptRecords();
  #acknowledgementCount = 0;
  readonly #words = new Int32Array(4);
  readonly #connections = new Set<SessionConnection>();
  #now: number;

  /**
   * A session without a connection.
   *
   * @param receive Is called with each message that comes in, once.
   * @param publishQueue The messages that the user posts.
   * @param now The time in milliseconds.
   */
  constructor(receive: (incoming: Incoming) => void, publishQueue: PublishQueue, now: number) {
    this.#receive = receive;
    this.#publishQueue = publishQueue;
    this.#sendQueue = new SendQueue(now);
    this.#now = now;
  }

  /** Calls `callback` as soon as every message that was sent is accepted or refused. */
  whenAllAccepted(callback: () => void): void {
    this.#sendQueue.whenAllAccepted(callback);
  }

  /**
   * Sends a message, now or on the next connection. It fails if it is not accepted within `timeoutMs`
   * milliseconds of the next tick.
   *
   * @param id A UUID as four numbers of 32 bits, big-endian.
   */
  send(id: Int32Array, message: NewMessage, timeoutMs: number, listener: SendListener): void {
    this.#sendQueue.send(id, message, timeoutMs, listener);
  }

  /** There is a connection. Messages that are not accepted are sent again on it, in order. */
  attach(connection: SessionConnection): void {
    this.#connections.add(connection);
    this.#sendQueue.attach(connection);
    this.#publishQueue.attach(connection);
  }

  /** A connection has ended. */
  detach(connection: SessionConnection): void {
    this.#connections.delete(connection);
    this.#sendQueue.detach(connection);
    this.#publishQueue.detach(connection);
  }

  /** A frame came in. Returns whether it is of a type that a session handles. */
  received(frame: Frame, connection: SessionConnection): boolean {
    switch (frame.type) {
      case FrameType.Message:
        if (frame.subtype === MessageKind.Batch) this.#addBatch(frame);
        else this.#addSingle(frame);
        return true;
      case FrameType.Receipt:
        this.#sendQueue.receipts(frame);
        return true;
      case FrameType.InformationRequest:
        // The server asks for a sign of life when another session wants this user's name.
        writeInformationResponse(
          connection.out,
          frame.subtype,
          frame.subtype === Information.Capabilities ? [Capability.Session] : [],
        );
        return true;
    }
    return false;
  }

  /** A message came in as text without a frame; `isDurable` says whether its sender waits for a receipt. */
  receive(message: Message, isDurable: boolean): void {
    this.#add(message, uuidWords(message.id, this.#words), isDurable);
  }

  /** The program has taken a message. Returns how many acknowledgements wait to be written. */
  take(incoming: Incoming): number {
    if (incoming.isDurable && this.#untaken.delete(incoming)) this.#acknowledgeLater(incoming);
    return this.#acknowledgementCount;
  }

  /** Writes the acknowledgements to every connection, because any of them may have brought the message. */
  acknowledge(): void {
    if (this.#acknowledgementCount === 0 || this.#connections.size === 0) return;
    for (const { out } of this.#connections) {
      for (const part of this.#acknowledgements.parts()) writeReceipts(out, part);
    }
    this.#acknowledgements.clear();
    this.#acknowledgementCount = 0;
  }

  /** Writes as much as is allowed. Called when there is room again. */
  pump(): void {
    this.#sendQueue.pump();
    this.#publishQueue.pump();
  }

  /** Time has passed: messages that were not accepted in time fail. */
  tick(now: number): void {
    this.#now = now;
    // Second copies are acknowledged too, and the program does not take those.
    this.acknowledge();
    this.#sendQueue.tick(now);
  }

  /** Fails all messages that are not settled. */
  end(error: NetlabError): void {
    this.#connections.clear();
    this.#sendQueue.end(error);
    this.#publishQueue.end(error);
  }

  /**
   * Checks the invariants of the session; only for tests and the simulator.
   *
   * @throws {Error} When collections and counters disagree.
   */
  check(): void {
    this.#untaken.check();
    this.#sendQueue.check();
    this.#publishQueue.check();
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
      // The server that stores it has missed the acknowledgement.
      this.#acknowledgeLater(incoming);
    }
  }

  #acknowledgeLater({ id0, id1, id2, id3 }: Incoming): void {
    this.#acknowledgements.add(id0, id1, id2, id3, ReceiptState.Delivered);
    this.#acknowledgementCount++;
  }
}
