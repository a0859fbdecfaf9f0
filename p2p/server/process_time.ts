/**
 * The clock of the process.
 *
 * @module
 */

/**
 * The time in milliseconds by a clock that never jumps and never goes backwards. It is the time since 1970 if the
 * machine's clock was right when the process started.
 */
export function processTime(): number {
  return performance.timeOrigin + performance.now();
}
