/**
 * How the stories of messages ended, for senders who did not hear it. Owns the forgetting; knows
 * neither users nor connections.
 *
 * @module
 */
import { readUuidOf, type Receipt, ReceiptState, uuidWords } from "@netlab/protocol/codec";
import type { MessageId } from "../dedup/id_table.ts";
import { delivered, isConfirmed } from "../receipt.ts";

/** How many are remembered at least; twice as many at most. */
export const MIN_ENDS = 50_000;
/** Numbers of 32 bits in the first list of ids. */
const FIRST_WORDS = 256;

/**
 * Remembers ends in two generations: when the young one is full, the old one is forgotten and the young
 * one takes its place. Hardly any is ever asked for, so that they stand in a list, and only a question
 * has what came since the last one put into an index.
 */
export class Outcomes {
  #young = new Generation();
  #old = new Generation();

  /** Remembers how the story of a message ended. */
  add(receipt: Receipt): void {
    const [id0, id1, id2, id3] = uuidWords(receipt.id, words) as unknown as Words;
    this.#makeRoom().add(id0, id1, id2, id3);
    const isPlain = receipt.state === ReceiptState.Delivered && isConfirmed(receipt);
    if (!isPlain) this.#young.others.set(receipt.id, receipt);
  }

  /** Remembers that a message was delivered. */
  addDelivered({ id0, id1, id2, id3 }: MessageId): void {
    this.#makeRoom().add(id0, id1, id2, id3);
  }

  /** How it ended, if that is remembered. */
  get(id: string): Receipt | undefined {
    for (const generation of [this.#young, this.#old]) {
      const other = generation.others.get(id);
      if (other) return other;
      if (generation.has(id)) return delivered(id);
    }
  }

  #makeRoom(): Generation {
    if (this.#young.size >= MIN_ENDS) {
      this.#old = this.#young;
      this.#young = new Generation();
    }
    return this.#young;
  }
}

type Words = [number, number, number, number];
const words = new Int32Array(4);

/** The ends of some time. */
class Generation {
  /** Those that were no confirmed deliveries, as hardly any is. */
  readonly others = new Map<string, Receipt>();
  size = 0;
  #ids = new Int32Array(FIRST_WORDS);
  readonly #index = new Set<string>();
  #indexed = 0;

  add(id0: number, id1: number, id2: number, id3: number): void {
    const at = 4 * this.size++;
    if (at === this.#ids.length) {
      const more = new Int32Array(2 * at);
      more.set(this.#ids);
      this.#ids = more;
    }
    const ids = this.#ids;
    ids[at] = id0;
    ids[at + 1] = id1;
    ids[at + 2] = id2;
    ids[at + 3] = id3;
  }

  has(id: string): boolean {
    for (; this.#indexed < this.size; this.#indexed++) {
      const at = 4 * this.#indexed;
      this.#index.add(readUuidOf(this.#ids.subarray(at, at + 4)));
    }
    return this.#index.has(id);
  }
}
