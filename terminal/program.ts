/**
 * Runs a program: reads its options, answers `--help` and `--version`, and turns the result or an error
 * into an exit code and at most one line on standard error. Must not know what any program does.
 *
 * @module
 */
import { type Options, type OptionValues, parseOptions } from "./input/options.ts";
import { listenForStop, StopError, type StopRequest } from "./input/signals.ts";
import { describeError, UsageError } from "./output/errors.ts";
import { helpText, type Program } from "./output/help.ts";
import { OutputError, print, printError } from "./output/print.ts";

export type { Program } from "./output/help.ts";

/**
 * Runs a program and ends the process.
 *
 * The exit code is what `main` returns (0 when it returns nothing), 1 when it throws, and 2 when the
 * command line is wrong. An error is shown as one line on standard error. When the reader of standard
 * output has gone (`| head -1`), the program ends silently with 0.
 *
 * `main` gets the values of the options and a signal. The signal aborts at the first SIGINT, SIGTERM,
 * SIGHUP or SIGQUIT, and `main` should then end soon and in good order. A program that runs until it is
 * stopped returns 0. A program that has not finished its work throws the reason of the signal: it then
 * ends with the exit code that shells use, such as 143 for SIGTERM. A second signal ends the process at
 * once.
 *
 * @param args The command line. A program with several commands leaves out the name of the command.
 */
export async function runProgram<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[] = Deno.args,
): Promise<never> {
  let request: StopRequest | undefined;
  const hadTerminal = Deno.stdout.isTerminal();
  // An error that nothing handles ends the program like any other. When output has become impossible, the
  // program is asked to stop in good order instead: without its terminal, many things fail.
  const uncaught = (event: Event, error: unknown) => {
    const isOutputLost = error instanceof OutputError ||
      (hadTerminal && !Deno.stdout.isTerminal());
    if (!isOutputLost || !request) Deno.exit(fail(error));
    event.preventDefault();
    request.stop(error as Error);
  };
  addEventListener("unhandledrejection", (event) => uncaught(event, event.reason));
  addEventListener("error", (event) => uncaught(event, event.error));
  if (!program.endsAtOnce) request = listenForStop();
  Deno.exit(await run(program, main, args, request?.signal ?? new AbortController().signal));
}

/** Runs the program and returns its exit code. */
async function run<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[],
  stop: AbortSignal,
): Promise<number> {
  const hadTerminal = Deno.stdout.isTerminal();
  try {
    const options = parseOptions(program.options, args);
    if (options.help || options.version) {
      print(options.help ? helpText(program) : `${program.name} ${program.version}`);
      return 0;
    }
    const exitCode = await main(options as OptionValues<O>, stop) ?? 0;
    return stop.reason instanceof OutputError && !hadTerminal ? fail(stop.reason) : exitCode;
  } catch (error) {
    // The terminal has gone, which is also why the program was asked to stop.
    if (hadTerminal && stop.aborted && error instanceof OutputError) return 0;
    return fail(error);
  }
}

/** Shows an error, and returns the exit code for it. */
function fail(error: unknown): number {
  if (error instanceof OutputError && error.nobodyReads) return 0;
  printError(`error: ${describeError(error)}`);
  if (error instanceof StopError) return error.exitCode;
  return error instanceof UsageError ? 2 : 1;
}
