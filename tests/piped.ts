/**
 * A program whose standard output the test reads up to a point, and then no more. Must not know what it prints.
 *
 * @module
 */
import { DEADLINE_MS } from "@netlab/lab";
import { eventually, within } from "./p2p/network.ts";

/** A running program. */
export class Piped implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  /** Reads only on demand: a read ahead would leave room in the pipe for one more write. */
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #errorsRead: Promise<void>;
  /** What was read of standard output. */
  output = "";
  /** What it said on standard error. */
  errors = "";

  /** Starts `deno run <permissions> <program> <args>` at the root of the workspace. */
  constructor(program: string, args: string[], permissions: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissions, program, ...args],
      cwd: new URL("..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reader = this.#child.stdout.getReader();
    this.#errorsRead = this.#readErrors();
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Reads until the text is there. */
  async until(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      const { value, done } = await within(text, this.#reader.read(), DEADLINE_MS);
      if (done) throw new Error(`It ended after ${this.output}`);
      this.output += new TextDecoder().decode(value);
    }
  }

  /** Waits until it has said something on standard error. */
  async untilError(text: string): Promise<void> {
    await eventually(text, () => this.errors.includes(text));
  }

  /** Types a line. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Ends its input. */
  async endInput(): Promise<void> {
    await this.#child.stdin.close();
  }

  /** Reads no more, so that its next write fails. */
  hangUp(): Promise<void> {
    return this.#reader.cancel();
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** How it ends, and what it said on standard error. */
  async finished(deadlineMs = DEADLINE_MS): Promise<{ code: number; errors: string }> {
    const { code } = await within("its end", this.#child.status, deadlineMs);
    await this.#errorsRead;
    return { code, errors: this.errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {});
    await this.#errorsRead;
    await this.#reader.cancel().catch(() => {});
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.errors += text;
    }
  }
}
