/**
 * Limits how many similar lines are written, so that nobody on the network can fill a disk or a screen. Owns which
 * lines are left out, and the line that says how many. Must not know what the lines say.
 *
 * @module
 */

/** The time for which lines are counted: milliseconds. */
export const REPEAT_MS = 10_000;
/** How many lines of one kind about one party are written in that time. */
export const MAX_PER_SOURCE = 10;
/** How many lines of one kind are written in that time, whoever they are about. */
export const MAX_PER_KIND = 200;
/** How many kinds are told apart. The program makes them up, not the network, so there are few. */
const MAX_KINDS = 1_000;

/** The lines of one kind since the last report. */
interface Kind {
  written: number;
  leftOut: number;
  /** The first line that was left out. */
  example: string;
  /** How many lines were written about each party. */
  readonly sources: Map<string, number>;
}

/** Counts lines, and reports what was left out. */
export class Repeats {
  readonly #report: (leftOut: number, example: string, kind: string) => void;
  readonly #kinds = new Map<string, Kind>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = -Infinity;

  /**
   * Starts without lines.
   *
   * @param report Called after ten seconds with the number of lines of a kind that were left out, and the first
   *   of them.
   */
  constructor(report: (leftOut: number, example: string, kind: string) => void) {
    this.#report = report;
  }

  /**
   * Counts a line. The first line of a kind within ten seconds is always written.
   *
   * @param kind Which lines are similar.
   * @param source The party that the line is about; "" if there is none.
   * @param line Returns the line. Called only if it becomes the example of those that are left out.
   * @returns Whether to write the line.
   */
  admits(kind: string, source: string, line: () => string): boolean {
    const now = performance.now();
    if (now - this.#since >= REPEAT_MS) {
      this.flush();
      this.#since = now;
    }
    const known = this.#kinds.get(kind) ?? this.#add(kind);
    if (known === undefined) return true;
    const bySource = known.sources.get(source) ?? 0;
    if (known.written < MAX_PER_KIND && bySource < MAX_PER_SOURCE) {
      known.written++;
      known.sources.set(source, bySource + 1);
      return true;
    }
    if (known.leftOut++ === 0) known.example = line();
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.flush(), this.#since + REPEAT_MS - now);
      // It must not keep the program running.
      Deno.unrefTimer(this.#timer as unknown as number);
    }
    return false;
  }

  /** Reports what was left out so far, and counts anew. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since = -Infinity;
    const kinds = [...this.#kinds];
    this.#kinds.clear();
    for (const [kind, { leftOut, example }] of kinds) {
      if (leftOut > 0) this.#report(leftOut, example, kind);
    }
  }

  #add(kind: string): Kind | undefined {
    if (this.#kinds.size >= MAX_KINDS) return undefined;
    const known = { written: 0, leftOut: 0, example: "", sources: new Map() };
    this.#kinds.set(kind, known);
    return known;
  }
}

/** The longest part of a line that is shown as an example: UTF-16 units. */
const MAX_EXAMPLE = 100;

/** Formats what was left out: `… 1,204 more like this in 10 s: error from 10.0.0.5: …`. */
export function describeRepeats(leftOut: number, example: string): string {
  const shown = example.length > MAX_EXAMPLE ? `${example.slice(0, MAX_EXAMPLE)}…` : example;
  return `… ${leftOut.toLocaleString("en")} more like this in ${REPEAT_MS / 1_000} s: ${shown}`;
}
