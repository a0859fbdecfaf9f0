/**
 * Decides what becomes of a message that a user of this server sends: it is stored, or passed on without being
 * stored, or refused. Owns the order in which limits are compared. Does not know how a message is stored.
 *
 * @module
 */
import { type MessageFields, messageId, readName } from "@netlab/protocol/codec";
import type { DeferredAccepts } from "./deferred_accepts.ts";
import type { Locations } from "../../mesh/locations/locations.ts";
import type { Mailbox } from "../../mailbox/mailbox.ts";
import type { Receipts } from "../receipts.ts";
import { refusedBeyond } from "../remarks.ts";
import type { RecipientQueue } from "../../mailbox/recipient_queue.ts";

/** The components that an {@linkcode Admission} uses. */
export interface AdmissionParts {
  /** The stored messages, and the limits on them. */
  readonly mailbox: Mailbox;
  /** Where all users are. */
  readonly locations: Locations;
  /** Sends refusals. */
  readonly receipts: Receipts;
}

/** What becomes of a message. */
export type Admitted =
  /** It is stored. */
  | "stored"
  /** It is stored, and its sender must wait for the recipient to catch up. */
  | "deferred"
  /** It is passed on without being stored. */
  | "transient";

/** Compares messages with the limits of one server. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #deferred: DeferredAccepts;

  /** Creates the admission of one server. `deferred` limits the senders of slow recipients. */
  constructor(parts: AdmissionParts, deferred: DeferredAccepts) {
    this.#parts = parts;
    this.#deferred = deferred;
  }

  /** Returns whether a user can be reached now. */
  isWithinReach(name: string): boolean {
    return this.#parts.locations.locate(name) !== undefined;
  }

  /**
   * Decides what becomes of a message. Refuses it if it would exceed a limit.
   *
   * @throws {ProtocolError} As {@linkcode readName}, if the recipient's name is invalid.
   */
  admit(sender: string, fields: MessageFields): Admitted | undefined {
    const { mailbox, receipts } = this.#parts;
    const queue = mailbox.queues.of(fields);
    const total = mailbox.excess(sender, fields, queue);
    if (total && this.#mayPass(sender, fields, queue)) return "transient";
    const excess = total ?? (queue && mailbox.usage.excessOf(queue));
    if (!excess) {
      // Receipts stay in order: a receipt for this message follows those for earlier ones.
      return queue && this.#deferred.isFor(queue.name) ? "deferred" : "stored";
    }
    if (!total && this.isWithinReach(queue!.name) && this.#deferred.mayAdd(sender, queue!.name)) {
      return "deferred";
    }
    receipts.toUser(sender, refusedBeyond(excess, messageId(fields), recipientOf(fields)));
  }

  /** Returns whether a message may be passed on to its recipient without being stored. */
  #mayPass(sender: string, fields: MessageFields, queue: RecipientQueue | undefined): boolean {
    return this.isWithinReach(queue?.name ?? recipientOf(fields)) &&
      this.#parts.mailbox.usage.mayPass(sender, fields.end - fields.id, queue);
  }
}

function recipientOf({ bytes, recipient, recipientEnd }: MessageFields): string {
  return readName(bytes, recipient, recipientEnd);
}
