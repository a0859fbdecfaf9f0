/**
 * Remembers which messages a server processed, so that it drops duplicates. Remembers a sequence id by its
 * stream and number, and any other id as a whole.
 *
 * The classes of this folder that remember ids or names, and the code that uses them:
 *
 * | class           | remembers                                            | used by                          |
 * | --------------- | ---------------------------------------------------- | -------------------------------- |
 * | `SeenMessages`  | the messages that a server delivered                 | `LocalDelivery`, the fast paths  |
 * | `Streams`       | sequence ids: the windows of every sender's streams  | `SeenMessages`                   |
 * | `SeenTable`     | about a million ids as a whole                       | `SeenMessages`                   |
 * | `ReceivedIds`   | the messages that a client received                  | `ClientSession`                  |
 * | `SeenIds`       | a few ids for minutes                                | legacy messages, `ReceivedIds`   |
 * | `IdTable`       | objects by id: stored, deferred and unsettled messages | `Mailbox`, `DeferredAccepts`, `SendQueue`, `ClientSession` |
 * | `OffsetTable`   | the offsets of spilled messages, by id               | `Mailbox`                        |
 * | `NameTable`     | objects by name                                      | routes, `Mailbox`, `Streams`     |
 *
 * @module
 */
import { type BatchFields, isSequenceId } from "@netlab/protocol/codec";
import type { NameFactors } from "./tables/name_table.ts";
import { SeenTable } from "./tables/seen_table.ts";
import { Streams } from "./sender_streams.ts";
import type { StreamWindow } from "./stream_window.ts";

/** The ids of the messages that one server processed. */
export class SeenMessages {
  /**
   * Ids as a whole: those that are not sequence ids, those whose number is too old for the window of their
   * stream, and those of which the sender is not known.
   */
  readonly table: SeenTable;
  /** The streams of sequence ids. */
  readonly streams: Streams;

  /** Makes an empty memory. `random` returns unpredictable numbers from 0 to below 1. */
  constructor(factors: NameFactors, random: () => number) {
    this.table = new SeenTable(random);
    this.streams = new Streams(factors);
  }

  /**
   * Remembers a message. Returns whether it is new.
   *
   * @param words Contains the id of the message: four 32-bit numbers, the first of them at index `at`.
   * @param bytes Contains the name of the sender, which starts at `sender` and ends before the next NUL below
   *   `end`.
   */
  add(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream ? this.addTo(stream, words, at) : this.table.add(words, at);
  }

  /** Remembers all messages of a batch if every one is new. Returns whether it did. */
  addBatch({ idWords, bytes, sender, senderEnd, count }: BatchFields): boolean {
    const stream = this.streams.getNamed(idWords, 0, bytes, sender, senderEnd);
    return stream.addRange(idWords[3]! >>> 0, count);
  }

  /** Returns whether a message is remembered. Takes the parameters of {@linkcode SeenMessages.add}. */
  has(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream?.includes(words[at + 3]! >>> 0) || this.table.has(words, at);
  }

  /**
   * Remembers a message of a known stream by its number, or by its whole id if the number is too old. Returns
   * whether the message is new.
   */
  addTo(stream: StreamWindow, words: Int32Array, at: number): boolean {
    return stream.add(words[at + 3]! >>> 0) ?? this.table.add(words, at);
  }
}
