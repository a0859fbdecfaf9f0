/**
 * The buffer that one connection reads into: small while little comes, larger as more comes, and a large
 * one that it only borrows for what is known to wait. Knows neither sockets nor frames.
 *
 * @module
 */
import { giveBuffer, isShared, takeBuffer, takeShareable } from "../codec/buffer_pool.ts";

/** Length while a connection is quiet: bytes. A sign-on fits, and so does most of what people write. */
const QUIET_BYTES = 512;
/** A buffer that was filled is followed by one so many times as large. */
const GROWTH = 16;
/** And the largest that a connection keeps while it waits, 128 KiB: bytes. */
const OWN_BYTES = GROWTH ** 2 * QUIET_BYTES;
/**
 * What the first read takes at most, where more may wait: bytes. What it brought leaves before the rest is
 * read, so that the two sides work at the same time: with 500 messages under way, a fifth more of them go
 * through. Where many connections read together the sides do that anyway, and a read less for each is a
 * fifth more.
 */
const FIRST_BYTES = 32 * 1024;
/** A larger buffer is given back after this many reads in a row that a quiet one would have held. */
const QUIET_READS = 16;
/**
 * Length of what is borrowed: bytes. The fewer reads there are, the less often the other side is put to
 * sleep and woken: with messages of 1 KiB as bare text, half of it costs a fifth more time.
 */
const BURST_BYTES = 1024 * 1024;
/**
 * The same for one of many connections that read together. What all of them bring is to leave before
 * the processor's cache has lost it: with fifty, twice as much costs a seventh more time.
 */
const BURST_OF_MANY_BYTES = 512 * 1024;
/** So many connections keep what they borrowed while much comes: all their reads are large ones. */
const MAX_KEPT = 8;

/**
 * Small buffers that nobody uses. Thousands of idle connections hold one each, so they are cut from
 * larger pieces of memory: one of its own would cost a connection a kilobyte beside the bytes in it.
 */
const free: Uint8Array<ArrayBuffer>[] = [];
/** How many are cut from one piece; and how many are kept, when many connections have gone. */
const PER_PIECE = 128;

const NOTHING = new Uint8Array(0);

/** How many connections keep what they borrowed. */
let kept = 0;

/** A buffer with bytes in it, from `start` to `end`. */
export class ReadBuffer {
  /** The whole buffer. Behind `end` may stand what others have read. */
  bytes: Uint8Array<ArrayBuffer> = takeQuiet();
  /** Where the bytes begin that were not used yet. */
  start = 0;
  /** Where they end. */
  end = 0;
  /** What the connection has, while `bytes` is borrowed. */
  #own: Uint8Array<ArrayBuffer> | undefined;
  #isKept = false;
  /** How far the next bytes may go. */
  #limit = 0;
  /** The last read took as much as it might. */
  #isFilled = false;
  #quietReads = 0;

  /** Whether the next read takes a large buffer: all that there was did not fit. */
  get isBurst(): boolean {
    return this.#own !== undefined || (this.#isFilled && this.bytes.length >= OWN_BYTES);
  }

  /**
   * Where the next bytes are to go. What was not used yet moves to the start of the buffer. One of many
   * connections that read together takes as much as it has room for.
   */
  room(isOneOfMany = false): Uint8Array<ArrayBuffer> {
    const { bytes, start, end } = this;
    const left = end - start;
    if (!this.#isFilled || this.#own) {
      if (this.#own && isShared(bytes)) {
        // What was read is being written out of it.
        this.#moveTo(takeShareable(bytes.length));
        giveBuffer(bytes);
      } else if (left > 0) {
        if (start > 0) bytes.copyWithin(0, start, end);
      } else if (this.#quietReads >= QUIET_READS && bytes.length > QUIET_BYTES && !this.#own) {
        this.bytes = takeQuiet();
        giveBuffer(bytes);
      }
    } else if (bytes.length < OWN_BYTES) {
      this.#moveTo(takeBuffer(GROWTH * bytes.length));
      giveBack(bytes);
    } else {
      this.#own = bytes;
      this.#moveTo(takeShareable(isOneOfMany ? BURST_OF_MANY_BYTES : BURST_BYTES));
    }
    this.start = 0;
    this.end = left;
    const { length } = this.bytes;
    this.#limit = this.#own || isOneOfMany ? length : Math.min(length, left + FIRST_BYTES);
    return left === 0 && this.#limit === length
      ? this.bytes
      : this.bytes.subarray(left, this.#limit);
  }

  /** So many bytes have come to where {@linkcode ReadBuffer.room} said. */
  add(count: number): void {
    this.end += count;
    this.#isFilled = this.end === this.#limit;
    this.#quietReads = count < QUIET_BYTES ? this.#quietReads + 1 : 0;
  }

  /** What came was used, but for a part of a frame: what was borrowed is given back, unless much came. */
  settle(): void {
    const own = this.#own;
    if (!own) return;
    if (this.end <= OWN_BYTES || (!this.#isKept && kept === MAX_KEPT)) return this.#giveUp(own);
    if (!this.#isKept) kept++;
    this.#isKept = true;
  }

  /** Ends the use of the buffer: nobody reads into it any more. */
  release(): void {
    this.start = this.end;
    if (this.#own) this.#giveUp(this.#own);
    giveBack(this.bytes);
    this.bytes = NOTHING;
    this.start = this.end = 0;
  }

  #giveUp(own: Uint8Array<ArrayBuffer>): void {
    const borrowed = this.bytes;
    this.#moveTo(own);
    giveBuffer(borrowed);
    this.#own = undefined;
    if (this.#isKept) kept--;
    this.#isKept = false;
  }

  #moveTo(other: Uint8Array<ArrayBuffer>): void {
    const left = this.bytes.subarray(this.start, this.end);
    other.set(left);
    this.bytes = other;
    this.start = 0;
    this.end = left.length;
  }
}

function takeQuiet(): Uint8Array<ArrayBuffer> {
  if (free.length === 0) {
    const piece = new ArrayBuffer(PER_PIECE * QUIET_BYTES);
    for (let at = piece.byteLength; at > 0;) {
      free.push(new Uint8Array(piece, at -= QUIET_BYTES, QUIET_BYTES));
    }
  }
  return free.pop()!;
}

function giveBack(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length > QUIET_BYTES) giveBuffer(bytes);
  else if (bytes.length > 0 && free.length < PER_PIECE) free.push(bytes);
}
