/**
 * The outcomes of settled messages, for senders whose receipts were lost. Owns when an outcome is
 * forgotten. Knows neither users nor connections.
 *
 * @module
 */
import { readUuidOf, type Receipt, ReceiptState, uuidWords } from "@netlab/protocol/codec";
import { GenerationalCache } from "../dedup/tables/generational_cache.ts";
import type { MessageId } from "../dedup/tables/id_table.ts";
import { delivered, isConfirmed } from "../receipt.ts";

/** The number of outcomes that are remembered at least. At most twice as many are. */
export const MIN_OUTCOMES = 50_000;
/** The length of the first list of ids: numbers of 32 bits. */
const FIRST_WORDS = 256;

/** The outcomes of the messages that were settled last. */
export class Outcomes {
  readonly #settled = new GenerationalCache(() => new SettledMessages(), MIN_OUTCOMES);

  /** Remembers the outcome of a message. */
  add(receipt: Receipt): void {
    const [id0 = 0, id1 = 0, id2 = 0, id3 = 0] = uuidWords(receipt.id, words);
    const settled = this.#settled.withRoom();
    settled.add(id0, id1, id2, id3);
    const isPlain = receipt.state === ReceiptState.Delivered && isConfirmed(receipt);
    if (!isPlain) settled.others.set(receipt.id, receipt);
  }

  /** Remembers that a message was delivered. */
  addDelivered({ id0, id1, id2, id3 }: MessageId): void {
    this.#settled.withRoom().add(id0, id1, id2, id3);
  }

  /**
   * Returns the outcome of a message if it is remembered.
   *
   * @param id The message's id, a UUID in text.
   */
  get(id: string): Receipt | undefined {
    for (const settled of [this.#settled.young, this.#settled.old]) {
      const other = settled.others.get(id);
      if (other) return other;
      if (settled.has(id)) return delivered(id);
    }
  }
}

const words = new Int32Array(4);

/**
 * A list of settled messages. Each durable message is added once, and hardly any is ever queried: adding is
 * a copy of four numbers, and a query first indexes what was added since the last one.
 */
class SettledMessages {
  /** The receipts that say more than "delivered", by id. */
  readonly others = new Map<string, Receipt>();
  size = 0;
  #ids = new Int32Array(FIRST_WORDS);
  readonly #index = new Set<string>();
  #indexed = 0;

  add(id0: number, id1: number, id2: number, id3: number): void {
    const at = 4 * this.size++;
    if (at === this.#ids.length) {
      const longer = new Int32Array(2 * at);
      longer.set(this.#ids);
      this.#ids = longer;
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
