/**
 * How the stories of messages ended, for senders who did not hear it. Owns the forgetting; knows
 * neither users nor connections.
 *
 * @module
 */
import { type Receipt, ReceiptState } from "@netlab/protocol";
import { delivered } from "./receipts.ts";

/** How many are remembered at least; twice as many at most. */
export const MIN_ENDS = 50_000;

/**
 * Remembers ends in two generations: when the young one is full, the old one is forgotten and the young
 * one takes its place.
 */
export class EndedStories {
  /** By id; nothing for a delivery, as most are. */
  #young = new Map<string, Receipt | undefined>();
  #old = new Map<string, Receipt | undefined>();

  /** Remembers how the story of a message ended. */
  add(receipt: Receipt): void {
    if (this.#young.size >= MIN_ENDS) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const { id, state } = receipt;
    this.#young.set(id, state === ReceiptState.Delivered ? undefined : receipt);
  }

  /** How it ended, if that is remembered. */
  get(id: string): Receipt | undefined {
    for (const ends of [this.#young, this.#old]) {
      if (ends.has(id)) return ends.get(id) ?? delivered(id);
    }
  }
}
