/**
 * A terminal for tests: xterm.js without a screen, so that tests see what a person would see. Must not know
 * what is shown.
 *
 * @module
 */
import xterm from "@xterm/headless";
import { eventually } from "./p2p/network.ts";
import type { KeyListener, KeyTerminal } from "../p2p/terminal/screen/keyboard.ts";

/** A terminal with one window. */
export class TestTerminal implements KeyTerminal, AsyncDisposable {
  readonly #xterm: xterm.Terminal;
  #listener: KeyListener | undefined;
  readonly settledMs = 0;
  /** Everything that was written to it. */
  output = "";
  /** Whether it also wraps the row with the cursor when the window becomes narrower. */
  wrapsCursorRow = false;
  /** Whether it answers questions about the position of the cursor. */
  answers = true;

  constructor(cols = 80, rows = 24) {
    this.#xterm = new xterm.Terminal({ cols, rows, convertEol: true, allowProposedApi: true });
    this.#xterm.onData((text) => this.answers && this.#listener?.input(text));
  }

  size(): { columns: number; rows: number } {
    return { columns: this.#xterm.cols, rows: this.#xterm.rows };
  }

  readonly busy = false;

  written(): Promise<void> {
    return Promise.resolve();
  }

  write(text: string): void {
    this.output += text;
    this.#xterm.write(text);
  }

  listen(listener: KeyListener): () => void {
    this.#listener = listener;
    return () => this.#listener = undefined;
  }

  /** Lets the program run again after it was stopped. */
  resume(): void {
    this.#listener!.resumed();
  }

  /** Whether a listener reads its keys. */
  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** Types text. Text between the marks of a paste is pasted. */
  type(text: string): void {
    this.#listener!.input(text);
  }

  /** Resizes the window, and waits until its listener, if any, has asked for the cursor position. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#shown();
    const seen = this.output.length;
    if (this.wrapsCursorRow) await this.#wrapCursorRow(columns, rows);
    else this.#xterm.resize(columns, rows);
    if (!this.#listener) return;
    this.#listener.resized();
    await eventually("the cursor position is asked for", () => this.output.length > seen);
  }

  /** Wraps the row with the cursor, as some terminals do and xterm.js does not. */
  async #wrapCursorRow(columns: number, rows: number): Promise<void> {
    const { active } = this.#xterm.buffer;
    const { cursorX } = active;
    const { length } = active.getLine(active.baseY + active.cursorY)!.translateToString(true);
    this.#xterm.write("\n");
    await this.#shown();
    this.#xterm.resize(columns, rows);
    const up = Math.ceil(length / columns) - Math.floor(cursorX / columns);
    this.#xterm.write(`\x1b[${up}A\r\x1b[${cursorX % columns}C`);
  }

  /** Returns all rows, also those above the window, without trailing spaces and empty rows. */
  async rows(): Promise<string[]> {
    await this.#shown();
    const { buffer: { active } } = this.#xterm;
    const rows = Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)!.translateToString().trimEnd(),
    );
    return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1);
  }

  /** Returns the rows of the window down to the cursor. `|` stands before the character at the cursor. */
  async window(): Promise<string[]> {
    await this.#shown();
    const { buffer: { active } } = this.#xterm;
    return Array.from({ length: active.cursorY + 1 }, (_, row) => {
      const line = active.getLine(active.baseY + row)!;
      if (row < active.cursorY) return line.translateToString().trimEnd();
      const before = line.translateToString(false, 0, active.cursorX);
      return `${before}|${line.translateToString(true, active.cursorX)}`;
    });
  }

  /** Waits until everything was shown. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#shown();
  }

  /** Waits until everything that was written is shown, also what was written meanwhile. */
  async #shown(): Promise<void> {
    for (let seen = -1; seen < this.output.length;) {
      seen = this.output.length;
      await new Promise<void>((resolve) => this.#xterm.write("", resolve));
    }
  }
}
