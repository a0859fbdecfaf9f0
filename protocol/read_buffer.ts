/**
 * The buffer into which a connection reads: small while it is quiet, large under load. Owns its size,
 * what is left in it of an incomplete frame, and the pool from which small ones come; knows neither
 * sockets nor frames.
 *
 * @module
 */

/** Length while a connection is quiet: bytes. A sign-on fits, and so does most of what people write. */
const QUIET_BYTES = 512;
/** Length under load: bytes. 64 KiB cost twice as much time in the system. The largest frame fits. */
const BUSY_BYTES = 256 * 1024;
/** A buffer that was filled is followed by one so many times as large. */
const GROWTH = 8;
/** A larger buffer is given back after this many reads in a row that a quiet one would have held. */
const QUIET_READS = 16;

/**
 * Small buffers that nobody uses. Thousands of idle connections hold one each, so they are cut from
 * larger pieces of memory: one of its own would cost a connection a kilobyte beside the bytes in it.
 */
const free: Uint8Array<ArrayBuffer>[] = [];
/** How many are cut from one piece; and how many are kept, when many connections have gone. */
const PER_PIECE = 128;

const NOTHING = new Uint8Array(0);

/** A buffer with bytes in it, from `start` to `end`. */
export class ReadBuffer {
  /** The whole buffer. Behind `end` may stand what others have read. */
  bytes: Uint8Array<ArrayBuffer> = takeQuiet();
  /** Where the bytes begin that were not used yet. */
  start = 0;
  /** Where they end. */
  end = 0;
  #quietReads = 0;

  /** Where the next bytes are to go. What was not used yet moves to the start of the buffer. */
  room(): Uint8Array<ArrayBuffer> {
    const { bytes, start, end } = this;
    const left = end - start;
    if (end === bytes.length && bytes.length < BUSY_BYTES) {
      this.bytes = new Uint8Array(Math.min(GROWTH * bytes.length, BUSY_BYTES));
      this.bytes.set(bytes.subarray(start, end));
      giveQuiet(bytes);
    } else if (left > 0) {
      if (start > 0) bytes.copyWithin(0, start, end);
    } else if (this.#quietReads >= QUIET_READS && bytes.length > QUIET_BYTES) {
      this.bytes = takeQuiet();
    }
    this.start = 0;
    this.end = left;
    return left === 0 ? this.bytes : this.bytes.subarray(left);
  }

  /** So many bytes have come to where {@linkcode ReadBuffer.room} said. */
  add(count: number): void {
    this.end += count;
    this.#quietReads = count < QUIET_BYTES ? this.#quietReads + 1 : 0;
  }

  /** Ends the use of the buffer: nobody reads into it any more. */
  release(): void {
    giveQuiet(this.bytes);
    this.bytes = NOTHING;
    this.start = this.end = 0;
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

function giveQuiet(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length === QUIET_BYTES && free.length < PER_PIECE) free.push(bytes);
}
