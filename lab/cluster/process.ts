/**
 * Runs a program in a process of its own, as a user would, and reads its output line by line. Knows
 * nothing of what the program does.
 *
 * @module
 */
import { DEADLINE_MS, withDeadline } from "./deadline.ts";

/** How many lines of each output are kept at most: a program under attack may write without end. */
const MAX_LINES = 20_000;
/** How many of them an error shows: the latest. */
const MAX_SHOWN_LINES = 200;

/** How to start a {@linkcode Process}. */
export interface ProcessOptions {
  /**
   * The permission flags.
   *
   * @default {["--allow-net=127.0.0.1,localhost"]}
   */
  permissions?: string[];
  /**
   * The working directory.
   *
   * @default {that of this process}
   */
  cwd?: string | URL;
  /**
   * Whether standard input is empty, or takes what {@linkcode Process.write} writes.
   *
   * @default {"null"}
   */
  stdin?: "null" | "piped";
  /**
   * How long {@linkcode Process.run} waits for the program to end: milliseconds.
   *
   * @default {15000}
   */
  deadlineMs?: number;
  /** Environment variables to set, in addition to those of this process. */
  env?: Record<string, string>;
  /** Called with each line of standard output. */
  onLine?: (line: string) => void;
}

/** How a program ended, and all its output. */
export interface Finished {
  /** The exit code. It is 128 or more if a signal ended the program. */
  code: number;
  /** The signal that ended the program, or `null`. */
  signal: Deno.Signal | null;
  /** The lines of standard output. */
  stdout: string[];
  /** The lines of standard error. */
  stderr: string[];
}

/** Selects lines: by text that they contain, by a pattern, or by a function. */
export type LineMatch = string | RegExp | ((line: string) => boolean);

/**
 * A program that Deno runs in a process of its own. Disposing it kills the program if it still runs, and
 * waits for its end. The program also ends with this process, unless this process is killed.
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
  /** The command line that started the program, for error messages. */
  readonly command: string;
  /** Resolves when the program has ended, for whatever reason. */
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

  /** Starts `deno run <permissions> <program> <args>`. The program is a path or a URL. */
  static start(program: string, args: string[] = [], options: ProcessOptions = {}): Process {
    return new Process(program, args, options);
  }

  /**
   * Starts a program that ends by itself, and waits for its end.
   *
   * @throws {Error} When it does not end within `deadlineMs`. The message contains its output.
   */
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

  /** How much the program has written so far, to standard output and standard error: bytes. */
  get outputBytes(): number {
    return this.#stdout.bytes + this.#stderr.bytes;
  }

  /** The lines on standard output so far, or the latest 10,000 to 20,000 of them. */
  get stdout(): readonly string[] {
    return this.#stdout.lines;
  }

  /** The lines on standard error so far, or the latest 10,000 to 20,000 of them. */
  get stderr(): readonly string[] {
    return this.#stderr.lines;
  }

  /**
   * Waits for a line of standard output that matches and was not returned before. Lines may be waited for
   * in any order, and waiting for the same line again returns the next one.
   *
   * @param deadlineMs How long to wait: milliseconds.
   * @throws {Error} When there is no such line at the deadline or at the end of the program. The message
   *   contains the output of the program.
   */
  waitFor(match: LineMatch, deadlineMs: number = DEADLINE_MS): Promise<string> {
    return this.#waitIn(this.#stdout, match, deadlineMs);
  }

  /**
   * Waits for a line of standard error that matches and was not returned before.
   *
   * @param deadlineMs How long to wait: milliseconds.
   * @throws {Error} When there is no such line at the deadline or at the end of the program. The message
   *   contains the output of the program.
   */
  waitForError(match: LineMatch, deadlineMs: number = DEADLINE_MS): Promise<string> {
    return this.#waitIn(this.#stderr, match, deadlineMs);
  }

  /** Writes to standard input, which must be piped. Adds no line end. */
  async write(text: string): Promise<void> {
    await this.#input!.write(new TextEncoder().encode(text));
  }

  /** Closes standard input. */
  async endInput(): Promise<void> {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    // This fails if the program has ended.
    await this.#input!.close().catch(() => {});
  }

  /** Sends a signal, such as `SIGKILL` for a crash. Does nothing if the program has ended. */
  kill(signal: Deno.Signal): void {
    if (!this.#running) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // The program may have ended a moment ago.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /**
   * Waits until the program has ended, and returns its whole output.
   *
   * @param deadlineMs How long to wait: milliseconds.
   * @throws {Error} When it has not ended at the deadline. The message contains its output.
   */
  async finished(deadlineMs: number = DEADLINE_MS): Promise<Finished> {
    const { code, signal } = await this.#within(deadlineMs, this.#child.status, "did not end");
    await Promise.all([this.#stdout.ended, this.#stderr.ended]);
    return { code, signal, stdout: this.#stdout.lines, stderr: this.#stderr.lines };
  }

  /** Kills the program if it still runs, and waits for its end. */
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
    return this.#within(deadlineMs, found, `printed no line like ${match}`);
  }

  #within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
    return withDeadline(work, ms, () => this.#failure(`${what} within ${ms} ms`));
  }

  #failure(what: string): Error {
    const show = (name: string, lines: readonly string[]) =>
      lines.length === 0
        ? `${name}: nothing`
        : `${name}:\n    ${lines.slice(-MAX_SHOWN_LINES).join("\n    ")}`;
    return new Error(
      `${this.command}\n  ${what}\n  ${show("stdout", this.stdout)}\n  ${
        show("stderr", this.stderr)
      }`,
    );
  }
}

/** Collects the latest lines of a stream, and lets callers wait for one. */
class Lines {
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  /** The number of bytes so far. */
  bytes = 0;
  /** The taken ones among {@linkcode Lines.lines}. */
  #taken = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #open = true;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine: (line: string) => void = () => {},
  ) {
    this.ended = this.#collect(stream, onLine);
  }

  /** Takes the first matching line that was not taken before. `undefined` if the stream ends without one. */
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
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.bytes += bytes.length;
      const lines = decoder.decode(bytes, { stream: true }).split("\n");
      // A long line comes in many pieces. Only the last piece is searched.
      if (lines.length === 1) {
        rest += lines[0];
        continue;
      }
      lines[0] = rest + lines[0];
      rest = lines.pop()!;
      this.lines.push(...lines);
      lines.forEach(onLine);
      for (const look of [...this.#waiting]) look();
      this.#forget();
    }
    if (rest !== "") this.lines.push(rest);
    this.#open = false;
    for (const look of [...this.#waiting]) look();
  }

  /** Drops the oldest lines if there are too many. */
  #forget(): void {
    const excess = this.lines.length - MAX_LINES;
    if (excess <= 0) return;
    const dropped = excess + MAX_LINES / 2;
    this.lines.splice(0, dropped);
    const left = [...this.#taken].filter((index) => index >= dropped);
    this.#taken = new Set(left.map((index) => index - dropped));
  }
}

function matcher(match: LineMatch): (line: string) => boolean {
  if (typeof match === "function") return match;
  return typeof match === "string" ? (line) => line.includes(match) : (line) => match.test(line);
}
