/**
 * Describes a terminal: its size, and how to write to it. Must not know what is shown.
 *
 * @module
 */
import { pause } from "../../input/signals.ts";
import { OutputError, STDOUT } from "../output.ts";
import { printPart, written } from "../print.ts";

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
  /** Writes text with escape sequences, perhaps after this returns. */
  write(text: string): void;
  /** Whether text waits to be written, because the terminal takes no more. */
  readonly busy: boolean;
  /**
   * Resolves when all text is written.
   *
   * @throws {OutputError} When text could not be written.
   */
  written(): Promise<void>;
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
    try {
      const { columns, rows } = Deno.consoleSize();
      // A pseudo-terminal reports 0 until its size is set.
      return { columns: columns || 80, rows: rows || 24 };
    } catch {
      // The terminal is gone.
      return { columns: 80, rows: 24 };
    }
  },
  write: printPart,
  get busy() {
    return STDOUT.busy;
  },
  written,
};

/**
 * Whether the terminal understands no escape sequences, as the shell in an editor: `TERM=dumb`. Without the permission
 * to read that variable, it counts as one that does.
 */
export function isDumb(): boolean {
  // Without this check, Deno would ask for the permission.
  if (Deno.permissions.querySync({ name: "env", variable: "TERM" }).state !== "granted") {
    return false;
  }
  return Deno.env.get("TERM") === "dumb";
}

/**
 * Does something that blocks the program as long as the terminal takes no output, such as leaving raw mode, when it
 * has taken all. Resolves when that is done, or after a quarter of a second. An error means that the terminal is gone,
 * and is ignored.
 */
export async function afterOutput(act: () => void): Promise<void> {
  const done = written().catch(() => {}).then(act).catch(() => {});
  await Promise.race([done, pause(250)]);
}

/**
 * Writes text to the terminal behind standard output before it returns: at the end of the process, when nothing is
 * written later. Does nothing when the terminal takes no more or is gone.
 */
export function writeLast(text: string): void {
  if (STDOUT.busy) return;
  try {
    STDOUT.writeNow(text);
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
  }
}
