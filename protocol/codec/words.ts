/**
 * Copies of a few bytes in words of 8, which for short ones is faster than `set`: that needs a view of
 * what is copied. Knows nothing of what the bytes are.
 *
 * @module
 */

/** What is copied in words may be read, and written, so many bytes further: bytes. */
export const SPARE_BYTES = 7;

/** Up to this length, a copy in words is faster than `set`: bytes. */
export const SHORT_BYTES = 192;

/**
 * Copies what lies from `start` to `end`, and up to {@linkcode SPARE_BYTES} more. The target may be the
 * same memory, no further behind.
 */
export function copyWords(
  source: DataView,
  start: number,
  end: number,
  target: DataView,
  to: number,
): void {
  let at = start;
  for (; at + 32 <= end; at += 32, to += 32) {
    target.setBigInt64(to, source.getBigInt64(at, true), true);
    target.setBigInt64(to + 8, source.getBigInt64(at + 8, true), true);
    target.setBigInt64(to + 16, source.getBigInt64(at + 16, true), true);
    target.setBigInt64(to + 24, source.getBigInt64(at + 24, true), true);
  }
  for (; at < end; at += 8, to += 8) {
    target.setBigInt64(to, source.getBigInt64(at, true), true);
  }
}
