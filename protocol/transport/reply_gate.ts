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

/** The parts of a handler that say how much may wait. */
export interface Replier {
  /** See `FrameHandler`. */
  maxReplyBytes?(): number;
  /** See `FrameHandler`. */
  isReplying?(): boolean;
}

/** Returns whether no further frame may be handled while so many bytes of replies wait. */
export function mustWait(replier: Replier, bytes: number): boolean {
  return (bytes > FREE_REPLY_BYTES && bytes > (replier.maxReplyBytes?.() ?? Infinity)) ||
    (replier.isReplying?.() ?? false);
}

/** Limits the time in which the other side of one connection reads nothing. Exists only while frames wait. */
export class UnreadTimer {
  readonly #ms: number;
  readonly #onUnread: (error: NetlabError) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins. `onUnread` is called when nothing was read for so many milliseconds. */
  constructor(ms: number, onUnread: (error: NetlabError) => void) {
    this.#ms = ms;
    this.#onUnread = onUnread;
    this.progressed();
  }

  /** Records that the other side reads: the time begins anew. */
  progressed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const s = this.#ms / 1_000;
      this.#onUnread(tooSlow(`the other side has not read its replies for ${s} s`));
    }, this.#ms);
  }

  /** Ends. */
  stop(): void {
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
