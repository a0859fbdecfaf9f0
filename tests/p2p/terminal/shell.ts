/**
 * A shell in a terminal of the system, as a person would use it. What it writes is shown by a {@linkcode TestTerminal}.
 *
 * @module
 */
import { eventually } from "../network.ts";
import { TestTerminal } from "../../terminal.ts";

/** A shell with job control. */
export class Shell implements AsyncDisposable {
  readonly #terminal = new TestTerminal(80, 24);
  readonly #process: Deno.ChildProcess;
  readonly #shown: Promise<void>;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  #typing = Promise.resolve();

  private constructor() {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--allow-run", "tests/p2p/terminal/run_shell.ts"],
      cwd: new URL("../../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#keys = this.#process.stdin.getWriter();
    const [ignore, encoder] = [() => {}, new TextEncoder()];
    this.#terminal.listen({
      input: (text) => {
        this.#typing = this.#typing.then(() => this.#keys.write(encoder.encode(text)))
          .catch(ignore);
      },
      resized: ignore,
      resumed: ignore,
      ended: ignore,
    });
    this.#shown = this.#show();
  }

  /** Starts a shell. Returns `undefined` on a machine without `script` or `bash`. */
  static async start(): Promise<Shell | undefined> {
    const shell = new Shell();
    const ended = shell.#process.status.then(() => true);
    shell.type("stty cols 80 rows 24; PS1='READY '; clear\r");
    const isReady = shell.shows(/^READY/m).then(() => false);
    if (!await Promise.race([ended, isReady])) return shell;
    await isReady.catch(() => {});
    await shell[Symbol.asyncDispose]();
    return undefined;
  }

  /** Everything that was written. */
  get output(): string {
    return this.#terminal.output;
  }

  /** Types text. */
  type(text: string): void {
    this.#terminal.type(text);
  }

  /** Waits until the window shows this. */
  async shows(what: RegExp): Promise<void> {
    await eventually(
      `${what} is shown`,
      async () => what.test((await this.#terminal.rows()).join("\n")),
    );
  }

  /** Ends the shell and what runs in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#typing;
    await this.#keys.close().catch(() => {});
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.#process.status;
    await this.#shown;
    await this.#terminal[Symbol.asyncDispose]();
  }

  async #show(): Promise<void> {
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#terminal.write(part);
  }
}
