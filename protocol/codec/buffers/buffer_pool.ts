/**
 * A pool of unused buffers. Reusing a buffer is cheaper than allocating memory, which the system has to clear
 * and map. Owns how much unused memory is kept. Does not know what the buffers contain.
 *
 * @module
 */
import { invariant } from "../invariant.ts";

/** The size of the largest buffer that the pool keeps: bytes. */
export const MAX_POOLED_BYTES: number = 1024 * 1024;
/** The most memory that the pool keeps in total: bytes. */
const MAX_FREE_BYTES = 16 * MAX_POOLED_BYTES;

/**
 * The unused buffers by the logarithm of their size. The last one returned is reused first, because it is in
 * the cache.
 */
const free: Uint8Array<ArrayBuffer>[][] = Array.from({ length: 32 }, () => []);
let freeBytes = 0;

/**
 * Takes a buffer of at least `bytes` bytes, 1 to 2^30, and less than twice as many. Its contents are
 * undefined.
 */
export function takeBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  const log = 32 - Math.clz32(bytes - 1);
  const buffer = free[log]!.pop();
  if (!buffer) return new Uint8Array(2 ** log);
  freeBytes -= buffer.length;
  return buffer;
}

/** Returns a buffer that {@linkcode takeBuffer} gave out. The caller must not use it any more. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  const { length } = buffer;
  const unused = free[31 - Math.clz32(length)]!;
  invariant(length === buffer.buffer.byteLength, "a buffer is returned whole");
  invariant(unused.at(-1)?.buffer !== buffer.buffer, "a buffer is not returned twice in a row");
  if (length > MAX_POOLED_BYTES || freeBytes + length > MAX_FREE_BYTES) return;
  freeBytes += length;
  unused.push(buffer);
}
