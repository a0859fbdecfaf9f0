/**
 * Questions to the person at the terminal. Owns the reading of the answer; callers see to it that
 * standard input is a terminal (`Deno.stdin.isTerminal()`).
 *
 * @module
 */
import { OutputError, print, printPart } from "../output/print.ts";
import { untilAborted } from "./signals.ts";

/** How {@linkcode ask} asks. */
export interface AskOptions {
  /** The answer when the line is left empty; shown in brackets. */
  default?: string;
  /** What is wrong with an answer, or nothing: it is asked again until nothing is. */
  check?: (answer: string) => string | undefined;
  /** Gives the question up when it aborts. */
  signal?: AbortSignal;
}

/**
 * Asks a question and reads a line, without the spaces around it. Asks again while the answer is
 * empty and has no default, or does not pass the check.
 *
 * @returns The answer, or `undefined` when there will be none: the input ended (ctrl-D), or the
 *   signal aborted (ctrl-C). The program is to end then.
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
    // A terminal that is not read key by key takes Tab for text: here it completes nothing, and adds nothing.
    const answer = line.replaceAll("\t", "").trim() || options.default;
    if (answer === undefined) continue;
    const complaint = options.check?.(answer);
    if (complaint === undefined) return answer;
    print(complaint);
  }
}

/** Ends the line of the question, if it can be: the terminal may have gone. */
function endLine(): void {
  try {
    print();
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
  }
}

/** A line of input: a terminal hands over no more than one at a time. */
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
