/**
 * A conversation at a terminal: printed lines, and below them one row with the line that is being typed. Owns
 * what is in which row of the window. Must not know what messages are, or what keys do.
 *
 * @module
 */
import {
  CLEAR_BELOW,
  clip,
  dim,
  displayWidth,
  oneLine,
  rowsOf,
  styledLine,
  type TerminalSize,
  yellow,
} from "@netlab/terminal";
import { Draft } from "./draft.ts";
import { visiblePart } from "./draft_view.ts";
import { KEYBOARD, type KeyTerminal } from "./keyboard.ts";
import type { Completer, Screen } from "./screen.ts";
import { TabCompletion } from "./tab_completion.ts";
import { CONTINUATION, excerpt, untrustedLines } from "./text_lines.ts";

/** Lines that were printed together. They can be redrawn as long as they are in the window. */
interface Block {
  /** Returns the current lines. */
  readonly draw: (columns: number) => readonly string[];
  /** Called when they cannot be redrawn. */
  readonly lost: () => void;
  /** The lines as they were drawn last. */
  shown: readonly string[];
}

/** How many blocks are remembered: more than fit into any window. */
const MAX_BLOCKS = 500;
/** How much of the user's name must fit beside a note: columns. */
const MIN_NAME_COLUMNS = 3;
/** The most choices that are listed. */
const MAX_CHOICES = 50;
/** How long to wait for the terminal to report its cursor position: milliseconds. */
const ANSWER_MS = 500;

/** `deno task` goes on, and the shell waits for it. */
const NO_STOP = "Ctrl-Z does nothing under deno task; to stop and continue the program, start it " +
  "with deno run and --allow-run=ps";

/** Stands for a line end in the row that is being typed. */
const LINE_END = "⏎";

const ASK_CURSOR = "\x1b[6n";
const SAVE_CURSOR = "\x1b7";
const RESTORE_CURSOR = "\x1b8";
const WRAP_OFF = "\x1b[?7l";
const WRAP_ON = "\x1b[?7h";
const CLEAR_ALL = "\x1b[H\x1b[2J";

/** A terminal with a line editor and a history. */
export class TerminalScreen implements Screen {
  readonly interactive = true;
  completer: Completer | undefined;
  onKeys: (() => void) | undefined;
  describePaste: ((text: string) => string) | undefined;
  #note = "";
  readonly #name: string;
  readonly #terminal: KeyTerminal;
  readonly #draft: Draft;
  readonly #completion: TabCompletion;
  readonly #stopListening: () => void;
  #open = true;
  /** The latest lines, from the top down. */
  readonly #blocks: Block[] = [];
  /** Whether this terminal is known to wrap the row of the cursor when the window becomes narrower. */
  #wraps = false;
  /** The row of the typed line, counted from 0; a smaller number while the row is not known. */
  #row = 0;
  /** The text before the cursor, as drawn. */
  #beforeCursor = "";
  /** The size of the window for which everything was drawn. */
  #size: TerminalSize;
  /** What to do after a resize, once the terminal has reported its cursor position. */
  #waiting: (() => void)[] | undefined;
  /** The number of reports that are still expected. */
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Shows the user's name and a line to type, which begins with `typed`. */
  constructor(name: string, typed = "", terminal: KeyTerminal = KEYBOARD) {
    this.#name = oneLine(name);
    this.#terminal = terminal;
    this.#size = terminal.size();
    this.#draft = new Draft({
      pastedLines: () => this.#showPaste(),
      complete: (isBackward) =>
        this.completer && this.#completion.press(this.completer, isBackward),
      clear: () => this.#do(() => this.#clear()),
      stop: () => this.print(yellow(NO_STOP)),
      cursorAt: (row, column) => this.#answered({ row, column }),
    });
    this.#completion = new TabCompletion(this.#draft, {
      list: (names) => this.#list(names),
      changed: () => this.#open && this.#redraw(),
    });
    this.#draft.insert(typed);
    this.#stopListening = terminal.listen({
      input: (text) => {
        this.#draft.feed(text);
        this.#completion.keysPressed();
        this.onKeys?.();
        if (this.#draft.open) this.#redraw();
        else this.close();
      },
      resized: () => this.#resized(),
      resumed: () => this.#do(() => this.#startBelow()),
      ended: () => this.close(),
    });
    this.#write();
  }

  get typed(): string {
    return this.#draft.text;
  }

  get note(): string {
    return this.#note;
  }

  set note(note: string) {
    if (note === this.#note) return;
    this.#note = note;
    if (this.#open) this.#redraw();
  }

  print(line: string): void {
    this.pin(() => line.split("\n"));
  }

  printError(line: string): void {
    this.print(line);
  }

  async written(): Promise<void> {
    if (this.#waiting) await new Promise<void>((resolve) => this.#do(resolve));
    await this.#terminal.written();
  }

  pin(draw: (columns: number) => readonly string[], lost: () => void = () => {}): () => void {
    const block: Block = { draw, lost, shown: [] };
    this.#do(() => {
      this.#blocks.push(block);
      if (this.#blocks.length > MAX_BLOCKS) this.#blocks.shift();
      this.#write([block]);
    });
    return () => this.#do(() => this.#change(block));
  }

  suggest(line: string): boolean {
    if (!this.#open || this.#draft.text !== "") return false;
    this.#draft.suggest(line);
    this.#redraw();
    return true;
  }

  close(): void {
    if (!this.#open) return;
    this.#answered();
    // The typed line stays visible.
    this.#write();
    this.#terminal.write(this.#draft.text === "" ? CLEAR_BELOW : "\n");
    this.#open = false;
    this.#draft.close();
    this.#stopListening();
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return this.#draft.entered;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Does something now or, after a resize, when the rows of everything are known again. */
  #do(act: () => void): void {
    if (!this.#waiting && !this.#sizeIsKnown) this.#resized();
    if (this.#waiting) this.#waiting.push(act);
    else act();
  }

  get #sizeIsKnown(): boolean {
    const { columns, rows } = this.#terminal.size();
    return columns === this.#size.columns && rows === this.#size.rows;
  }

  #redraw(): void {
    this.#do(() => this.#write());
  }

  /** Writes blocks, starting `up` rows above the typed line, and then the typed line below them. */
  #write(blocks: readonly Block[] = [], up = 0): void {
    const { columns, rows } = this.#size;
    let text = up > 0 ? `\x1b[${up}A` : "";
    if (this.#open) text += CLEAR_BELOW;
    for (const block of blocks) {
      block.shown = drawn(block, columns);
      for (const line of block.shown) text += `${line}\n`;
    }
    this.#row = Math.min(rows - 1, this.#row - up + this.#rowsOf(...blocks));
    this.#terminal.write(this.#open ? text + this.#line(columns) : text);
  }

  /** The row with the typed line. */
  #line(columns: number): string {
    // The prompt takes at most half of the row.
    const half = Math.floor(columns / 2) - 2;
    const noted = this.#note === "" ? "" : ` (${this.#note})`;
    const note = displayWidth(noted) + MIN_NAME_COLUMNS > half ? "" : noted;
    const name = clip(this.#name, half - displayWidth(note));
    const room = Math.max(1, columns - displayWidth(`${name}${note}> `));
    const { text, cursor } = this.#draft;
    // What a person pastes may come from others.
    const inOneRow = (part: string) => oneLine(part.replaceAll("\n", LINE_END));
    const { before, behind } = visiblePart(text, cursor, room, inOneRow);
    const typed = this.#draft.suggested ? dim(before) : before;
    this.#beforeCursor = `${name}${note}> ${before}`;
    const prompt = dim(name) + yellow(note) + dim("> ");
    // Does not place the cursor by column, because terminals differ in how wide they show characters.
    return WRAP_OFF + prompt + typed + SAVE_CURSOR + behind + RESTORE_CURSOR + WRAP_ON;
  }

  #change(block: Block): void {
    const at = this.#blocks.indexOf(block);
    const up = at < 0 ? Infinity : this.#rowsOf(...this.#blocks.slice(at));
    if (this.#open && up <= this.#row) this.#write(this.#blocks.slice(at), up);
    else block.lost();
  }

  /** The number of rows that these blocks take. */
  #rowsOf(...blocks: readonly Block[]): number {
    const lines = blocks.flatMap(({ shown }) => shown);
    return lines.reduce((rows, line) => rows + rowsOf(line, this.#size.columns), 0);
  }

  /** Goes on where the cursor is. Nobody knows in which rows the printed lines are, so they stay as they are. */
  #startBelow(): void {
    this.#blocks.length = 0;
    this.#row = 0;
    this.#write();
  }

  #clear(): void {
    this.#blocks.length = 0;
    this.#row = 0;
    this.#terminal.write(CLEAR_ALL);
    this.#write();
  }

  /**
   * Finds out where the cursor is after a resize, and writes nothing else until then. Terminals differ: most
   * wrap lines that have become too wide, some cut them off, some cut off only the row of the cursor, and rows
   * may leave the window or come back. While a window is dragged its size changes many times, so this waits
   * for the last change.
   */
  #resized(): void {
    if (!this.#open) return;
    this.#waiting ??= [];
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#size = this.#terminal.size();
      this.#asked++;
      this.#terminal.write(ASK_CURSOR);
      this.#timer = setTimeout(() => this.#answered(), ANSWER_MS);
    }, this.#terminal.settledMs);
  }

  /** Called when the terminal has reported its cursor position, or has not done so in time. */
  #answered(cursor?: { row: number; column: number }): void {
    if (!this.#waiting || (cursor && (this.#asked === 0 || --this.#asked > 0))) return;
    // The window was resized again meanwhile.
    if (cursor && !this.#sizeIsKnown) return this.#resized();
    clearTimeout(this.#timer);
    this.#asked = 0;
    const acts = this.#waiting;
    this.#waiting = undefined;
    if (cursor) this.#arrange(cursor.row, this.#rowsAbove(cursor.column));
    else this.#startBelow();
    for (const act of acts) this.#do(act);
  }

  /** After a resize with the cursor now in this column: the number of rows of the typed line above the cursor. */
  #rowsAbove(column: number): number {
    const { columns } = this.#size;
    if (displayWidth(this.#beforeCursor) < columns) return 0;
    // A cursor in the last column may mean that the row was cut off; earlier resizes show whether it was.
    if (column < columns - 1) this.#wraps = true;
    const rows = this.#wraps ? rowsOf(`${this.#beforeCursor}_`, columns) : 1;
    return rows === Infinity ? 0 : rows - 1;
  }

  /**
   * Redraws after a resize whatever looks different at the new size.
   *
   * @param row The row of the cursor.
   * @param above The number of rows of the typed line above the cursor.
   */
  #arrange(row: number, above: number): void {
    const { columns } = this.#size;
    // The blocks from `at` on are in the window, the first one perhaps only in part.
    let at = this.#blocks.length;
    let rows = above;
    while (at > 0 && rows < row) {
      const more = this.#rowsOf(this.#blocks[at - 1]!);
      if (more === Infinity) break;
      rows += more;
      at--;
    }
    const first = this.#blocks.findIndex((block, index) =>
      index >= at && drawn(block, columns).join("\n") !== block.shown.join("\n")
    );
    const changed = first < 0 ? [] : this.#blocks.slice(first);
    if (first === at && rows > row) {
      // The first rows of this block have left the window. If they come back, the next resize removes them.
      const shown = start(this.#blocks[at]!.shown, rows - row, columns);
      this.#blocks.splice(at, 0, { draw: () => [], lost: () => {}, shown });
    }
    this.#row = row;
    this.#write(changed, Math.min(row, above + this.#rowsOf(...changed)));
  }

  /** Shows all lines of the typed text, of which only one row is visible below. */
  #showPaste(): void {
    const { text } = this.#draft;
    const shown = excerpt(untrustedLines(text));
    const what = this.describePaste?.(text) ?? "Press Enter to enter these lines";
    this.print([what, ...shown.map((line) => CONTINUATION + line)].map(dim).join("\n"));
  }

  #list(names: readonly string[]): void {
    const more = names.length - MAX_CHOICES;
    const listed = names.slice(0, MAX_CHOICES).join("  ");
    this.print(dim(oneLine(more > 0 ? `${listed}  … ${more} more` : listed)));
  }
}

/** The current lines of a block, without anything that the terminal would obey. */
function drawn(block: Block, columns: number): string[] {
  return block.draw(columns).map(styledLine);
}

/** The text in the first rows of these lines. */
function start(lines: readonly string[], rows: number, columns: number): string[] {
  const started: string[] = [];
  let left = rows;
  for (const line of lines) {
    if (left <= 0) break;
    started.push(clip(line, left * columns));
    left -= rowsOf(line, columns);
  }
  return started;
}
