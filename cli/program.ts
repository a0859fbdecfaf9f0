/**
 * The frame of every program: it reads the options, answers `--help` and `--version`, runs the
 * program, and turns whatever happens into an exit code and at most one line. Must not know what any
 * program does.
 *
 * @module
 */
import { describeError, UsageError } from "./errors.ts";
import { type Options, type OptionValues, parseOptions } from "./options.ts";
import { print, printError } from "./print.ts";
import { listenForStop } from "./signals.ts";

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
}

/**
 * Runs a program and ends the process: with the exit code that `main` returns (0 when it returns
 * none), with 1 when it throws, with 2 when the command line is wrong. Errors are one line on
 * standard error.
 *
 * `main` gets the options' values and a signal that aborts at the first SIGINT or SIGTERM: it is
 * then to end soon and in good order. The second signal ends the process at once.
 *
 * @param args The command line: without the name of a command, where a program has several.
 */
export async function runProgram<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[] = Deno.args,
): Promise<never> {
  // What nobody awaited is an error of the program like any other.
  addEventListener("unhandledrejection", (event) => Deno.exit(fail(event.reason)));
  addEventListener("error", (event) => Deno.exit(fail(event.error)));
  Deno.exit(await run(program, main, args));
}

async function run<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[],
): Promise<number> {
  using stop = listenForStop();
  try {
    const options = parseOptions(program.options, args);
    if (options.help) {
      const { helpText } = await import("./help.ts");
      print(helpText(program));
      return 0;
    }
    if (options.version) {
      print(`${program.name} ${program.version}`);
      return 0;
    }
    return await main(options as OptionValues<O>, stop.signal) ?? 0;
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason) return 0;
    return fail(error);
  }
}

function fail(error: unknown): number {
  printError(`error: ${describeError(error)}`);
  return error instanceof UsageError ? 2 : 1;
}
