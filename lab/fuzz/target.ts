/**
 * What a fuzzer tests, and what it finds.
 *
 * @module
 */

/** One input that broke something. */
export interface Finding {
  /** What went wrong, in one sentence. */
  readonly what: string;
  /** The bytes that did it, connection by connection, if they are known: those of a regression vector. */
  readonly inputs?: readonly Input[];
}

/** Bytes that one party sends. */
export interface Input {
  /** The number of the connection, from 0. */
  readonly connection: number;
  /** The bytes. */
  readonly bytes: Uint8Array;
}

/** What one round of fuzzing did. */
export interface Round {
  /** How many frames the round sent. Some of them were not correct. */
  readonly frames: number;
  /** What it found. */
  readonly findings: readonly Finding[];
}

/** A part of netlab that can be fuzzed. */
export interface FuzzTarget extends AsyncDisposable {
  /**
   * Runs one round.
   *
   * @param seed Any integer. A round of a deterministic target depends on nothing else.
   * @param stop Ends a round that takes longer than a second.
   * @throws {unknown} The reason of `stop` when it aborts.
   */
  round(seed: number, stop?: AbortSignal): Promise<Round>;
}
