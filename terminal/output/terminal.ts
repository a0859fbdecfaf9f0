/**
 * Describes a terminal: its size, and how to write to it. Must not know what is shown.
 *
 * @module
 */
import { printPart } from "./print.ts";

/** The size of the window of a terminal. */
export interface TerminalSize {
  /** How many characters of normal width fit into a row. */
  readonly columns: number;
  /** How many rows the window has. */
  readonly rows: number;
}

/** A terminal to write to. Tests use one that exists only in memory. */
export interface Terminal {
  /** Returns the current size of its window. */
  size(): TerminalSize;
  /** Writes text with escape sequences. The text has been written when this returns. */
  write(text: string): void;
}

/**
 * The escape sequence that moves to the first column and clears this row and all rows below it. It clears
 * the rest from the second column: tmux saves a window to its scrollback when it is cleared from its first
 * row and column.
 */
export const CLEAR_BELOW = "\r\x1b[K\x1b[C\x1b[J\r";

/** The terminal behind standard output. Callers check that there is one (`Deno.stdout.isTerminal()`). */
export const STANDARD_TERMINAL: Terminal = {
  size() {
    const { columns, rows } = Deno.consoleSize();
    // A pseudo-terminal reports 0 until its size is set.
    return { columns: columns || 80, rows: rows || 24 };
  },
  write: printPart,
};
