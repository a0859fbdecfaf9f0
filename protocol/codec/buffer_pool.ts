/**
 * Buffers that nobody uses at the moment, for whoever needs one next: to have new memory zeroed, and
 * touched for the first time, costs more than all that is done with it. Owns how much is kept, and who
 * shares a buffer; knows nothing of what is in it.
 *
 * @module
 */

/** The largest buffer that is kept: bytes. */
export const MAX_POOLED_BYTES: number = 1024 * 1024;
/** All that is kept together: bytes. */
const MAX_FREE_BYTES = 16 * MAX_POOLED_BYTES;

/** By the logarithm of their length: the one that was given back last is taken first, being in the cache. */
const free: Uint8Array<ArrayBuffer>[][] = Array.from({ length: 32 }, () => []);
let freeBytes = 0;

/** How many hold a buffer that may be shared. Weak: who loses a connection may forget to give back. */
const holders = new WeakMap<ArrayBufferLike, number>();

/** A buffer of `bytes` at least, at most twice as many; 1 to 2^30. What is in it is left from others. */
export function takeBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  const log = 32 - Math.clz32(bytes - 1);
  const buffer = free[log]!.pop();
  if (!buffer) return new Uint8Array(2 ** log);
  freeBytes -= buffer.length;
  return buffer;
}

/**
 * The same, and one more may hold it by {@linkcode share}: who reads into it, and who writes what was read
 * out of it. Nobody else has it until both have given it back.
 */
export function takeShareable(bytes: number): Uint8Array<ArrayBuffer> {
  const buffer = takeBuffer(bytes);
  holders.set(buffer.buffer, 1);
  return buffer;
}

/** Holds a buffer that somebody else has taken; whether that is one to be shared and nobody else does. */
export function share(memory: ArrayBufferLike): boolean {
  if (holders.get(memory) !== 1) return false;
  holders.set(memory, 2);
  return true;
}

/** Whether two hold a buffer. */
export function isShared(buffer: Uint8Array): boolean {
  return holders.get(buffer.buffer) === 2;
}

/** Gives back a buffer that was handed out here; who does may not use it from now on. */
export function giveBuffer(buffer: Uint8Array<ArrayBuffer>): void {
  const { length } = buffer;
  if (isShared(buffer)) return void holders.set(buffer.buffer, 1);
  holders.delete(buffer.buffer);
  if (length > MAX_POOLED_BYTES || freeBytes + length > MAX_FREE_BYTES) return;
  freeBytes += length;
  free[31 - Math.clz32(length)]!.push(buffer);
}
