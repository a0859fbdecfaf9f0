/**
 * The terminal behind standard output: its size, and writing to it. Must not know what is shown.
 *
 * @module
 */
import { printPart } from "./print.ts";

/** The size of a terminal's window. */
export interface TerminalSize {
  /** How many characters of normal width fit into a row. */
  readonly columns: number;
  /** How many rows the window has. */
  readonly rows: number;
}

/** A terminal to write to. Tests have one of their own. */
export interface Terminal {
  /** The current size of its window. */
  size(): TerminalSize;
  /** Writes text with escape sequences, before it returns. */
  write(text: string): void;
}

/**
 * Moves to the first column and clears this row and all rows below it. The detour by the second column
 * matters in the first row of a window: cleared from its first column, tmux saves the whole window to
 * its scrollback.
 */
export const CLEAR_BELOW = "\r\x1b[K\x1b[C\x1b[J\r";

/** Standard output. Callers check that it is a terminal (`Deno.stdout.isTerminal()`). */
export const STANDARD_TERMINAL: Terminal = {
  size() {
    const { columns, rows } = Deno.consoleSize();
    // A pseudo-terminal whose size was never set reports 0.
    return { columns: columns || 80, rows: rows || 24 };
  },
  write: printPart,
};
