/**
 * Asks the person at the terminal, and reads the answer. Callers check that standard input is a terminal
 * (`Deno.stdin.isTerminal()`).
 *
 * @module
 */
import { OutputError, print, printPart } from "../output/print.ts";
import { untilAborted } from "./signals.ts";

/** Options of {@linkcode ask}. */
export interface AskOptions {
  /** The answer that an empty line stands for. It is shown in brackets. */
  default?: string;
  /** Returns what is wrong with an answer, or `undefined`. The question is repeated after a wrong answer. */
  check?: (answer: string) => string | undefined;
  /** Ends the question when it aborts. */
  signal?: AbortSignal;
}

/**
 * Asks a question and reads one line, without the spaces around it. Repeats the question while the answer
 * is wrong, or is empty and there is no default.
 *
 * @returns The answer, or `undefined` when the input ended (ctrl-D) or the signal aborted (ctrl-C). The
 *   program should end then.
 */
export async function ask(question: string, options: AskOptions = {}): Promise<string | undefined> {
  const brackets = options.default === undefined ? "" : ` [${options.default}]`;
  for (;;) {
    printPart(`${question}${brackets}: `);
    const line = await readLine(options.signal);
    if (line === undefined) {
      endLine();
      return undefined;
    }
    // In a terminal that is read line by line, the Tab key types a character.
    const answer = line.replaceAll("\t", "").trim() || options.default;
    if (answer === undefined) continue;
    const complaint = options.check?.(answer);
    if (complaint === undefined) return answer;
    print(complaint);
  }
}

/** Ends the line of the question. Does nothing when the terminal has gone. */
function endLine(): void {
  try {
    print();
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
  }
}

/** Reads a line. A terminal returns at most one line at a time, so nothing behind it is lost. */
async function readLine(signal: AbortSignal | undefined): Promise<string | undefined> {
  const aborted = signal && untilAborted(signal).then(() => null);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let line = "";
  while (!line.endsWith("\n")) {
    const reading = Deno.stdin.read(buffer);
    const count = await (aborted ? Promise.race([reading, aborted]) : reading);
    if (count === null) return undefined;
    line += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return line;
}
