/**
 * Keeps some lines at the bottom of the terminal, and updates them while other lines scroll by above. In a
 * pipe, only the other lines are printed. Must not know what the lines say.
 *
 * @module
 */
import { print } from "../print.ts";
import {
  CLEAR_BELOW,
  isDumb,
  STANDARD_TERMINAL,
  type Terminal,
  type TerminalSize,
} from "./terminal.ts";
import { styledLine } from "../untrusted.ts";
import { clip, rowsOf } from "./width.ts";

/** How often the status is checked for changes: milliseconds. */
const REDRAW_MS = 100;

/** A status at the bottom of the terminal, and lines that scroll by above it. */
export class Live implements Disposable {
  readonly #status: (columns: number) => string[];
  readonly #terminal: Terminal | undefined;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #shown: readonly string[] = [];
  #columns = 0;

  /**
   * Shows the status, and keeps it up to date.
   *
   * @param status Returns the lines of the status for a number of columns. Lines that do not fit into the
   *   window are shortened or left out.
   * @param terminal The terminal. Without one, there is no status; by default there is none when standard
   *   output is not a terminal, or a dumb one.
   */
  constructor(
    status: (columns: number) => string[],
    terminal: Terminal | undefined = Deno.stdout.isTerminal() && !isDumb()
      ? STANDARD_TERMINAL
      : undefined,
  ) {
    this.#status = status;
    this.#terminal = terminal;
    // While a terminal takes nothing, after ctrl-S for example, there is no point in writing more to it.
    if (terminal) this.#timer = setInterval(() => terminal.busy || this.#draw(), REDRAW_MS);
  }

  /** Prints a line above the status. */
  print(line: string): void {
    if (this.#terminal) this.#draw(`${styledLine(line)}\n`);
    else print(line);
  }

  /** Removes the status. */
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

  /** Returns the escape sequence that removes the status. */
  #erased({ columns, rows }: TerminalSize): string {
    // When the window becomes narrower, the terminal wraps lines that no longer fit.
    const shown = this.#shown.reduce((sum, line) => sum + rowsOf(line, columns), 0);
    const up = shown === Infinity ? 0 : Math.min(shown, rows - 1);
    return up > 0 ? `\x1b[${up}A${CLEAR_BELOW}` : "";
  }
}

/** Returns the lines that fit above the last row of a window, each shortened so that it does not wrap. */
function fit(lines: readonly string[], { columns, rows }: TerminalSize): string[] {
  const room = Math.max(0, rows - 1);
  const more = lines.length - room + 1;
  const shown = lines.length <= room || room === 0
    ? lines.slice(0, room)
    : [...lines.slice(0, room - 1), `… ${more} more lines`];
  return shown.map((line) => clip(styledLine(line), columns - 1));
}
