/**
 * Decides whether the frames of one connection wait because the other side does not read its replies. Owns how much
 * may wait to be read, and for how long. Uses no sockets.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "../codec/errors.ts";

/** Up to this much, replies of every connection may wait: bytes. */
export const FREE_REPLY_BYTES: number = 16 * 1024;
/** A connection whose frames wait reads this part of its limit of replies at once, or so many bytes. */
const READ_PART = 8;
const MIN_READ_BYTES = 8 * 1024;
const MAX_READ_BYTES = 128 * 1024;

/** The parts of a handler that a {@linkcode ReplyGate} uses. */
export interface Replier {
  /** See `FrameHandler`. */
  maxReplyBytes?(): number;
  /** See `FrameHandler`. */
  isReplying?(): boolean;
}

/** The replies of one connection that wait to be read. */
export class ReplyGate {
  readonly #maxUnreadMs: number;
  readonly #onUnread: (error: NetlabError) => void;
  /** How many of the bytes that wait are replies, at most. */
  #bytes = 0;
  #isShut = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts without replies. `onUnread` is called when nothing was read for `maxUnreadMs` while frames waited. */
  constructor(maxUnreadMs: number, onUnread: (error: NetlabError) => void) {
    this.#maxUnreadMs = maxUnreadMs;
    this.#onUnread = onUnread;
  }

  /** Whether frames wait. */
  get isShut(): boolean {
    return this.#isShut;
  }

  /** Whether any replies wait, as far as is known. */
  get isUsed(): boolean {
    return this.#bytes > 0 || this.#isShut;
  }

  /** Returns whether no further frame may be handled after `bytes` more of replies. */
  mustShut(replier: Replier, bytes: number): boolean {
    const all = this.#bytes + bytes;
    return (all > FREE_REPLY_BYTES && all > (replier.maxReplyBytes?.() ?? Infinity)) ||
      (replier.isReplying?.() ?? false);
  }

  /** Adds replies. */
  add(bytes: number): void {
    if (bytes > 0) this.#bytes += bytes;
  }

  /** Lets frames wait from now on. */
  shut(): void {
    this.#isShut = true;
    this.progressed();
  }

  /** Records that the other side reads: the time begins anew. */
  progressed(): void {
    if (!this.#isShut) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const s = this.#maxUnreadMs / 1_000;
      this.#onUnread(tooSlow(`the other side has not read its replies for ${s} s`));
    }, this.#maxUnreadMs);
  }

  /**
   * Records that only `bytes` wait now. Returns whether frames that waited may be handled again.
   *
   * @param replier `undefined` if no reply is written any more.
   */
  written(bytes: number, replier: Replier | undefined): boolean {
    this.#bytes = Math.min(this.#bytes, bytes);
    this.progressed();
    if (!this.#isShut || (replier && this.mustShut(replier, 0))) return false;
    this.open();
    return true;
  }

  /** Lets no frame wait. */
  open(): void {
    this.#isShut = false;
    clearTimeout(this.#timer);
  }
}

/** Returns how many bytes a connection reads at once whose frames wait. */
export function readLimit(replier: Replier | undefined): number {
  const most = (replier?.maxReplyBytes?.() ?? Infinity) / READ_PART;
  return Math.min(MAX_READ_BYTES, Math.max(MIN_READ_BYTES, most));
}

/** Makes the error that ends a connection whose other side reads too slowly. */
export function tooSlow(reason: string): NetlabError {
  return new NetlabError(ErrorCode.TooSlow, `Cannot keep the connection: ${reason}`, {
    fatal: true,
  });
}
