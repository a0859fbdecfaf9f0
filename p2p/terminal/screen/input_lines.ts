/**
 * The lines of a pipe or a file. Reads no further than its reader has come, so that input of any length needs
 * little memory. Must not know what the lines say.
 *
 * @module
 */

/** How much is read at once: bytes. */
const READ_BYTES = 64 * 1024;

/** Reads lines on demand. A line ends with LF or CR LF; the last one may end with the input. */
export class InputLines implements AsyncIterableIterator<string> {
  readonly #read: (buffer: Uint8Array) => Promise<number | null>;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #decoder = new TextDecoder();
  #isClosed = false;
  /** Ends the read that is in progress. */
  #stop: () => void = () => {};
  /** The lines that were read and not returned, in reverse order. */
  #lines: string[] = [];
  /** The parts of the line that has not ended. */
  #rest: string[] = [];
  #atEnd = false;

  /**
   * Reads nothing yet.
   *
   * @param read Reads into a buffer, as `Deno.stdin.read` does.
   */
  constructor(read: (buffer: Uint8Array) => Promise<number | null>) {
    this.#read = read;
  }

  /** Reads no more. Lines that were read before are still returned. */
  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  /** Returns the next line. Throws the error of the input. */
  async next(): Promise<IteratorResult<string, undefined>> {
    while (this.#lines.length === 0) {
      if (this.#atEnd) return { value: undefined, done: true };
      const count = await this.#readOn();
      if (count !== null) this.#add(this.#decoder.decode(this.#buffer.subarray(0, count), STREAM));
      else this.#end();
    }
    return { value: this.#lines.pop()!, done: false };
  }

  /** Returns this object. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads into the buffer. Returns `null` at the end of the input or when it is closed. */
  #readOn(): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#stop = () => resolve(null);
      if (this.#isClosed) this.#stop();
      else this.#read(this.#buffer).then(resolve, reject);
    });
  }

  #add(text: string): void {
    const parts = text.split("\n");
    this.#rest.push(parts[0]!);
    if (parts.length === 1) return;
    parts[0] = this.#rest.join("");
    this.#rest = [parts.pop()!];
    this.#lines = parts.reverse().map(withoutReturn);
  }

  #end(): void {
    this.#atEnd = true;
    const last = this.#rest.join("") + this.#decoder.decode();
    if (last !== "") this.#lines.push(withoutReturn(last));
  }
}

const STREAM = { stream: true };

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
