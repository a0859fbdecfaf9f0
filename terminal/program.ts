/**
 * The frame of every program: it reads the options, answers `--help` and `--version`, runs the
 * program, and turns whatever happens into an exit code and at most one line. Must not know what any
 * program does.
 *
 * @module
 */
import { describeError, UsageError } from "./output/errors.ts";
import type { Options, OptionValues } from "./input/options.ts";
import { OutputError, print, printError } from "./output/print.ts";
import type { StopRequest } from "./input/signals.ts";

/** A program, as `--help` describes it. */
export interface Program<O extends Options = Options> {
  /** Its name, such as `netlab p2p server`. */
  readonly name: string;
  /** What it does, in a sentence or two. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
  /** How it is started, such as `deno task p2p:server [options]`. */
  readonly usage: string;
  /** Its options, in the order of `--help`. `--help` and `--version` are added. */
  readonly options: O;
  /** Commands worth trying. */
  readonly examples: readonly {
    /** The command as it is typed. */
    readonly command: string;
    /** What it does. */
    readonly what: string;
  }[];
  /**
   * Whether a signal ends it at once, as the system does it: for a program that computes without a pause, in
   * which no signal could be heard, and that leaves nothing behind.
   *
   * @default {false}
   */
  readonly endsAtOnce?: boolean;
}

/**
 * Runs a program and ends the process: with the exit code that `main` returns (0 when it returns
 * none), with 1 when it throws, with 2 when the command line is wrong. Errors are one line on
 * standard error. When nobody reads standard output any more (`| head -1`), it ends with 0 and without a word.
 *
 * `main` gets the options' values and a signal that aborts at the first SIGINT, SIGTERM, SIGHUP or SIGQUIT: it
 * is then to end soon and in good order. A program that was to run until it is stopped returns 0 then. One that
 * had something to do, and has not done it, throws the signal's reason: the exit code is the one that shells
 * give to the signal, such as 143 for SIGTERM. The second signal ends the process at once.
 *
 * @param args The command line: without the name of a command, where a program has several.
 */
export async function runProgram<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[] = Deno.args,
): Promise<never> {
  let listening: StopRequest | undefined;
  const hadTerminal = Deno.stdout.isTerminal();
  // What nobody awaited is an error of the program like any other. That nothing can be shown any more is a
  // reason to stop, in good order; once the terminal has gone, much fails for that.
  const uncaught = (event: Event, error: unknown) => {
    const isUnseen = error instanceof OutputError || (hadTerminal && !Deno.stdout.isTerminal());
    if (!isUnseen || !listening) Deno.exit(fail(error));
    event.preventDefault();
    listening.stop(error as Error);
  };
  addEventListener("unhandledrejection", (event) => uncaught(event, event.reason));
  addEventListener("error", (event) => uncaught(event, event.error));
  if (asksForVersion(args)) Deno.exit(showVersion(program));
  Deno.exit(await run(program, main, args, (stop) => listening = stop));
}

/** Whether the version is asked for: it is told whatever else is there, so nothing else is loaded. */
function asksForVersion(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const options = end < 0 ? args : args.slice(0, end);
  const has = (...names: string[]) => options.some((option) => names.includes(option));
  return has("--version", "-V") && !has("--help", "-h");
}

function showVersion({ name, version }: Program): number {
  try {
    print(`${name} ${version}`);
    return 0;
  } catch (error) {
    return fail(error);
  }
}

async function run<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[],
  onListening: (stop: StopRequest) => void,
): Promise<number> {
  const [{ parseOptions }, { listenForStop, StopError }] = await Promise.all([
    import("./input/options.ts"),
    import("./input/signals.ts"),
  ]);
  const hadTerminal = Deno.stdout.isTerminal();
  using stop = program.endsAtOnce ? null : listenForStop();
  if (stop) onListening(stop);
  try {
    const options = await parseOptions(program.options, args);
    if (options.help) {
      const { helpText } = await import("./output/help.ts");
      print(helpText(program));
      return 0;
    }
    if (options.version) return showVersion(program);
    const signal = stop?.signal ?? new AbortController().signal;
    const exitCode = await main(options as OptionValues<O>, signal) ?? 0;
    return signal.reason instanceof OutputError && !hadTerminal ? fail(signal.reason) : exitCode;
  } catch (error) {
    // The terminal has gone, which is why the program was told to stop.
    if (hadTerminal && stop?.signal.aborted && error instanceof OutputError) return 0;
    return fail(error, error instanceof StopError ? error.exitCode : undefined);
  }
}

function fail(error: unknown, exitCode?: number): number {
  if (error instanceof OutputError && error.nobodyReads) return 0;
  printError(`error: ${describeError(error)}`);
  return exitCode ?? (error instanceof UsageError ? 2 : 1);
}
