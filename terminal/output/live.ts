/**
 * A terminal on which lines scroll by while a few at the bottom stay and change; in a pipe, the lines
 * alone. Owns those few lines; knows nothing of what they say.
 *
 * @module
 */
import { print } from "./print.ts";
import { CLEAR_BELOW, STANDARD_TERMINAL, type Terminal, type TerminalSize } from "./terminal.ts";
import { clip, rowsOf } from "./width.ts";

/** How often the lines at the bottom are checked for changes: milliseconds. */
const EVERY_MS = 100;

/** Lines that scroll, and lines that stay. */
export class Live implements Disposable {
  readonly #status: (columns: number) => string[];
  readonly #terminal: Terminal | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #shown: readonly string[] = [];
  #columns = 0;

  /**
   * Starts. `status` returns the lines that stay, given the number of columns. Lines that do not fit in
   * the window are shortened or left out. Without a terminal, no lines stay.
   */
  constructor(
    status: (columns: number) => string[],
    terminal: Terminal | undefined = Deno.stdout.isTerminal() ? STANDARD_TERMINAL : undefined,
  ) {
    this.#status = status;
    this.#terminal = terminal;
    if (terminal) this.#timer = setInterval(() => this.#draw(), EVERY_MS);
  }

  /** Adds a line above those that stay. */
  print(line: string): void {
    if (this.#terminal) this.#draw(`${line}\n`);
    else print(line);
  }

  /** Takes the lines that stay away. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#terminal?.write(this.#erased(this.#terminal.size()));
    this.#shown = [];
  }

  #draw(above = ""): void {
    const terminal = this.#terminal!;
    const size = terminal.size();
    const lines = fit(this.#status(size.columns), size);
    const isSame = lines.join("\n") === this.#shown.join("\n");
    if (above === "" && isSame && size.columns === this.#columns) return;
    this.#columns = size.columns;
    terminal.write(this.#erased(size) + above + lines.map((line) => `${line}\n`).join(""));
    this.#shown = lines;
  }

  /** The escape sequence that removes the lines that stay. */
  #erased({ columns, rows }: TerminalSize): string {
    // When the window becomes narrower, the terminal wraps lines that no longer fit.
    const shown = this.#shown.reduce((sum, line) => sum + rowsOf(line, columns), 0);
    const up = shown === Infinity ? 0 : Math.min(shown, rows - 1);
    return up > 0 ? `\x1b[${up}A${CLEAR_BELOW}` : "";
  }
}

/** As many lines as fit above the last row of a window, none so wide that it wraps. */
function fit(lines: readonly string[], { columns, rows }: TerminalSize): string[] {
  const room = Math.max(0, rows - 1);
  const more = lines.length - room + 1;
  const shown = lines.length <= room || room === 0
    ? lines.slice(0, room)
    : [...lines.slice(0, room - 1), `… ${more} more lines`];
  return shown.map((line) => clip(line, columns - 1));
}
