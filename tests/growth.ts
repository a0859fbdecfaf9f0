/**
 * How the time that a function takes grows with its text. Owns the hostile texts and the measuring; what is
 * measured is the caller's. Nothing here depends on how fast the machine is: times are only compared with
 * other times of the same run.
 *
 * @module
 */

/** The lengths that are compared: UTF-16 units. */
const SHORT = 2_000;
const LONG = 16_000;
/** Other work on the machine can only make a round slower: the best of up to so many counts. */
const ROUNDS = 25;
/** Quadratic work takes {@linkcode LONG} / {@linkcode SHORT} = 8 times as much for each unit of text. */
const MOST = 3;

/** Texts that make careless expressions try again and again: what is repeated, and what comes behind it. */
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

/** A text of that length, with `end` behind what is repeated. */
export function repeated(unit: string, length: number, end = ""): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length - end.length) + end;
}

/**
 * The hostile text with which the function takes clearly more than in proportion to the length; `undefined`
 * when there is none.
 *
 * @param run Does the work; what it throws does not matter.
 */
export function superlinearText(run: (text: string) => unknown): string | undefined {
  for (const [unit, end] of HOSTILE) {
    const [short, long] = [repeated(unit, SHORT, end), repeated(unit, LONG, end)];
    if (!isLinear(run, short, long)) return JSON.stringify(unit) + (end ? ` … ${end}` : "");
  }
  return undefined;
}

function isLinear(run: (text: string) => unknown, short: string, long: string): boolean {
  const times = { short: Infinity, long: Infinity, control: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    times.short = Math.min(times.short, timeOf(run, short, LONG / SHORT));
    times.long = Math.min(times.long, timeOf(run, long, 1));
    // What takes less than it takes to read the text a few times is too short to be compared.
    times.control = Math.min(times.control, timeOf(readThrough, long, 10));
    if (times.long < MOST * times.short + times.control) return true;
  }
  return false;
}

/** Milliseconds that so many runs take. */
function timeOf(run: (text: string) => unknown, text: string, count: number): number {
  const start = performance.now();
  for (let at = 0; at < count; at++) {
    try {
      run(text);
    } catch {
      // That a text is refused is fine, if it is refused soon.
    }
  }
  return performance.now() - start;
}

/** Looks at every character: the least that anything can do. */
function readThrough(text: string): number {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (sum * 31 + text.charCodeAt(at)) | 0;
  return sum;
}
