/**
 * Writes text to a stream of the process. A program that has a stop signal never waits in the middle of its
 * work: not for a reader that has stopped, not for a terminal after ctrl-S. Owns the text that waits, and what
 * happens when it cannot be written. Must not know what the text says.
 *
 * @module
 */

import { pause } from "../input/signals.ts";

/** The part of `Deno.stdout` and `Deno.stderr` that is used. Tests use their own. */
export interface OutputStream {
  /** Writes the beginning of `bytes`. Resolves to the number of bytes written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Writes the beginning of `bytes` before it returns the number of bytes written. */
  writeSync(bytes: Uint8Array): number;
}

/** Standard output cannot be written. The cause says why: a full disk, a reader that has gone. */
export class OutputError extends Error {
  /** `OutputError`. */
  override name = "OutputError";
  /** Whether the reader of the output has gone, as after `| head -1`. */
  readonly nobodyReads: boolean;

  /** Creates the error, with the error of the system as its cause. */
  constructor(cause: unknown) {
    super("Cannot write to standard output", { cause });
    this.nobodyReads = cause instanceof Deno.errors.BrokenPipe;
  }
}

const encoder = new TextEncoder();
const LINE_END = 10;

/** The pause before another attempt to write to a full pipe: milliseconds. */
const FULL_PIPE_MS = 10;
/** A pipe takes this many bytes as a whole or not at all (PIPE_BUF of Linux). */
const PART_BYTES = 4_096;

/** Text on its way to a stream, in order. Text that cannot be written is lost. */
export class Output {
  /**
   * Whether {@linkcode Output.add} writes before it returns. Otherwise text is written while the program waits
   * for something, which a program that computes without a pause never does.
   *
   * @default {true}
   */
  blocking = true;
  /** Called when text is lost, unless `blocking` is set. */
  onFailure: (error: OutputError) => void = () => {};
  readonly #stream: OutputStream;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #failure: OutputError | undefined;

  /** Creates an output for a stream. */
  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Whether text waits to be written. */
  get busy(): boolean {
    return this.#writing !== undefined;
  }

  /** Why text was lost; `undefined` when none was. */
  get failure(): OutputError | undefined {
    return this.#failure;
  }

  /**
   * Adds text.
   *
   * @throws {OutputError} When `blocking` is set and the text cannot be written.
   */
  add(text: string): void {
    if (this.blocking) return this.writeNow(text);
    // Without text, nothing would be written, and nothing would say that it is.
    if (text === "") return;
    this.#waiting += text;
    this.#writing ??= this.#write();
  }

  /**
   * Resolves when nothing waits any more. A program that prints without end awaits this, so that a reader who is
   * slower slows it down.
   *
   * @throws {OutputError} When text was lost, now or earlier.
   */
  async written(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  async #write(): Promise<void> {
    while (this.#waiting !== "") {
      const text = this.#waiting;
      this.#waiting = "";
      try {
        await writeAll(this.#stream, encoder.encode(text));
      } catch (cause) {
        this.#failure ??= new OutputError(cause);
        this.onFailure(this.#failure);
      }
    }
    this.#writing = undefined;
  }

  /** Writes text before it returns. Throws an {@linkcode OutputError}. For times at which nothing is written later. */
  writeNow(text: string): void {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) {
      try {
        at += this.#stream.writeSync(partOf(bytes, at));
      } catch (cause) {
        if (!isFull(cause)) throw this.#failure = new OutputError(cause);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
      }
    }
  }
}

/**
 * Writes bytes. Throws the error of the system.
 *
 * @param onPart Called with the number of bytes of each part that is written.
 */
export async function writeAll(
  stream: Pick<OutputStream, "write">,
  bytes: Uint8Array,
  onPart: (bytes: number) => void = () => {},
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    try {
      const count = await stream.write(partOf(bytes, at));
      at += count;
      onPart(count);
    } catch (error) {
      if (!isFull(error)) throw error;
      await pause(FULL_PIPE_MS);
    }
  }
}

/**
 * Returns the next bytes to write: whole lines, as many as a pipe takes at once. Deno buffers the rest of a line, and
 * after an error it does not say how many bytes were written. With such parts it is all of them or none.
 */
function partOf(bytes: Uint8Array, start: number): Uint8Array {
  if (bytes.length - start <= PART_BYTES) return bytes.subarray(start);
  const lineEnd = bytes.lastIndexOf(LINE_END, start + PART_BYTES - 1);
  return bytes.subarray(start, lineEnd < start ? start + PART_BYTES : lineEnd + 1);
}

/** Whether a pipe is full that another program has made non-blocking. */
function isFull(error: unknown): boolean {
  return error instanceof Deno.errors.WouldBlock;
}

/** Standard output. */
export const STDOUT: Output = new Output(Deno.stdout);
/** Standard error. */
export const STDERR: Output = new Output(Deno.stderr);
