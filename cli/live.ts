/**
 * A terminal on which lines scroll by while a few at the bottom stay and change; in a pipe, the lines
 * alone. Owns those few lines; knows nothing of what they say.
 *
 * @module
 */
import { print, printPart } from "./print.ts";
import { displayWidth } from "./width.ts";

/** How often the lines at the bottom are drawn anew: milliseconds. */
const EVERY_MS = 100;

/** Lines that scroll, and lines that stay. */
export class Live implements Disposable {
  readonly #status: (columns: number) => string[];
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #shown = 0;

  /** Begins; `status` gives the lines that stay, none wider than that many columns. */
  constructor(status: (columns: number) => string[]) {
    this.#status = status;
    if (Deno.stdout.isTerminal()) this.#timer = setInterval(() => this.#draw(), EVERY_MS);
  }

  /** Adds a line above those that stay. */
  print(line: string): void {
    this.#erase();
    print(line);
    if (this.#timer !== undefined) this.#draw();
  }

  /** Takes the lines that stay away. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #draw(): void {
    const { columns } = Deno.consoleSize();
    // A line that wraps would take two rows, and one of them would stay for good.
    const lines = this.#status(columns).filter((line) => displayWidth(line) < columns);
    const up = this.#shown === 0 ? "" : `\x1b[${this.#shown}A`;
    printPart(`${up}\x1b[J${lines.map((line) => `${line}\n`).join("")}`);
    this.#shown = lines.length;
  }

  #erase(): void {
    if (this.#shown > 0) printPart(`\x1b[${this.#shown}A\x1b[J`);
    this.#shown = 0;
  }
}
