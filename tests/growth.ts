/**
 * Finds out whether the time of a function grows faster than its text. Owns the hostile texts and the
 * measuring. The speed of the machine does not matter, because times are compared only with other times of
 * the same run.
 *
 * @module
 */

/** The lengths that are compared: UTF-16 units. */
const SHORT = 2_000;
const LONG = 16_000;
/** The largest number of rounds, of which the fastest counts. Other work can only slow a round down. */
const ROUNDS = 25;
/** The largest accepted growth of the time per unit of text. Quadratic work grows {@linkcode LONG} / {@linkcode SHORT} = 8 times. */
const MOST = 3;

/** Texts that make careless regular expressions backtrack: a repeated unit, and an end. */
const HOSTILE: readonly (readonly [unit: string, end?: string])[] = [
  [" "],
  [" ", "x"],
  ["\t", "x"],
  ["\r", "x"],
  ["\n", "x"],
  ["\r\n"],
  [" \r", "x"],
  ["\n  ", "x"],
  ["a "],
  ["\u2028\u00a0", "x"],
  ["["],
  ["[[", "]"],
  ["{"],
  ["{a"],
  ["{a", "}"],
  ["{message}"],
  ['"'],
  ['"', " x"],
  ["\\"],
  ["0"],
  ["1", ":x"],
  ["::"],
  ["1.1.1.1:", "1"],
  ["a:1\0"],
  ["a\0"],
  ["\0"],
  ["load=1"],
  ["\x1b"],
  ["\x1b[", "m"],
  ["\x1b[0;0"],
  ["-", "x"],
  ["="],
  [" (os error 1"],
  ["/", " "],
  ["e\u0301"],
  ["\u0301"],
  ["\u{1f469}\u200d"],
  ["\ud800"],
  ["hello"],
  ["x"],
];

/** Returns a text of this length, with `end` behind the repeated unit. */
export function repeated(unit: string, length: number, end = ""): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length - end.length) + end;
}

/**
 * Returns a hostile text for which the time of a function grows clearly faster than the text; `undefined`
 * when there is none.
 *
 * @param run The function. Its errors are ignored.
 */
export function superlinearText(run: (text: string) => unknown): string | undefined {
  for (const [unit, end] of HOSTILE) {
    const [short, long] = [repeated(unit, SHORT, end), repeated(unit, LONG, end)];
    if (!isLinear(run, short, long)) return JSON.stringify(unit) + (end ? ` … ${end}` : "");
  }
  return undefined;
}

/**
 * Returns whether a function takes about eight times as long for a text that is eight times as long.
 *
 * @param run The function. Its errors are ignored.
 */
export function isLinear(
  run: (text: string) => unknown,
  short: string = repeated("0123456789", SHORT),
  long: string = repeated("0123456789", LONG),
): boolean {
  const times = { short: Infinity, long: Infinity, control: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    times.short = Math.min(times.short, timeOf(run, short, LONG / SHORT));
    times.long = Math.min(times.long, timeOf(run, long, 1));
    // A time below that of reading the text a few times is too short to compare.
    times.control = Math.min(times.control, timeOf(readThrough, long, 10));
    if (times.long < MOST * times.short + times.control) return true;
  }
  return false;
}

/** Returns the time of this many runs: milliseconds. */
function timeOf(run: (text: string) => unknown, text: string, count: number): number {
  const start = performance.now();
  for (let at = 0; at < count; at++) {
    try {
      run(text);
    } catch {
      // A function may refuse a text, as long as it does so soon.
    }
  }
  return performance.now() - start;
}

/** Reads every character, which is the least that any function does. */
function readThrough(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (sum * 31 + text.charCodeAt(at)) | 0;
  return sum;
}
