/**
 * Programs as processes: started as a user would start them, watched line by line, and ended for
 * certain. Must not know what any program does.
 *
 * @module
 */

/** How long anything may take before it is given up: milliseconds. Generous, for slow machines. */
export const DEADLINE_MS = 15_000;

/** How a {@linkcode Process} is started. */
export interface ProcessOptions {
  /**
   * The permission flags.
   *
   * @default {["--allow-net=127.0.0.1,localhost"]}
   */
  permissions?: string[];
  /**
   * The directory that it runs in.
   *
   * @default {the one of this process}
   */
  cwd?: string | URL;
  /**
   * What is on standard input: nothing, or what {@linkcode Process.write} writes.
   *
   * @default {"null"}
   */
  stdin?: "null" | "piped";
  /**
   * How long {@linkcode Process.run} waits for the end: milliseconds.
   *
   * @default {15000}
   */
  deadlineMs?: number;
  /** Environment variables on top of those of this process. */
  env?: Record<string, string>;
  /** Hears each line of standard output. */
  onLine?: (line: string) => void;
}

/** How a program ended, and all that it printed. */
export interface Finished {
  /** The exit code; 128 and more when a signal ended it. */
  code: number;
  /** The signal that ended it, if one did. */
  signal: Deno.Signal | null;
  /** The lines of standard output. */
  stdout: string[];
  /** The lines of standard error. */
  stderr: string[];
}

/** What a line is to be: text that it contains, a pattern, or a test of its own. */
export type LineMatch = string | RegExp | ((line: string) => boolean);

/**
 * A program that Deno runs in a process of its own. Disposing kills it if it still runs, and waits until
 * all of it is gone. It does not outlive this process either, unless that one is killed itself.
 *
 * @example
 * ```ts ignore
 * import { Process } from "@netlab/lab";
 *
 * await using server = Process.start("basic/server.ts", ["--port", "5001"]);
 * await server.waitFor("Listening");
 * server.kill("SIGTERM");
 * (await server.finished()).code; // 0
 * ```
 */
export class Process implements AsyncDisposable {
  /** How the program was started, for messages. */
  readonly command: string;
  /** Resolves when the program has ended, however it did. */
  readonly ended: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  readonly #stdout: Lines;
  readonly #stderr: Lines;
  #inputOpen: boolean;
  #running = true;

  private constructor(program: string, args: string[], options: ProcessOptions) {
    const { permissions = ["--allow-net=127.0.0.1,localhost"], stdin = "null", env = {} } = options;
    const { cwd, onLine } = options;
    const flags = ["run", ...permissions, program, ...args];
    this.command = `deno ${flags.join(" ")}`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: flags,
      ...cwd !== undefined && { cwd },
      env,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#inputOpen = stdin === "piped";
    this.#input = this.#inputOpen ? this.#child.stdin.getWriter() : undefined;
    this.#stdout = new Lines(this.#child.stdout, onLine);
    this.#stderr = new Lines(this.#child.stderr);
    const killWithParent = () => this.kill("SIGKILL");
    addEventListener("unload", killWithParent);
    this.ended = this.#child.status.then(() => {
      this.#running = false;
      removeEventListener("unload", killWithParent);
    });
  }

  /** Starts `deno run <permissions> <program> <args>`; the program is a path or a URL. */
  static start(program: string, args: string[] = [], options: ProcessOptions = {}): Process {
    return new Process(program, args, options);
  }

  /** Starts a program that ends by itself, and waits for that. */
  static async run(
    program: string,
    args: string[] = [],
    options: ProcessOptions = {},
  ): Promise<Finished> {
    await using process = new Process(program, args, options);
    return await process.finished(options.deadlineMs);
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The lines on standard output so far. */
  get stdout(): readonly string[] {
    return this.#stdout.lines;
  }

  /** The lines on standard error so far. */
  get stderr(): readonly string[] {
    return this.#stderr.lines;
  }

  /**
   * The first line of standard output that matches and was not returned before; waits for it. So lines
   * may be waited for in any order, and the same line again means the next one of its kind.
   */
  waitFor(match: LineMatch, deadlineMs: number = DEADLINE_MS): Promise<string> {
    return this.#waitIn(this.#stdout, match, deadlineMs);
  }

  /** The same for standard error. */
  waitForError(match: LineMatch, deadlineMs: number = DEADLINE_MS): Promise<string> {
    return this.#waitIn(this.#stderr, match, deadlineMs);
  }

  /** Writes to standard input, which must be piped. Lines need their `\n`. */
  async write(text: string): Promise<void> {
    await this.#input!.write(new TextEncoder().encode(text));
  }

  /** Ends standard input. */
  async endInput(): Promise<void> {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    // It fails when the program has gone, and its input with it.
    await this.#input!.close().catch(() => {});
  }

  /** Sends a signal: `SIGKILL` for a crash. Does nothing when the program has ended. */
  kill(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It may have ended without our having heard of it yet.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Waits until the program has ended, and gives what it printed in all. */
  async finished(deadlineMs: number = DEADLINE_MS): Promise<Finished> {
    const { code, signal } = await this.#within(
      deadlineMs,
      this.#child.status,
      () => "did not end",
    );
    await Promise.all([this.#stdout.ended, this.#stderr.ended]);
    return { code, signal, stdout: this.#stdout.lines, stderr: this.#stderr.lines };
  }

  /** Kills the program if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#child.status;
    await this.endInput();
    await Promise.all([this.#stdout.ended, this.#stderr.ended]);
  }

  #waitIn(lines: Lines, match: LineMatch, deadlineMs: number): Promise<string> {
    const test = matcher(match);
    const found = lines.take(test).then((line) => {
      if (line === undefined) throw this.#failure(`ended without a line like ${match}`);
      return line;
    });
    return this.#within(deadlineMs, found, () => `printed no line like ${match}`);
  }

  async #within<T>(ms: number, work: Promise<T>, what: () => string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(this.#failure(`${what()} within ${ms} ms`)),
      ms,
    );
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(what: string): Error {
    const show = (name: string, lines: readonly string[]) =>
      lines.length === 0 ? `${name}: nothing` : `${name}:\n    ${lines.join("\n    ")}`;
    return new Error(
      `${this.command}\n  ${what}\n  ${show("stdout", this.stdout)}\n  ${
        show("stderr", this.stderr)
      }`,
    );
  }
}

/** The lines of a stream, and those who wait for one. */
class Lines {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  readonly #taken = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #open = true;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine: (line: string) => void = () => {},
  ) {
    this.ended = this.#collect(stream, onLine);
  }

  /** The first line not taken yet that matches; `undefined` when the stream ends without one. */
  take(test: (line: string) => boolean): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const look = () => {
      const at = this.lines.findIndex((line, index) => !this.#taken.has(index) && test(line));
      if (at < 0 && this.#open) return;
      this.#waiting.delete(look);
      if (at >= 0) this.#taken.add(at);
      resolve(this.lines[at]);
    };
    this.#waiting.add(look);
    look();
    return promise;
  }

  async #collect(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine: (line: string) => void,
  ): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines);
      lines.forEach(onLine);
      for (const look of [...this.#waiting]) look();
    }
    if (rest !== "") this.lines.push(rest);
    this.#open = false;
    for (const look of [...this.#waiting]) look();
  }
}

function matcher(match: LineMatch): (line: string) => boolean {
  if (typeof match === "function") return match;
  return typeof match === "string" ? (line) => line.includes(match) : (line) => match.test(line);
}
