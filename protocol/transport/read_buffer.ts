/**
 * The buffer that a connection reads into. It is small while little data arrives, larger as more arrives, and
 * borrowed from a pool while much is waiting. Owns these sizes. Uses no sockets and no frames.
 *
 * @module
 */
import { giveBuffer, takeBuffer } from "../codec/buffers/buffer_pool.ts";
import { SharedBuffer } from "../codec/buffers/shared_buffer.ts";
import { invariant } from "../codec/invariant.ts";

/**
 * The size of the buffer of a quiet connection: bytes. A registration fits, and so do most messages of
 * people.
 */
const QUIET_BYTES = 256;
/** The size of the buffer after a read that filled a quiet one: bytes. */
const BUSY_BYTES = 8 * 1024;
/** The size of the largest buffer that a connection keeps while it waits: bytes. */
const OWN_BYTES = 128 * 1024;
/**
 * The limit of a read into the connection's own buffer when few connections read together: bytes. The data is
 * sent on before the rest is read, so both sides work at the same time. With 500 messages in flight, that
 * raises throughput by a fifth. When many connections read together, their work overlaps anyway, and the
 * additional reads would cost a fifth.
 */
const FIRST_BYTES = 32 * 1024;
/** The number of consecutive reads that must fit into a quiet buffer before a larger buffer is returned. */
const QUIET_READS = 16;
/**
 * The size of a borrowed buffer: bytes. Fewer reads wake the other side less often. With legacy users and
 * messages of 1 KiB, half of this size takes a fifth more time.
 */
const LARGE_BYTES = 1024 * 1024;
/**
 * The size of a borrowed buffer when many connections read together: bytes. Their data should stay in the
 * processor's cache until it is sent on. With fifty connections, twice the size takes a seventh more time.
 */
const LARGE_BYTES_OF_MANY = 512 * 1024;
/** The most connections that may keep a borrowed buffer between two reads. */
const MAX_HOLDERS = 8;

/**
 * The unused quiet buffers. Thousands of idle connections have one each, so the buffers are parts of larger
 * blocks. A separate buffer would cost a connection a kilobyte in addition to its bytes.
 */
const free: Uint8Array<ArrayBuffer>[] = [];
/** The number of quiet buffers in a block, and the most unused ones that are kept when connections end. */
const PER_BLOCK = 128;

const EMPTY = new Uint8Array(0);

/** The number of connections that keep a borrowed buffer between two reads. */
let holders = 0;

/** The read buffer of one connection. The bytes from `start` to `end` have arrived and are not used yet. */
export class ReadBuffer {
  /** The whole buffer. The bytes after `end` may be left over from other connections. */
  bytes: Uint8Array<ArrayBuffer> = takeQuiet();
  /** The start of the unused bytes. The caller moves it. */
  start = 0;
  /** The end of the unused bytes. */
  end = 0;
  /** The borrowed buffer, if there is one. `bytes` is then all of it. */
  #borrowed: SharedBuffer | undefined;
  /** The connection's own buffer, which is unused while there is a borrowed one. */
  #own: Uint8Array<ArrayBuffer> | undefined;
  /** Whether this connection counts as one of the `holders`. */
  #isHolder = false;
  /** The position up to which the current read may write. */
  #limit = 0;
  /** Whether the last read filled all the space that it was given. */
  #isFilled = false;
  #quietReads = 0;
  /** The largest buffer that the connection may have, unless a longer frame needs more: bytes. */
  #maxBytes = Infinity;

  /** Whether the next read uses a borrowed buffer, because the last read filled the largest own buffer. */
  get isNextLarge(): boolean {
    return this.#own !== undefined || (this.#mayGrow && this.bytes.length >= OWN_BYTES);
  }

  /** Limits the size from the next read on: bytes. For a connection whose data waits to be handled. */
  limit(bytes: number): void {
    this.#maxBytes = bytes;
  }

  /** Whether the last read filled all the space that it was given: more may have arrived together with it. */
  get isFilled(): boolean {
    return this.#isFilled;
  }

  get #mayGrow(): boolean {
    if (!this.#isFilled) return false;
    return this.bytes.length < this.#maxBytes || this.end - this.start === this.bytes.length;
  }

  /**
   * Returns the space for the next read. Moves the unused bytes to the start of the buffer.
   *
   * @param isOneOfMany Whether many connections read together.
   */
  room(isOneOfMany = false): Uint8Array<ArrayBuffer> {
    const { bytes, start, end } = this;
    invariant(bytes.length > 0, "a read buffer is not used after its release");
    invariant(start <= end && end <= bytes.length, "unused bytes are within the read buffer");
    const left = end - start;
    if (!this.#mayGrow || this.#own) {
      if (this.#borrowed?.hasWriter) {
        // A writer still sends data from this buffer.
        this.#borrow(bytes.length);
      } else if (left > 0) {
        if (start > 0) bytes.copyWithin(0, start, end);
      } else if (this.#quietReads >= QUIET_READS && bytes.length > QUIET_BYTES && !this.#own) {
        this.bytes = takeQuiet();
        giveBuffer(bytes);
      }
    } else if (bytes.length < OWN_BYTES) {
      this.#moveTo(takeBuffer(bytes.length < BUSY_BYTES ? BUSY_BYTES : OWN_BYTES));
      giveBack(bytes);
    } else {
      this.#own = bytes;
      this.#borrow(isOneOfMany ? LARGE_BYTES_OF_MANY : LARGE_BYTES);
    }
    invariant(!this.#borrowed?.hasWriter, "nobody reads into a buffer that is being written from");
    this.start = 0;
    this.end = left;
    const { length } = this.bytes;
    this.#limit = this.#own || isOneOfMany ? length : Math.min(length, left + FIRST_BYTES);
    return left === 0 && this.#limit === length
      ? this.bytes
      : this.bytes.subarray(left, this.#limit);
  }

  /** Adds the `count` bytes that were read into the space that {@linkcode ReadBuffer.room} returned. */
  add(count: number): void {
    this.end += count;
    invariant(count >= 0 && this.end <= this.#limit, "a read stays within the space that it got");
    this.#isFilled = this.end === this.#limit;
    this.#quietReads = count < QUIET_BYTES ? this.#quietReads + 1 : 0;
  }

  /**
   * Returns a borrowed buffer to the pool unless much data has arrived. Call it when all data but an
   * incomplete frame has been used.
   */
  settle(): void {
    const own = this.#own;
    if (!own) return;
    const isKept = this.#isHolder || holders < MAX_HOLDERS;
    if (this.end <= OWN_BYTES || !isKept || this.#maxBytes < Infinity) {
      return this.#returnTo(own);
    }
    if (!this.#isHolder) holders++;
    this.#isHolder = true;
  }

  /** Returns all buffers. Call it when the connection has ended. */
  release(): void {
    this.start = this.end;
    if (this.#own) this.#returnTo(this.#own);
    giveBack(this.bytes);
    this.bytes = EMPTY;
    this.start = this.end = 0;
  }

  /**
   * Borrows a buffer of at least `bytes` in place of the current borrowed buffer, if any, and continues in
   * it.
   */
  #borrow(bytes: number): void {
    const before = this.#borrowed;
    this.#borrowed = new SharedBuffer(bytes);
    this.#moveTo(this.#borrowed.bytes);
    before?.leaveReader();
  }

  /** Returns the borrowed buffer and continues in `own`. */
  #returnTo(own: Uint8Array<ArrayBuffer>): void {
    this.#moveTo(own);
    this.#borrowed?.leaveReader();
    this.#borrowed = undefined;
    this.#own = undefined;
    if (this.#isHolder) holders--;
    this.#isHolder = false;
  }

  /** Moves the unused bytes to the start of another buffer and continues in it. */
  #moveTo(other: Uint8Array<ArrayBuffer>): void {
    const left = this.bytes.subarray(this.start, this.end);
    invariant(left.buffer !== other.buffer, "two read buffers do not share memory");
    other.set(left);
    this.bytes = other;
    this.start = 0;
    this.end = left.length;
  }
}

function takeQuiet(): Uint8Array<ArrayBuffer> {
  if (free.length === 0) {
    const block = new ArrayBuffer(PER_BLOCK * QUIET_BYTES);
    for (let at = block.byteLength; at > 0;) {
      free.push(new Uint8Array(block, at -= QUIET_BYTES, QUIET_BYTES));
    }
  }
  return free.pop()!;
}

function giveBack(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length > QUIET_BYTES) giveBuffer(bytes);
  else if (bytes.length > 0 && free.length < PER_BLOCK) free.push(bytes);
}
