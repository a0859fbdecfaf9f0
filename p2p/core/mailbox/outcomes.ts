/**
 * The outcomes of settled messages, for senders whose receipts were lost. Owns when an outcome is
 * forgotten. Knows neither users nor connections.
 *
 * @module
 */
import { type Receipt, ReceiptState, uuidWords } from "@netlab/protocol/codec";
import { GenerationalCache } from "../dedup/generational_cache.ts";
import { IdTable, type MessageId } from "../dedup/id_table.ts";
import { delivered, isConfirmed } from "../receipt.ts";

/** The number of outcomes that are remembered at least. At most twice as many are. */
export const MIN_OUTCOMES = 50_000;

/** A settled message. */
class Settled implements MessageId {
  readonly id0: number;
  readonly id1: number;
  readonly id2: number;
  readonly id3: number;
  /** Its receipt; `undefined` if it was delivered, as nearly all are. */
  receipt: Receipt | undefined;

  constructor({ id0, id1, id2, id3 }: MessageId, receipt: Receipt | undefined) {
    this.id0 = id0;
    this.id1 = id1;
    this.id2 = id2;
    this.id3 = id3;
    this.receipt = receipt;
  }
}

/** The outcomes of the messages that were settled last. */
export class Outcomes {
  readonly #settled: GenerationalCache<IdTable<Settled>>;

  /**
   * Creates an empty list of outcomes.
   *
   * @param factors The hash factors for {@linkcode IdTable}.
   */
  constructor(factors: Int32Array) {
    this.#settled = new GenerationalCache(() => new IdTable(factors), MIN_OUTCOMES);
  }

  /** Remembers the outcome of a message. */
  add(receipt: Receipt): void {
    const isPlain = receipt.state === ReceiptState.Delivered && isConfirmed(receipt);
    this.#add(idOf(receipt.id), isPlain ? undefined : receipt);
  }

  /** Remembers that a message was delivered. */
  addDelivered(id: MessageId): void {
    this.#add(id, undefined);
  }

  /**
   * Returns the outcome of a message if it is remembered.
   *
   * @param id The message's id, a UUID in text.
   */
  get(id: string): Receipt | undefined {
    const words = idOf(id);
    const settled = this.#settled.young.get(words) ?? this.#settled.old.get(words);
    return settled && (settled.receipt ?? delivered(id));
  }

  #add(id: MessageId, receipt: Receipt | undefined): void {
    const known = this.#settled.young.get(id);
    if (!known) this.#settled.withRoom().add(new Settled(id, receipt));
    // A message may be settled twice. A receipt that says more than "delivered" then replaces the other.
    else if (receipt) known.receipt = receipt;
  }
}

const words = new Int32Array(4);

function idOf(id: string): MessageId {
  const [id0 = 0, id1 = 0, id2 = 0, id3 = 0] = uuidWords(id, words);
  return { id0, id1, id2, id3 };
}
