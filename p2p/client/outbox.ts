/**
 * The durable messages that a program sends. Owns their ids and promises. The session knows which messages are
 * in flight and which must be sent again.
 *
 * @module
 */
import { NetlabError, quote, readUuidOf, uuidWords } from "@netlab/protocol/codec";
import type {
  ClientSession,
  DeliveryStatus,
  Notice,
  SendListener,
} from "../core/session/client_session.ts";
import type { MessageIds } from "../core/dedup/sequence_ids.ts";

export type { DeliveryStatus, Notice } from "../core/session/client_session.ts";

/** A UUID in text. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A message that a server has accepted, or has delivered without storing it. */
export interface Sent {
  /** The message's id, a UUID. */
  id: string;
  /**
   * What the server says about the message, if anything. With the code
   * {@linkcode ErrorCode.UnknownRecipient} the message is stored, but nobody with that name has been on the
   * network. With {@linkcode ErrorCode.NotStored} the server's storage is full: the recipient's client has
   * acknowledged the message, and no server stored it.
   */
  notice: Notice | undefined;
  /**
   * Resolves to `"delivered"` when the recipient's client has acknowledged the message, or to `"sent"` when it
   * was sent to a legacy server or client, which confirms nothing. Rejects with a {@linkcode NetlabError} when
   * the message will not be delivered, or when that will not become known: {@linkcode ErrorCode.TimedOut} when
   * it expired after seven days, {@linkcode ErrorCode.Closed} when this client was closed first. An uncaught
   * rejection of this promise is not reported.
   */
  delivered: Promise<DeliveryStatus>;
}

/** A message that is not settled. One object holds its id, its promises and its outcome, to save memory. */
class UnsettledMessage implements Sent, SendListener {
  notice: Notice | undefined;
  readonly #id0: number;
  readonly #id1: number;
  readonly #id2: number;
  readonly #id3: number;
  readonly #accept: (sent: Sent) => void;
  readonly #refuse: (error: NetlabError) => void;
  #outcome: DeliveryStatus | NetlabError | undefined;
  #delivered: PromiseWithResolvers<DeliveryStatus> | undefined;

  constructor(id: Int32Array, accept: (sent: Sent) => void, refuse: (error: NetlabError) => void) {
    this.#id0 = id[0]!;
    this.#id1 = id[1]!;
    this.#id2 = id[2]!;
    this.#id3 = id[3]!;
    this.#accept = accept;
    this.#refuse = refuse;
  }

  // The id and the promise are created on demand, because few programs use them.

  get id(): string {
    return readUuidOf(Int32Array.of(this.#id0, this.#id1, this.#id2, this.#id3));
  }

  get delivered(): Promise<DeliveryStatus> {
    if (!this.#delivered) {
      this.#delivered = Promise.withResolvers();
      // A program that does not use this promise must not end because of its rejection.
      this.#delivered.promise.catch(() => {});
      if (this.#outcome) this.settled(this.#outcome);
    }
    return this.#delivered.promise;
  }

  accepted(error?: NetlabError, notice?: Notice): void {
    this.notice = notice;
    if (error) this.#refuse(error);
    else this.#accept(this);
  }

  settled(outcome: DeliveryStatus | NetlabError): void {
    this.#outcome = outcome;
    if (outcome instanceof NetlabError) this.#delivered?.reject(outcome);
    else this.#delivered?.resolve(outcome);
  }
}

/** The messages that one user sends. */
export class Outbox {
  readonly #sender: string;
  readonly #ids: MessageIds;
  readonly #session: ClientSession;
  readonly #timeoutMs: number;
  #room: Promise<void> | undefined;

  /**
   * Creates an outbox.
   *
   * @param sender The user's name.
   * @param timeoutMs How long a server may take to accept a message that it has read.
   */
  constructor(sender: string, ids: MessageIds, session: ClientSession, timeoutMs: number) {
    this.#sender = sender;
    this.#ids = ids;
    this.#session = session;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Sends a message. Resolves when it is accepted. Throws the errors of {@linkcode P2pClient.send}.
   *
   * @param id The id of the message; without one, it gets a new one.
   */
  send(recipient: string, text: string, id?: string): Promise<Sent> {
    const why = id === undefined ? undefined : this.#whyNot(id);
    if (why) return Promise.reject(why);
    const words = id === undefined ? this.#ids.nextWords() : uuidWords(id, new Int32Array(4));
    const message = { sender: this.#sender, recipient, text };
    return new Promise((resolve, reject) =>
      this.#session.send(
        words,
        message,
        this.#timeoutMs,
        new UnsettledMessage(words, resolve, reject),
      )
    );
  }

  /** Follows a message that was accepted earlier. Throws the errors of {@linkcode P2pClient.follow}. */
  follow(recipient: string, id: string): Promise<DeliveryStatus> {
    const why = this.#whyNot(id);
    if (why) return Promise.reject(why);
    const words = uuidWords(id, new Int32Array(4));
    return new Promise((resolve, reject) => {
      const settled = (outcome: DeliveryStatus | NetlabError) => {
        if (outcome instanceof NetlabError) reject(outcome);
        else resolve(outcome);
      };
      const message = { sender: this.#sender, recipient, text: "" };
      this.#session.follow(words, message, { accepted: () => {}, settled });
    });
  }

  /** Returns why the program may not give this id to a message; `undefined` if it may. */
  #whyNot(id: string): TypeError | undefined {
    if (!UUID.test(id)) return new TypeError(`Cannot use the id ${quote(id)}: it is no UUID`);
    if (!this.#session.isSending(uuidWords(id, new Int32Array(4)))) return undefined;
    return new TypeError(`Cannot use the id ${id}: a message with this id is on its way`);
  }

  /** Resolves when every message was written to a server or has failed. */
  ready(): Promise<void> {
    if (this.#room) return this.#room;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = promise;
    this.#session.whenRoom(() => {
      this.#room = undefined;
      resolve();
    });
    return promise;
  }
}
