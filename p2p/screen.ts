/**
 * Lines in and lines out for a program that talks with a person: what is printed never tears the line
 * that is being typed. Owns the terminal; knows nothing of messages.
 *
 * @module
 */
import { interrupt, print } from "@netlab/cli";
import process from "node:process";
import * as readline from "node:readline";

/** A place to read lines from and to print lines to. */
export interface Screen extends AsyncIterable<string>, Disposable {
  /** Whether a person sits at it. */
  readonly interactive: boolean;
  /** The line that is being typed, or was when the reading ended. */
  readonly typed: string;
  /** Prints a line above the one that is being typed. */
  print(line: string): void;
  /**
   * Prints lines that change. What it returns shows others in their place, and says whether it could: not
   * when something was printed or entered behind them, nor without a terminal.
   */
  pin(lines: readonly string[]): (lines: readonly string[]) => boolean;
  /** Asks for the next line again, after an answer. */
  prompt(): void;
  /** Ends the reading: whoever reads lines comes to the end. */
  close(): void;
}

/**
 * Standard input and output: as a terminal with a line editor and a history, or as plain lines. With
 * `typed`, a person goes on with a line that they had begun.
 */
export function openScreen(prompt: string, typed = ""): Screen {
  const interactive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const editor = readline.createInterface({
    input: process.stdin,
    ...interactive && { output: process.stdout, prompt },
    terminal: interactive,
    historySize: 200,
    removeHistoryDuplicates: true,
  });
  // Ctrl-C reaches the editor, not the program, while the terminal is in raw mode.
  editor.on("SIGINT", () => {
    interrupt();
    editor.close();
  });
  let open = true;
  editor.on("close", () => open = false);
  /** How many lines were printed or entered: what is pinned stays as long as there are no more. */
  let count = 0;
  editor.on("line", () => count++);
  /** Prints in place of so many lines above the one that is being typed. */
  const printAbove = (text: string, replaced = 0) => {
    const { rows } = editor.getCursorPos();
    readline.moveCursor(process.stdout, 0, -rows - replaced);
    readline.cursorTo(process.stdout, 0);
    readline.clearScreenDown(process.stdout);
    // The editor goes up as many rows as it was down before it draws its line again.
    print(text + "\n".repeat(rows));
    editor.prompt(true);
  };
  if (interactive && typed !== "") editor.write(typed);
  const lines = editor[Symbol.asyncIterator]();
  return {
    interactive,
    get typed() {
      return editor.line;
    },
    print(line) {
      count++;
      if (!interactive || !open) return print(line);
      printAbove(line);
    },
    pin(lines) {
      this.print(lines.join("\n"));
      const pinned = count;
      let { length } = lines;
      return (others) => {
        if (!interactive || !open || count !== pinned) return false;
        printAbove(others.join("\n"), length);
        ({ length } = others);
        return true;
      };
    },
    prompt() {
      if (interactive && open) editor.prompt(true);
    },
    close: () => editor.close(),
    [Symbol.asyncIterator]: () => lines,
    [Symbol.dispose]() {
      editor.close();
      if (interactive) print("");
    },
  };
}
