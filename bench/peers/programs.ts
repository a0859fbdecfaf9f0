/**
 * Programs that are started on one core: servers and the generator. Owns how they are pinned, what they
 * said, and that they are gone in the end; knows nothing of what they do.
 *
 * @module
 */

/** How much of what a program says is kept: characters. */
const KEPT_CHARACTERS = 64 * 1024;

/** Whether programs can be pinned to cores: there are two, and `taskset` may be run. */
export async function canPin(): Promise<boolean> {
  return navigator.hardwareConcurrency > 1 && await isInstalled("taskset", "--version");
}

/** Whether a program can be run. */
export async function isInstalled(program: string, ...args: string[]): Promise<boolean> {
  return await outputOf(program, ...args) !== undefined;
}

/** All that a program prints before it ends; `undefined` when it cannot be run. */
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

/** The folder of this repository. */
const ROOT = new URL("../../", import.meta.url).pathname;

/** A program that runs. Disposing kills it, if it still runs, and waits until it is gone. */
export class Program implements AsyncDisposable {
  /** The command line as a reader would type it in this repository: without the pinning and its folder. */
  readonly command: string;
  /** What was printed to standard output, the end of it. */
  output = "";
  /** What was printed to standard error, the end of it. */
  errors = "";
  /** Resolves when it has ended: with its exit code. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  readonly #changed: (() => void)[] = [];
  #running = true;

  /**
   * Starts it.
   *
   * @param core The core that it is to stay on, if it is to.
   * @param listens Whether what it prints to standard output is wanted; else it goes nowhere.
   */
  constructor(command: readonly string[], core: number | undefined, listens: boolean) {
    this.command = command.join(" ").replaceAll(Deno.execPath(), "deno").replaceAll(ROOT, "");
    const [program, ...args] = core === undefined
      ? command
      : ["taskset", "-c", String(core), ...command];
    this.#child = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: listens ? "piped" : "null",
      stderr: "piped",
    }).spawn();
    const read: Promise<void>[] = [
      this.#collect(
        this.#child.stderr,
        (text) => this.errors = (this.errors + text).slice(-KEPT_CHARACTERS),
      ),
    ];
    if (listens) {
      read.push(
        this.#collect(
          this.#child.stdout,
          (text) => this.output = (this.output + text).slice(-KEPT_CHARACTERS),
        ),
      );
    }
    const kill = () => this.kill();
    addEventListener("unload", kill);
    this.ended = this.#child.status.then(async ({ code }) => {
      this.#running = false;
      removeEventListener("unload", kill);
      await Promise.all(read);
      this.#change();
      return code;
    });
  }

  /** The process id; pinning leaves it as it is. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it has not ended. */
  get running(): boolean {
    return this.#running;
  }

  /**
   * Waits until it has printed what `find` finds.
   *
   * @throws {Error} When it ends before, with what it said.
   */
  async said<T>(find: (program: this) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this);
      if (found !== undefined) return found;
      if (!this.#running) throw this.failure();
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  /** What to say when it has ended and should not have. */
  failure(): Error {
    const said = this.errors.trim().split("\n").at(-1) || "it said nothing";
    return new Error(`${this.command.split(" ")[0]} ended: ${said}`);
  }

  /** Ends it at once. */
  kill(): void {
    if (this.#running) this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended;
  }

  async #collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      add(decoder.decode(bytes, { stream: true }));
      this.#change();
    }
  }

  #change(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}
