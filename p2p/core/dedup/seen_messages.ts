/**
 * Which messages a server has processed, so that it drops second copies: sequence ids by stream and number,
 * all others by the whole id.
 *
 * Everything in this folder that remembers ids, and who uses it:
 *
 * | memory          | remembers                                            | used by                          |
 * | --------------- | ---------------------------------------------------- | -------------------------------- |
 * | `SeenMessages`  | what a server delivered; made of the next two        | `LocalDelivery`, the fast paths  |
 * | `Streams`       | sequence ids: the windows of every sender's streams  | `SeenMessages`                   |
 * | `SeenTable`     | about a million ids of other kinds                   | `SeenMessages`                   |
 * | `ReceivedIds`   | what a client received                               | `ClientSession`                  |
 * | `SeenIds`       | a few ids for minutes                                | legacy messages, `ReceivedIds`   |
 * | `IdTable`       | objects by id: stored, unsettled and settled messages | `Mailbox`, `SendQueue`, `Outcomes` |
 * | `OffsetTable`   | where spilled messages are on disk, by id            | `Mailbox`                        |
 * | `NameTable`     | objects by name                                      | routes, `Mailbox`, `Streams`     |
 *
 * @module
 */
import { type BatchFields, isSequenceId } from "@netlab/protocol/codec";
import type { NameFactors } from "./name_table.ts";
import { SeenTable } from "./seen_table.ts";
import { Streams } from "./sender_streams.ts";
import type { StreamWindow } from "./stream_window.ts";

/** The messages that one server has processed. */
export class SeenMessages {
  /** Ids without a stream, and those whose number is too old for the window of their stream. */
  readonly table: SeenTable;
  /** The streams of sequence ids. */
  readonly streams: Streams;

  /** No messages yet; `random` returns numbers from 0 to below 1 that nobody can predict. */
  constructor(factors: NameFactors, random: () => number) {
    this.table = new SeenTable(random);
    this.streams = new Streams(factors);
  }

  /**
   * Remembers a message. Returns whether it is new.
   *
   * @param words Its id is the four numbers from `at` on.
   * @param bytes The name of its sender begins at `sender` and ends before the next NUL below `end`.
   */
  add(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream ? this.addTo(stream, words, at) : this.table.add(words, at);
  }

  /** Remembers all messages of a batch if all of them are new. Returns whether they are. */
  addBatch({ idWords, bytes, sender, senderEnd, count }: BatchFields): boolean {
    const stream = this.streams.getNamed(idWords, 0, bytes, sender, senderEnd);
    return stream.addRange(idWords[3]! >>> 0, count);
  }

  /** Whether a message is remembered. The parameters are those of {@linkcode SeenMessages.add}. */
  has(words: Int32Array, at: number, bytes: Uint8Array, sender: number, end: number): boolean {
    const stream = isSequenceId(words, at)
      ? this.streams.get(words, at, bytes, sender, end)
      : undefined;
    return stream?.includes(words[at + 3]! >>> 0) || this.table.has(words, at);
  }

  /** Remembers a message of a known stream: by its number, or by its id when the number is too old. */
  addTo(stream: StreamWindow, words: Int32Array, at: number): boolean {
    return stream.add(words[at + 3]! >>> 0) ?? this.table.add(words, at);
  }
}
