/**
 * A terminal for tests: xterm.js without a screen, so that tests see what a person would see. Owns the
 * typing and the looking; knows nothing of what is shown.
 *
 * @module
 */
import xterm from "@xterm/headless";
import { eventually } from "./p2p/network.ts";
import type { KeyListener, KeyTerminal } from "../p2p/terminal/keyboard.ts";

/** A window of a terminal. */
export class TestTerminal implements KeyTerminal, AsyncDisposable {
  readonly #xterm: xterm.Terminal;
  #listener: KeyListener | undefined;
  readonly settledMs = 0;
  /** Everything that was written to it. */
  written = "";
  /** Whether it wraps the row with the cursor, too, when the window becomes narrower. */
  wrapsCursorRow = false;
  /** Whether it answers when it is asked where the cursor is. */
  answers = true;

  constructor(cols = 80, rows = 24) {
    this.#xterm = new xterm.Terminal({ cols, rows, convertEol: true, allowProposedApi: true });
    this.#xterm.onData((text) => this.answers && this.#listener?.input(text));
  }

  size(): { columns: number; rows: number } {
    return { columns: this.#xterm.cols, rows: this.#xterm.rows };
  }

  write(text: string): void {
    this.written += text;
    this.#xterm.write(text);
  }

  listen(listener: KeyListener): () => void {
    this.#listener = listener;
    return () => this.#listener = undefined;
  }

  /** Whether somebody reads keys. */
  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** Types, or pastes what stands between the marks of a paste. */
  type(text: string): void {
    this.#listener!.input(text);
  }

  /** Gives the window another size, and waits until somebody who hears of that has asked for more. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.#shown();
    const seen = this.written.length;
    if (this.wrapsCursorRow) await this.#wrapCursorRow(columns, rows);
    else this.#xterm.resize(columns, rows);
    if (!this.#listener) return;
    this.#listener.resized();
    await eventually("the window is looked at", () => this.written.length > seen);
  }

  /** Does what xterm.js leaves to programs, and other terminals do. */
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

  /** All rows, those that have left the window too, without spaces and empty rows at the end. */
  async rows(): Promise<string[]> {
    await this.#shown();
    const { buffer: { active } } = this.#xterm;
    const rows = Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)!.translateToString().trimEnd(),
    );
    return rows.slice(0, rows.findLastIndex((row) => row !== "") + 1);
  }

  /** The rows in the window, down to the cursor, which stands as `|` before its character. */
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

  /** Ends when all was shown. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#shown();
  }

  /** Waits until it has shown what was written, and what was written because of that. */
  async #shown(): Promise<void> {
    for (let seen = -1; seen < this.written.length;) {
      seen = this.written.length;
      await new Promise<void>((resolve) => this.#xterm.write("", resolve));
    }
  }
}
