/**
 * Reads the terminal key by key. Owns the terminal modes for this, and restores the terminal however the program
 * ends. Must not know what the keys mean.
 *
 * @module
 */
import {
  afterOutput,
  canBeStopped,
  STANDARD_TERMINAL,
  type Terminal,
  writeLast,
} from "@netlab/terminal";
import process from "node:process";

/** Receives the events of a terminal. */
export interface KeyListener {
  /** Keys were pressed, or text was pasted. */
  input(text: string): void;
  /** The size of the window has changed. */
  resized(): void;
  /** The program runs again after it was stopped, with ctrl-Z for example. Others have written to the terminal. */
  resumed(): void;
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
const MARKS_ON = "\x1b[?2004h";
const MARKS_OFF = "\x1b[?2004l";

/** Standard input and output. Callers check that both are a terminal. */
export const KEYBOARD: KeyTerminal = {
  size: STANDARD_TERMINAL.size,
  write: STANDARD_TERMINAL.write,
  written: STANDARD_TERMINAL.written,
  get busy() {
    return STANDARD_TERMINAL.busy;
  },
  // When sizes change quickly, tmux reports the new one up to 250 ms after it has applied it.
  settledMs: 300,
  listen({ input, resized, resumed, ended }) {
    const { stdin, stdout } = process;
    const decoder = new TextDecoder();
    const read = (bytes: Uint8Array) => input(decoder.decode(bytes, { stream: true }));
    // Runs at every exit that comes too early, such as after an uncaught error. Raw mode ends with the process.
    const restore = () => writeLast(MARKS_OFF);
    addEventListener("unload", restore);
    // Then the terminal turns ctrl-Z and ctrl-C into signals. Otherwise both are keys.
    const cbreak = canBeStopped();
    const readKeys = () => {
      Deno.stdin.setRaw(true, { cbreak });
      STANDARD_TERMINAL.write(MARKS_ON);
    };
    readKeys();
    const go = () => {
      try {
        readKeys();
      } catch {
        // The terminal is gone; SIGHUP or the end of the input follows.
      }
      resumed();
    };
    if (cbreak) Deno.addSignalListener("SIGCONT", go);
    stdin.on("data", read).on("end", ended).resume();
    stdout.on("resize", resized);
    return () => {
      stdin.off("data", read).off("end", ended).pause();
      stdout.off("resize", resized);
      if (cbreak) Deno.removeSignalListener("SIGCONT", go);
      removeEventListener("unload", restore);
      STANDARD_TERMINAL.write(MARKS_OFF);
      void afterOutput(() => Deno.stdin.setRaw(false));
    };
  },
};
