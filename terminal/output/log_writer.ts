/**
 * Writes log lines while the program works. Lines never delay the program, and those that wait never take more
 * than a fixed amount of memory. Owns which lines are dropped. Must not know what the lines say.
 *
 * @module
 */
import { pause } from "../input/signals.ts";
import { OutputError, type OutputStream, writeAll } from "./output.ts";

/** The longest text that waits, besides the text that is being written: UTF-16 units. */
export const MAX_WAITING = 1024 * 1024;

/** The pause before another attempt after a failure: milliseconds. */
const RETRY_MS = 1_000;

/** How a {@linkcode LogWriter} reports lost lines. */
export interface LogWriterEvents {
  /** Returns a line about this many lines that were dropped. It is written in their place. */
  dropped(lines: number): string;
  /** Called when lines cannot be written. Called again only after the stream could be written. */
  failed(error: OutputError): void;
}

/**
 * Log lines on their way to a stream. When the stream takes no more, lines wait. When too many wait, new ones are
 * dropped and counted. When the stream cannot be written, such as on a full disk, it is tried again every second.
 */
export class LogWriter {
  readonly #stream: Pick<OutputStream, "write">;
  readonly #events: LogWriterEvents;
  #waiting = "";
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #failing = false;
  #onFailing: () => void = () => {};

  /** Creates a writer without lines. */
  constructor(stream: Pick<OutputStream, "write">, events: LogWriterEvents) {
    this.#stream = stream;
    this.#events = events;
  }

  /** Adds a line, or drops it. */
  add(line: string): void {
    // After one line was dropped, all are, until those before it are being written: the gap has one place.
    if (this.#dropped > 0 || this.#waiting.length + line.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting += `${line}\n`;
    this.#writing ??= this.#write();
  }

  /** Resolves when no line waits, or when the stream cannot be written. */
  async written(): Promise<void> {
    if (this.#failing) return;
    const failing = new Promise<void>((resolve) => this.#onFailing = resolve);
    await Promise.race([this.#writing, failing]);
  }

  async #write(): Promise<void> {
    const encoder = new TextEncoder();
    while (this.#waiting !== "") {
      const bytes = encoder.encode(this.#waiting);
      this.#waiting = this.#dropped > 0 ? `${this.#events.dropped(this.#dropped)}\n` : "";
      this.#dropped = 0;
      await this.#writeAll(bytes);
    }
    this.#writing = undefined;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0;;) {
      try {
        await writeAll(this.#stream, bytes.subarray(at), (count) => at += count);
        this.#failing = false;
        return;
      } catch (cause) {
        if (!this.#failing) this.#events.failed(new OutputError(cause));
        this.#failing = true;
        this.#onFailing();
        await pause(RETRY_MS);
      }
    }
  }
}
