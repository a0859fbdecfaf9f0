/**
 * Messages that a program sends, and what it hears of each. Owns their ids and promises; what is under way,
 * and what is sent again, the session knows.
 *
 * @module
 */
import { NetlabError, readUuidOf } from "@netlab/protocol";
import type {
  ClientSession,
  DeliveryStatus,
  SendListener,
} from "../core/session/client_session.ts";
import type { MessageIds } from "../core/dedup/sequence_ids.ts";

export type { DeliveryStatus } from "../core/session/client_session.ts";

/** A message that the network has safe. */
export interface Sent {
  /** The message's id, a UUID. */
  id: string;
  /**
   * Resolves to `"delivered"` when the recipient's client has acknowledged the message, and to `"sent"`
   * when it was handed to a legacy server or client: those confirm nothing, so that nobody knows whether
   * it arrived. Rejects with a
   * {@linkcode NetlabError} when that will not come to pass: {@linkcode ErrorCode.TimedOut} when it
   * waited for seven days, {@linkcode ErrorCode.Closed} when this client was closed before it was known.
   * Nobody has to wait for it.
   */
  delivered: Promise<DeliveryStatus>;
}

/** A message whose sender waits. One object does for all that becomes of it. */
class Letter implements Sent, SendListener {
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

  // Both are made for those who ask for them, as few do.

  get id(): string {
    return readUuidOf(Int32Array.of(this.#id0, this.#id1, this.#id2, this.#id3));
  }

  get delivered(): Promise<DeliveryStatus> {
    if (!this.#delivered) {
      this.#delivered = Promise.withResolvers();
      // Whoever does not wait for the end of the story is not to stumble over it.
      this.#delivered.promise.catch(() => {});
      if (this.#outcome) this.settled(this.#outcome);
    }
    return this.#delivered.promise;
  }

  accepted(error?: NetlabError): void {
    if (error) this.#refuse(error);
    else this.#accept(this);
  }

  settled(outcome: DeliveryStatus | NetlabError): void {
    this.#outcome = outcome;
    if (outcome instanceof NetlabError) this.#delivered?.reject(outcome);
    else this.#delivered?.resolve(outcome);
  }
}

/** What one user sends. */
export class Outbox {
  readonly #sender: string;
  readonly #ids: MessageIds;
  readonly #session: ClientSession;
  readonly #timeoutMs: number;

  /** For the messages of `sender`; each is given up when it is not safe after so many milliseconds. */
  constructor(sender: string, ids: MessageIds, session: ClientSession, timeoutMs: number) {
    this.#sender = sender;
    this.#ids = ids;
    this.#session = session;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a message. Resolves when it is safe; rejects as {@linkcode P2pClient.send} says. */
  send(recipient: string, text: string): Promise<Sent> {
    const id = this.#ids.nextWords();
    const message = { sender: this.#sender, recipient, text };
    return new Promise((resolve, reject) =>
      this.#session.send(id, message, this.#timeoutMs, new Letter(id, resolve, reject))
    );
  }
}
