/**
 * Receipts for users who are away. Owns how many are kept, and for how long. Does not know where users are.
 *
 * @module
 */
import type { Receipt } from "@netlab/protocol/codec";
import { LIMITS } from "../limits.ts";

/** The most receipts for one user. Older ones are dropped. */
const MAX_PER_USER = 10_000;
/** How long receipts are kept for a user who got none meanwhile: milliseconds. */
const MAX_AGE_MS = 24 * 3_600_000;

/** The receipts for one user. */
interface Pending {
  receipts: Receipt[];
  /** When the last one was added: milliseconds since 1970. */
  addedAt: number;
}

/** The receipts for users who are away. */
export class PendingReceipts {
  readonly #most: number;
  /** By user. The one to whom no receipt was added for longest comes first. */
  readonly #users = new Map<string, Pending>();
  #size = 0;

  /**
   * Starts without receipts.
   *
   * @param most The most receipts for all users together.
   */
  constructor(most: number = LIMITS.pendingReceipts.default) {
    this.#most = most;
  }

  /** The number of receipts. */
  get size(): number {
    return this.#size;
  }

  /** Returns whether there are receipts for a user. */
  has(user: string): boolean {
    return this.#users.has(user);
  }

  /** Adds receipts for a user. Drops the receipts of other users if there are too many. */
  add(user: string, receipts: readonly Receipt[], now: number): void {
    const pending = this.#users.get(user) ?? { receipts: [], addedAt: now };
    this.#users.delete(user);
    this.#users.set(user, pending);
    pending.addedAt = now;
    this.#size -= pending.receipts.length;
    for (const receipt of receipts) pending.receipts.push(receipt);
    // Twice as many may be there for a while, so that few receipts are moved.
    if (pending.receipts.length > 2 * MAX_PER_USER) {
      pending.receipts = pending.receipts.slice(-MAX_PER_USER);
    }
    this.#size += pending.receipts.length;
    for (const other of this.#users.keys()) {
      if (this.#size <= this.#most || other === user) break;
      this.take(other);
    }
  }

  /** Removes and returns the receipts for a user. */
  take(user: string): readonly Receipt[] {
    const receipts = this.#users.get(user)?.receipts ?? [];
    if (this.#users.delete(user)) this.#size -= receipts.length;
    return receipts;
  }

  /** Drops the receipts for users who have been away for too long. */
  expire(now: number): void {
    for (const [user, { addedAt }] of this.#users) {
      if (now - addedAt < MAX_AGE_MS) break;
      this.take(user);
    }
  }
}
