/**
 * Opens the screen of a conversation. Owns the choice between a terminal and plain lines.
 *
 * @module
 */
import { isDumb, print, printError, written } from "@netlab/terminal";
import { InputLines } from "./input_lines.ts";
import type { Screen } from "./screen.ts";
import { TerminalScreen } from "./terminal_screen.ts";

/**
 * Opens standard input and output: with a line editor if both are a terminal that understands escape
 * sequences, otherwise as plain lines.
 *
 * @param name The user's name, shown before the line that is being typed.
 * @param typed The text with which the line begins.
 */
export function openScreen(name: string, typed = ""): Screen {
  if (Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && !isDumb()) {
    return new TerminalScreen(name, typed);
  }
  const lines = new InputLines((buffer) => Deno.stdin.read(buffer));
  return {
    interactive: false,
    typed: "",
    note: "",
    print,
    printError,
    written,
    pin(draw, lost) {
      draw(80).forEach((line) => print(line));
      return () => lost?.();
    },
    suggest: () => false,
    close: () => lines.close(),
    [Symbol.asyncIterator]: () => lines,
    [Symbol.dispose]: () => lines.close(),
  };
}
