/**
 * Asks the person at the terminal, and reads the answer. Callers check that somebody is there, with
 * `isPersonThere`.
 *
 * @module
 */
import { OutputError, print, printPart } from "../output/print.ts";
import { afterOutput, CLEAR_BELOW } from "../output/screen/terminal.ts";
import { untilAborted } from "./signals.ts";

/** Options of {@linkcode ask}. */
export interface AskOptions {
  /** The answer that an empty line stands for. It is shown in brackets. */
  default?: string;
  /**
   * How long to wait for the first key: seconds. Without one, the answer is the default.
   *
   * @default {Infinity}
   */
  seconds?: number;
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
  let { seconds = Infinity } = options;
  for (;;) {
    const text = `${question}${brackets}`;
    const line = seconds < Infinity
      ? await typeLine(text, seconds, options.signal)
      : await readLine(text, options.signal);
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
    seconds = Infinity;
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
async function readLine(
  question: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  printPart(`${question}: `);
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

/** A terminal that delivers each key at once, without showing it. Tests use their own. */
export interface KeySource {
  /** How long a second of a countdown takes: milliseconds. */
  readonly secondMs: number;
  /** Turns this mode on or off. Ctrl-C sends its signal in both. */
  setRaw(isRaw: boolean): void | Promise<void>;
  /** Reads what was typed. Returns the number of bytes, or `null` at the end of the input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes text with escape sequences. */
  write(text: string): void;
}

/** The terminal behind standard input and output. */
const TERMINAL: KeySource = {
  secondMs: 1_000,
  setRaw: (isRaw) => {
    if (isRaw) Deno.stdin.setRaw(true, { cbreak: true });
    else return afterOutput(() => Deno.stdin.setRaw(false));
  },
  read: (buffer) => Deno.stdin.read(buffer),
  write: printPart,
};

/** Asks the terminal for its state. It answers at once, as if somebody typed. */
const ASK_STATE = "\x1b[5n";
/** How long to wait for that answer: milliseconds. */
const ANSWER_MS = 250;
/** The longest answer to a question: characters. */
const MAX_ANSWER = 40;

/**
 * Reads a line key by key, because a terminal that is read line by line does not show that somebody types. The
 * question shows how long it waits for the first key.
 *
 * @returns The line, which is empty when nothing was typed in time; `undefined` when the input ended or the
 *   signal aborted.
 */
export async function typeLine(
  question: string,
  seconds: number,
  signal: AbortSignal | undefined,
  { secondMs, setRaw, read, write }: KeySource = TERMINAL,
): Promise<string | undefined> {
  const buffer = new Uint8Array(256);
  const decoder = new TextDecoder();
  const aborted = signal && untilAborted(signal).then(() => null);
  let reading: Promise<number | null> | undefined;
  /** What was typed, or the end of the input. `undefined` when nothing was typed for so long. */
  const typedWithin = async (ms: number): Promise<string | null | undefined> => {
    reading ??= read(buffer);
    let timer;
    const pause = new Promise<undefined>((resolve) => {
      if (ms < Infinity) timer = setTimeout(() => resolve(undefined), ms);
    });
    const count = await Promise.race([reading, pause, ...aborted ? [aborted] : []]);
    clearTimeout(timer);
    if (typeof count !== "number") return count;
    reading = undefined;
    return decoder.decode(buffer.subarray(0, count), { stream: true });
  };
  void setRaw(true);
  try {
    let left = seconds;
    for (let line = "";;) {
      const wait = left > 0 ? ` (taken in ${left} s)` : "";
      write(`${CLEAR_BELOW}${question}${wait}: ${line}`);
      const keys = await typedWithin(left > 0 ? secondMs : Infinity);
      if (keys === null) return undefined;
      if (keys === undefined && --left === 0) {
        // The answer ends the read. A read would stop a server that is later continued in the background.
        write(ASK_STATE);
        await typedWithin(ANSWER_MS);
        write(`${CLEAR_BELOW}${question}: \n`);
        return "";
      }
      // A line end or ctrl-D from before the key by key mode arrives as NUL: nobody types that.
      if (keys === undefined || keys === "\0") continue;
      left = 0;
      // Keys such as an arrow have no meaning here.
      for (const key of keys.startsWith("\x1b") ? "" : keys) {
        if (key === "\x04") return undefined;
        if (key === "\r" || key === "\n") {
          // Keys that arrived together are not shown yet.
          write(`${CLEAR_BELOW}${question}: ${line}\n`);
          return line;
        }
        if (key === "\x7f" || key === "\b") line = line.slice(0, -1);
        else if (key === "\x15") line = "";
        else if (key >= " " && key <= "~" && line.length < MAX_ANSWER) line += key;
      }
    }
  } finally {
    await setRaw(false);
  }
}
