/**
 * Assertions about the state of the program, for every package. They are off in production; tests and the
 * simulator switch them on. Does not know what is asserted.
 *
 * @module
 */

let enabled = false;

/**
 * Switches {@linkcode invariant} on or off for the whole program.
 *
 * @param on Whether invariants are checked from now on.
 * @default {true}
 */
export function enableInvariants(on = true): void {
  enabled = on;
}

/**
 * Asserts a condition that only a bug can break. Does nothing unless {@linkcode enableInvariants} was called,
 * so no behaviour may depend on it. Data from a file, a network or a caller is checked in other ways.
 *
 * @param condition The condition. Either a value that costs next to nothing, such as a comparison of two
 *   numbers, or a function that computes it. The function is called only while invariants are enabled.
 * @param message Describes the condition in words. Use a constant, because it is evaluated on every call.
 * @throws {Error} When invariants are enabled and the condition is false.
 */
export function invariant(condition: boolean | (() => boolean), message: string): void {
  if (enabled && !(typeof condition === "function" ? condition() : condition)) {
    throw new Error(`Invariant violated: ${message}`);
  }
}
