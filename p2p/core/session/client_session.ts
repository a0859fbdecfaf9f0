/**
 * A user's session without sockets. Sends messages, acknowledges the messages that the program has taken, and
 * drops duplicates. Does not open connections or read a clock: the caller reports events and passes the time.
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
import { IdTable } from "../dedup/tables/id_table.ts";
import { Incoming } from "./incoming.ts";
import { SendQueue } from "./sending/send_queue.ts";
import type { SessionConnection } from "./session_connection.ts";
import type { NewMessage, SendListener } from "./sending/unsettled_message.ts";
import type { PublishQueue } from "./publish_queue.ts";
import { ReceivedIds } from "../dedup/received_ids.ts";

export type { Incoming } from "./incoming.ts";
export type { Notice } from "./notice.ts";
export type { SessionConnection } from "./session_connection.ts";
export type { DeliveryStatus, NewMessage, SendListener } from "./sending/unsettled_message.ts";

/** The state of one user, which outlives connections. */
export class ClientSession {
  readonly #receive: (incoming: Incoming) => void;
  readonly #sendQueue: SendQueue;
  readonly #publishQueue: PublishQueue;
  readonly #seen = new ReceivedIds();
  readonly #reader = new MessageReader();
  readonly #batches = new BatchReader();
  /** Durable messages that the program has not taken yet. */
  readonly #untaken = new IdTable<Incoming>();
  /** Receipts that are not written yet, for messages that the program has taken. */
  readonly #acknowledgements = new ReceiptRecords();
  #acknowledgementCount = 0;
  readonly #words = new Int32Array(4);
  readonly #connections = new Set<SessionConnection>();
  #now: number;

  /**
   * Makes a session without a connection.
   *
   * @param receive Called once with each message that arrives.
   * @param publishQueue The queue of the messages that the user posts.
   * @param now The current time: milliseconds.
   */
  constructor(receive: (incoming: Incoming) => void, publishQueue: PublishQueue, now: number) {
    this.#receive = receive;
    this.#publishQueue = publishQueue;
    this.#sendQueue = new SendQueue(now);
    this.#now = now;
  }

  /** Calls `callback` as soon as every sent message is accepted or refused. */
  whenAllAccepted(callback: () => void): void {
    this.#sendQueue.whenAllAccepted(callback);
  }

  /** Whether messages wait for a server to accept them. */
  get isWaiting(): boolean {
    return this.#sendQueue.isWaiting;
  }

  /**
   * Calls `callback` once, as soon as every message that was sent is written to a server or has failed. Replaces
   * the callback of an earlier call.
   */
  whenRoom(callback: () => void): void {
    this.#sendQueue.whenRoom(callback);
  }

  /**
   * Sends a message now or on the next connection. The message fails if the server does not accept it within
   * `timeoutMs` milliseconds after it has read the message.
   *
   * @param id The id of the message as four 32-bit numbers, big-endian.
   */
  send(id: Int32Array, message: NewMessage, timeoutMs: number, listener: SendListener): void {
    this.#sendQueue.send(id, message, timeoutMs, listener);
  }

  /** Whether a message with this id is sent and not settled: four 32-bit numbers, big-endian. */
  isSending(id: Int32Array): boolean {
    return this.#sendQueue.has(id);
  }

  /**
   * Asks for the outcome of a message that a server accepted in an earlier session of this user, now and until it is
   * known.
   *
   * @param id The id of the message as four 32-bit numbers, big-endian.
   */
  follow(id: Int32Array, message: NewMessage, listener: SendListener): void {
    this.#sendQueue.follow(id, message, listener);
  }

  /** Starts to use a connection. Sends the messages that are not accepted again, in order. */
  attach(connection: SessionConnection): void {
    this.#connections.add(connection);
    this.#sendQueue.attach(connection);
    this.#publishQueue.attach(connection);
  }

  /** Handles the end of a connection. */
  detach(connection: SessionConnection): void {
    this.#connections.delete(connection);
    this.#sendQueue.detach(connection);
    this.#publishQueue.detach(connection);
  }

  /** Handles a frame. Returns whether it is of a type that a session handles. */
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
        // A server asks for a response when another session wants this user's name.
        writeInformationResponse(
          connection.out,
          frame.subtype,
          frame.subtype === Information.Capabilities ? [Capability.Session] : [],
        );
        return true;
    }
    return false;
  }

  /** Handles a message that arrived as text. `isDurable` tells whether its sender waits for a receipt. */
  receive(message: Message, isDurable: boolean): void {
    this.#add(message, uuidWords(message.id, this.#words), isDurable);
  }

  /** Returns a durable message that has arrived and was not taken, by its id: a UUID. */
  untaken(id: string): Incoming | undefined {
    return this.#untaken.find(uuidWords(id, this.#words), 0);
  }

  /**
   * Notes that the program has taken a message. Returns the number of acknowledgements that are not written
   * yet.
   */
  take(incoming: Incoming): number {
    if (incoming.isDurable && this.#untaken.delete(incoming)) this.#acknowledgeLater(incoming);
    return this.#acknowledgementCount;
  }

  /** Writes the acknowledgements to every connection, because the messages may have arrived on any of them. */
  acknowledge(): void {
    if (this.#acknowledgementCount === 0 || this.#connections.size === 0) return;
    for (const { out } of this.#connections) {
      for (const part of this.#acknowledgements.parts()) writeReceipts(out, part);
    }
    this.#acknowledgements.clear();
    this.#acknowledgementCount = 0;
  }

  /** Writes as much as is allowed. Call it when a connection has room again. */
  pump(): void {
    this.#sendQueue.pump();
    this.#publishQueue.pump();
  }

  /**
   * Fails messages that were not accepted in time, and writes the acknowledgements. Call it regularly. `now`
   * is the current time in milliseconds.
   */
  tick(now: number): void {
    this.#now = now;
    // Duplicates are acknowledged here, because the program never takes them.
    this.acknowledge();
    this.#sendQueue.tick(now);
  }

  /** Ends the session. Fails all messages that are not settled. */
  end(error: NetlabError): void {
    this.#connections.clear();
    this.#sendQueue.end(error);
    this.#publishQueue.end(error);
  }

  /**
   * Checks the invariants of the session. Only for tests and the simulator.
   *
   * @throws {Error} When its collections and counters disagree.
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
      // The server that stores the message did not get the acknowledgement.
      this.#acknowledgeLater(incoming);
    }
  }

  #acknowledgeLater({ id0, id1, id2, id3 }: Incoming): void {
    this.#acknowledgements.add(id0, id1, id2, id3, ReceiptState.Delivered);
    this.#acknowledgementCount++;
  }
}
