/**
 * Runs a program: reads its options, answers `--help` and `--version`, turns the result or an error into an exit
 * code and at most one line on standard error, and writes the last output. Must not know what any program does.
 *
 * @module
 */
import { type Options, type OptionValues, parseOptions } from "./input/options.ts";
import { listenForStop, pause, StopError, untilAborted } from "./input/signals.ts";
import { describeError, UsageError } from "./output/errors.ts";
import { helpText, type Program } from "./output/help.ts";
import { logged } from "./output/log.ts";
import { OutputError, STDERR, STDOUT } from "./output/output.ts";
import { print, printError, written } from "./output/print.ts";

export type { Program } from "./output/help.ts";

/** The exit code of a program that did not finish its work because nobody reads its output: that of SIGPIPE. */
const NOBODY_READS = 141;
/** How long log lines, and any output after a signal, may take to be written at the end: milliseconds. */
const LAST_OUTPUT_MS = 250;

/**
 * Runs a program and ends the process.
 *
 * The exit code is what `main` returns (0 when it returns nothing), 1 when it throws, and 2 when the
 * command line is wrong. An error is shown as one line on standard error.
 *
 * `main` gets the values of the options and a signal. The signal aborts at the first SIGINT, SIGTERM,
 * SIGHUP or SIGQUIT, and `main` should then end soon and in good order. A program that runs until it is
 * stopped returns 0. A program that has not finished its work throws the reason of the signal: it then
 * ends with the exit code that shells use, such as 143 for SIGTERM. A second signal ends the process at
 * once.
 *
 * The signal also aborts when standard output cannot be written, with an {@linkcode OutputError}, unless the program
 * {@linkcode Program.outlivesOutput}. If its reader has gone (`| head -1`), the program ends silently: with what
 * `main` returns, or with 141 (as after SIGPIPE) when `main` throws the reason. After other failures, such as a
 * full disk, the exit code is not 0. All output is written before the process ends, unless nobody reads it and a
 * signal comes.
 *
 * @param args The command line. A program with several commands leaves out the name of the command.
 */
export async function runProgram<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[] = Deno.args,
): Promise<never> {
  const hadTerminal = Deno.stdout.isTerminal();
  const request = program.endsAtOnce ? undefined : listenForStop();
  const stop = request?.signal ?? new AbortController().signal;
  STDOUT.blocking = STDERR.blocking = program.endsAtOnce ?? false;
  if (!program.outlivesOutput) STDOUT.onFailure = (error) => request?.stop(error);
  // An error that nothing handles ends the program like any other. When output has become impossible, the
  // program is asked to stop in good order instead: without its terminal, many things fail.
  const uncaught = (event: Event, error: unknown) => {
    event.preventDefault();
    const isOutputLost = error instanceof OutputError ||
      (hadTerminal && !Deno.stdout.isTerminal());
    if (isOutputLost && request) request.stop(error as Error);
    else void exit(fail(error), stop, hadTerminal);
  };
  addEventListener("unhandledrejection", (event) => uncaught(event, event.reason));
  addEventListener("error", (event) => uncaught(event, event.error));
  return await exit(await run(program, main, args, stop), stop, hadTerminal);
}

/** Runs the program and returns its exit code. */
async function run<const O extends Options>(
  program: Program<O>,
  main: (options: OptionValues<O>, stop: AbortSignal) => Promise<number | void>,
  args: readonly string[],
  stop: AbortSignal,
): Promise<number> {
  try {
    const options = parseOptions(program.options, args);
    if (!options.help && !options.version) {
      return await main(options as OptionValues<O>, stop) ?? 0;
    }
    print(options.help ? helpText(program) : `${program.name} ${program.version}`);
    return 0;
  } catch (error) {
    return fail(error);
  }
}

/** Shows an error, and returns the exit code for it. */
function fail(error: unknown): number {
  // The last output says why, if there is anything to say.
  if (error instanceof OutputError) return error.nobodyReads ? NOBODY_READS : 1;
  printError(`error: ${describeError(error)}`);
  if (error instanceof StopError) return error.exitCode;
  return error instanceof UsageError ? 2 : 1;
}

/** Writes the last output, and ends the process. */
async function exit(exitCode: number, stop: AbortSignal, hadTerminal: boolean): Promise<never> {
  const wasStopped = stop.aborted;
  const late = untilAborted(stop).then(() => pause(LAST_OUTPUT_MS));
  await Promise.all([
    Promise.race([logged(), pause(LAST_OUTPUT_MS)]),
    Promise.race([written().catch(() => {}), late]),
  ]);
  // Nobody has read the result of the work.
  if (STDOUT.busy && !wasStopped && stop.reason instanceof StopError) {
    Deno.exit(stop.reason.exitCode);
  }
  const { failure } = STDOUT;
  // It is not a failure that a person closed the terminal.
  if (failure && !failure.nobodyReads && !(hadTerminal && stop.aborted)) {
    if (exitCode === 0) exitCode = 1;
    printError(`error: ${describeError(failure)}`);
  }
  // Loggers may have reported what they could not write.
  await Promise.race([STDERR.written().catch(() => {}), pause(LAST_OUTPUT_MS)]);
  Deno.exit(exitCode);
}
