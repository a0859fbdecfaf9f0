/**
 * Where a conversation reads lines from and prints lines to. Owns the choice between a terminal and plain
 * lines. Must not know what messages are.
 *
 * @module
 */
import { print } from "@netlab/terminal";
import process from "node:process";
import * as readline from "node:readline";
import { TerminalScreen } from "./terminal_screen.ts";

/** A place to read lines from and to print lines to. */
export interface Screen extends AsyncIterable<string>, Disposable {
  /** Whether a person sits at it. */
  readonly interactive: boolean;
  /** The line that is being typed, or was when the reading ended. */
  readonly typed: string;
  /** Called when the person presses Tab. */
  completer?: Completer | undefined;
  /** Prints a line above the one that is being typed. */
  print(line: string): void;
  /**
   * Prints lines that may change later. Call what it returns to redraw them where they are.
   *
   * @param draw Returns the lines for a window of so many columns.
   * @param lost Called when they cannot be redrawn, because they have left the window or there is none.
   */
  pin(draw: (columns: number) => readonly string[], lost?: () => void): () => void;
  /**
   * Suggests a line: the person enters it with Enter, or replaces it by typing another one.
   *
   * @returns Whether it was possible: not while the person is typing.
   */
  suggest(line: string): boolean;
  /** Ends the reading: whoever reads lines comes to the end. */
  close(): void;
}

/** The result of pressing Tab. */
export interface Completion {
  /** Replaces the text before the cursor. */
  readonly text: string;
  /** All candidates if there are several, and none otherwise. */
  readonly choices: readonly string[];
}

/**
 * Completes the text before the cursor, if it can. The person may go on typing while a promise is pending;
 * its result is then ignored.
 */
export type Completer = (
  before: string,
) => Completion | undefined | Promise<Completion | undefined>;

/**
 * Opens standard input and output, as a terminal if both are one.
 *
 * @param name The name of the user, shown before the line that is being typed.
 * @param typed Text that the person had typed before, to continue with.
 */
export function openScreen(name: string, typed = ""): Screen {
  if (Deno.stdin.isTerminal() && Deno.stdout.isTerminal()) return new TerminalScreen(name, typed);
  const reader = readline.createInterface({ input: process.stdin, terminal: false });
  const lines = reader[Symbol.asyncIterator]();
  return {
    interactive: false,
    typed: "",
    print,
    pin(draw, lost) {
      draw(80).forEach((line) => print(line));
      return () => lost?.();
    },
    suggest: () => false,
    close: () => reader.close(),
    [Symbol.asyncIterator]: () => lines,
    [Symbol.dispose]: () => reader.close(),
  };
}
