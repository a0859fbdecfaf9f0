/**
 * The messages that a server keeps for one user, in order, and which of them are under way. Owns that
 * order; knows neither limits nor disks.
 *
 * @module
 */
import { NIL_UUID } from "@netlab/protocol";
import type { StoredMessage } from "./mail_store.ts";

/** A message that is kept: a link of the chain that its box is. */
export class KeptEntry implements StoredMessage {
  readonly id: string;
  readonly sender: string;
  readonly recipient: string;
  readonly message: Uint8Array;
  readonly acceptedAt: number;
  /** Whether it has been written down: nobody is told of it, or sent it, before. */
  safe: boolean;
  /** The id of the server it was sent to and not heard of since; `undefined` while it waits. */
  sentTo: string | undefined = undefined;
  /** When it was sent there: milliseconds. */
  sentAt = 0;
  /** The one before it in its box. */
  before: KeptEntry | undefined = undefined;
  /** The one behind it. */
  next: KeptEntry | undefined = undefined;

  /** A message that is in no box yet. */
  constructor({ id, sender, recipient, message, acceptedAt }: StoredMessage, safe: boolean) {
    this.id = id;
    this.sender = sender;
    this.recipient = recipient;
    this.message = message;
    this.acceptedAt = acceptedAt;
    this.safe = safe;
  }
}

/**
 * The messages for one user: those that are under way, and behind them those that wait. A chain, so
 * that one is put in and taken out without a look at the others, and without an index of its own.
 */
export class Box {
  /** How many there are. */
  size = 0;
  /** Bytes of all of them. */
  bytes = 0;
  /** How many are under way. */
  underWay = 0;
  /** Bytes of those that are under way. */
  underWayBytes = 0;
  /** The id of the one that was sent last; nil when all that wait come first. */
  lastSent: string = NIL_UUID;
  #first: KeptEntry | undefined;
  #last: KeptEntry | undefined;
  #waiting: KeptEntry | undefined;

  /** The oldest one. */
  get first(): KeptEntry | undefined {
    return this.#first;
  }

  /** The first of those that wait. */
  get waiting(): KeptEntry | undefined {
    return this.#waiting;
  }

  /** All of them, in order. */
  *entries(): Iterable<KeptEntry> {
    for (let entry = this.#first; entry; entry = entry.next) yield entry;
  }

  /** Puts a message in, behind all others. */
  add(entry: KeptEntry): void {
    entry.before = this.#last;
    if (this.#last) this.#last.next = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#waiting ??= entry;
    this.size++;
    this.bytes += entry.message.length;
  }

  /** Takes a message out. */
  remove(entry: KeptEntry): void {
    const { before, next } = entry;
    if (before) before.next = next;
    else this.#first = next;
    if (next) next.before = before;
    else this.#last = before;
    if (this.#waiting === entry) this.#waiting = next;
    this.size--;
    this.bytes -= entry.message.length;
    if (entry.sentTo === undefined) return;
    this.underWay--;
    this.underWayBytes -= entry.message.length;
  }

  /** The first of those that wait is under way to a server. */
  sent(entry: KeptEntry, server: string, now: number): void {
    entry.sentTo = server;
    entry.sentAt = now;
    this.#waiting = entry.next;
    this.underWay++;
    this.underWayBytes += entry.message.length;
    this.lastSent = entry.id;
  }

  /** Nothing is under way any more: all of it waits, in order. */
  wait(): void {
    for (let entry = this.#first; entry && entry.sentTo !== undefined; entry = entry.next) {
      entry.sentTo = undefined;
    }
    this.#waiting = this.#first;
    this.underWay = 0;
    this.underWayBytes = 0;
    this.lastSent = NIL_UUID;
  }
}
