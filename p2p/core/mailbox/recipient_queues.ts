/**
 * Finds the queues of stored messages by recipient: by name, and by the bytes of a message. Does not know what
 * queues contain.
 *
 * @module
 */
import type { MessageFields } from "@netlab/protocol/codec";
import { type NameFactors, NameTable } from "../dedup/tables/name_table.ts";
import type { RecipientQueue } from "./recipient_queue.ts";

const encoder = new TextEncoder();

/** The queues of one mailbox. */
export class RecipientQueues {
  readonly #byName = new Map<string, RecipientQueue>();
  /** By the recipient's name in UTF-8. */
  readonly #byBytes: NameTable<RecipientQueue>;

  /** Creates an empty table. `factors` are random factors for the hash table. */
  constructor(factors: NameFactors) {
    this.#byBytes = new NameTable(factors);
  }

  /** Returns the queue of one user. */
  get(recipient: string): RecipientQueue | undefined {
    return this.#byName.get(recipient);
  }

  /** Returns the queue of the recipient in these fields. */
  of({ bytes, recipient, end }: MessageFields): RecipientQueue | undefined {
    return this.#byBytes.findBeforeNul(bytes, recipient, end);
  }

  /** Returns all queues that are not empty. */
  *[Symbol.iterator](): Iterator<RecipientQueue> {
    for (const queue of this.#byName.values()) if (queue.size > 0) yield queue;
  }

  /** Adds the queue of the recipient in these fields. */
  add(queue: RecipientQueue, { bytes, recipient, recipientEnd }: MessageFields): void {
    this.#byName.set(queue.name, queue);
    this.#byBytes.set(bytes.subarray(recipient, recipientEnd), queue);
  }

  /** Removes a queue. Returns whether it was there. */
  delete(queue: RecipientQueue): boolean {
    if (!this.#byName.delete(queue.name)) return false;
    this.#byBytes.delete(encoder.encode(queue.name));
    return true;
  }
}
