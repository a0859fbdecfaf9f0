/**
 * Assertions about the program's own state, for every package. They are off in production; tests and the
 * simulator switch them on. Knows nothing of what is asserted.
 *
 * @module
 */

let enabled = false;

/**
 * Switches {@linkcode invariant} on or off, for the whole program and from this call on.
 *
 * @param on
 * @default {true}
 */
export function enableInvariants(on = true): void {
  enabled = on;
}

/**
 * Asserts that something holds which only a defect of this program can break. Does nothing unless
 * {@linkcode enableInvariants} was called, so no behaviour may depend on it. What comes from a file, a
 * network or a caller is checked with an error of its own instead.
 *
 * @param condition What must hold: a value that costs next to nothing, such as a comparison of two numbers,
 *   or a function that computes it and that is called only while invariants are enabled.
 * @param message What must hold, in words. A constant, as it is made even when nothing is checked.
 * @throws {Error} When invariants are enabled and the condition is false.
 */
export function invariant(condition: boolean | (() => boolean), message: string): void {
  if (enabled && !(typeof condition === "function" ? condition() : condition)) {
    throw new Error(`Invariant violated: ${message}`);
  }
}
