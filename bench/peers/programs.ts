/**
 * Programs that run on one core: servers, and the generator. Starts them, keeps what they print, and
 * makes sure that they end.
 *
 * @module
 */

/** The folder of this repository. */
export const ROOT: string = new URL("../../", import.meta.url).pathname;

/** How much output is kept: characters. */
const KEPT_CHARACTERS = 64 * 1024;
/** Milliseconds that a program may take to start. */
const START_MS = 15_000;
/** Milliseconds between two looks at a program that starts. */
const LOOK_EVERY_MS = 5;

/** Whether programs can be bound to cores: that takes two cores and `taskset`. */
export async function canPin(): Promise<boolean> {
  return navigator.hardwareConcurrency > 1 &&
    await outputOf("taskset", "--version") !== undefined;
}

/** Everything that a program prints; `undefined` if it cannot be run. */
export async function outputOf(program: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    throw error;
  }
}

/** A running program. Disposing kills it and waits for its end. */
export class Program implements AsyncDisposable {
  /** The command as a reader would type it in this repository. */
  readonly command: string;
  /** The end of its standard output. */
  output = "";
  /** The end of its standard error. */
  errors = "";
  /** Whether it has not ended. */
  running = true;
  /** Resolves at its end, with the exit code. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;

  /**
   * Starts a program.
   *
   * @param core The core that it is bound to, if any.
   * @param stdout Whether to keep its standard output, which otherwise goes nowhere and costs nothing.
   */
  constructor(
    command: readonly string[],
    core: number | undefined,
    stdout: "keep" | "ignore" = "ignore",
  ) {
    this.command = command.join(" ").replaceAll(Deno.execPath(), "deno").replaceAll(ROOT, "");
    const pin = core === undefined ? [] : ["taskset", "-c", String(core)];
    const [program, ...args] = [...pin, ...command];
    this.#child = new Deno.Command(program!, {
      ...{ args, stdin: "null", stdout: stdout === "keep" ? "piped" : "null", stderr: "piped" },
    }).spawn();
    const read = [this.#read(this.#child.stderr, "errors")];
    if (stdout === "keep") read.push(this.#read(this.#child.stdout, "output"));
    const kill = () => this.kill();
    addEventListener("unload", kill);
    this.ended = this.#child.status.then(async ({ code }) => {
      this.running = false;
      removeEventListener("unload", kill);
      await Promise.all(read);
      return code;
    });
  }

  /** The process id, which `taskset` does not change. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Waits until `find` finds something, such as a line in its output.
   *
   * @throws {Error} When it ends before, or within {@linkcode START_MS} nothing is found.
   */
  async until<T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + START_MS;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (!this.running) {
        await this.ended;
        const reason = this.errors.trim().split("\n").at(-1) || "it printed no reason";
        throw new Error(`${this.command.split(" ")[0]} ended: ${reason}`);
      }
      if (performance.now() > deadline) {
        throw new Error(`Cannot use ${this.command}: waited ${START_MS} ms in vain until ${what}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Ends it at once. */
  kill(): void {
    if (this.running) this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended;
  }

  async #read(stream: ReadableStream<Uint8Array>, into: "output" | "errors"): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this[into] = (this[into] + decoder.decode(bytes, { stream: true })).slice(-KEPT_CHARACTERS);
    }
  }
}
