/**
 * Reads the terminal key by key. Owns the terminal modes for this, and restores the terminal however the program
 * ends. Must not know what the keys mean.
 *
 * @module
 */
import { STANDARD_TERMINAL, type Terminal } from "@netlab/terminal";
import process from "node:process";

/** Receives the events of a terminal. */
export interface KeyListener {
  /** Keys were pressed, or text was pasted. */
  input(text: string): void;
  /** The size of the window has changed. */
  resized(): void;
  /** The input has ended. */
  ended(): void;
}

/** A terminal with a keyboard. Tests use their own. */
export interface KeyTerminal extends Terminal {
  /** How long the size must stay the same until a resize counts as finished: milliseconds. */
  readonly settledMs: number;
  /** Starts to read keys. Returns a function that stops it. */
  listen(listener: KeyListener): () => void;
}

/** Bracketed paste mode: the terminal marks where pasted text begins and ends. */
const PASTE_MARKS_ON = "\x1b[?2004h";
const PASTE_MARKS_OFF = "\x1b[?2004l";

/** Standard input and output. Callers check that both are a terminal. */
export const KEYBOARD: KeyTerminal = {
  ...STANDARD_TERMINAL,
  // When sizes change quickly, tmux reports the new one up to 250 ms after it has applied it.
  settledMs: 300,
  listen({ input, resized, ended }) {
    const { stdin, stdout } = process;
    const decoder = new TextDecoder();
    const read = (bytes: Uint8Array) => input(decoder.decode(bytes, { stream: true }));
    const restore = () => {
      try {
        stdin.setRawMode(false);
        STANDARD_TERMINAL.write(PASTE_MARKS_OFF);
      } catch {
        // The terminal is gone.
      }
    };
    // Runs at every exit, after an uncaught error too.
    addEventListener("unload", restore);
    stdin.setRawMode(true);
    STANDARD_TERMINAL.write(PASTE_MARKS_ON);
    stdin.on("data", read).on("end", ended).resume();
    stdout.on("resize", resized);
    return () => {
      stdin.off("data", read).off("end", ended).pause();
      stdout.off("resize", resized);
      restore();
      removeEventListener("unload", restore);
    };
  },
};
