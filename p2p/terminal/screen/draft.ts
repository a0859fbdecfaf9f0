/**
 * The text that a person is typing. Owns the effect of each key, and how pasted text is inserted. Uses
 * `node:readline` for the editing, but not for drawing. Must not know the terminal, or how the text is shown.
 *
 * @module
 */
import { clusters, interrupt } from "@netlab/terminal";
import * as readline from "node:readline";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";

/** Receives the keys that do something other than edit the line. */
export interface DraftEvents {
  /** Text with several lines was pasted. */
  pastedLines(): void;
  /** Tab was pressed, or Shift-Tab with `isBackward`. */
  complete(isBackward: boolean): void;
  /** Ctrl-L was pressed. */
  clear(): void;
  /** Ctrl-Z was pressed, and the terminal has sent no signal. */
  stop(): void;
  /** The terminal reports its cursor position, counted from 0. */
  cursorAt(row: number, column: number): void;
}

/** An escape sequence: a key, or a report of the terminal. */
// deno-lint-ignore no-control-regex
const SEQUENCE = /(\x1b\[(?:\[.|[0-?]*[ -/]*[@-~]))/;
/** The start of an escape sequence whose rest has not arrived. */
// deno-lint-ignore no-control-regex
const UNFINISHED = /\x1b(?:O|\[\[|\[[0-?]*[ -/]*)?$/;
/** The escape sequences that readline's key parser understands completely. */
// deno-lint-ignore no-control-regex
const KEY = /^\x1b\[(?:\d{0,2}|\d;\d|\d\d;\d)[~^$A-Za-z]$/;
// deno-lint-ignore no-control-regex
const CURSOR_AT = /^\x1b\[(\d+);(\d+)R$/;
const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";
/** Alt-Enter or Shift-Enter, from terminals that report these keys in full. */
// deno-lint-ignore no-control-regex
const NEW_LINE_KEY = /^\x1b\[(?:13;[23]u|27;[23];13~)$/;
const LINE_END = /\r\n?|[\n\v\f\x85\u2028\u2029]/g;
/** A line end in the text of readline, for which `\n` is Enter. No other text contains this character. */
const SOFT_LINE_END = "\v";
/** Control characters other than tabs and soft line ends. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x08\x0a\x0c-\x1f\x7f-\x9f]/g;
const CONTROL = /[\p{Control}\u2028\u2029]/u;

/** Keys that move over or delete the character before or behind the cursor. `^` stands for ctrl. */
const BESIDE = new Map<string, "before" | "behind">(Object.entries({
  left: "before",
  "^b": "before",
  backspace: "before",
  "^h": "before",
  right: "behind",
  "^f": "behind",
  delete: "behind",
  "^d": "behind",
}));

/** The longest visible character that is expected: UTF-16 units. */
const NEAR = 64;

/** A line editor without a screen. */
class Editor extends readline.Interface {
  constructor(options: readline.ReadLineOptions) {
    super(options);
  }

  override getCursorPos(): { rows: number; cols: number } {
    // Readline calls this at each insertion, and would measure the whole line to answer.
    return { rows: 0, cols: 1 };
  }

  /** Draws nothing. Readline calls this after most keys in the line, and would measure each character for it. */
  _refreshLine(): void {}
}

/** The text that is being typed, with the history of texts before it. A text may have several lines. */
export class Draft {
  readonly #events: DraftEvents;
  readonly #editor: Editor;
  readonly #keys = new PassThrough();
  /** Characters that arrived together. Inserting them with one call makes a paste take linear time. */
  #run = "";
  #pasting = false;
  /** What was pasted so far of the current paste. */
  #pasted = "";
  #unfinished = "";
  #suggested = false;
  #open = true;

  /** The texts that have been entered. Ends with the input. */
  readonly entered: AsyncIterator<string>;

  /** Starts with an empty text. */
  constructor(events: DraftEvents) {
    this.#events = events;
    this.#editor = new Editor({
      input: new PassThrough(),
      terminal: true,
      historySize: 200,
      removeHistoryDuplicates: true,
    });
    // In raw mode, ctrl-C reaches the editor as a key and not the program as a signal.
    this.#editor.on("SIGINT", () => {
      interrupt();
      this.close();
    });
    this.#editor.on("close", () => this.#open = false);
    this.entered = textsOf(this.#editor[Symbol.asyncIterator]());
    readline.emitKeypressEvents(this.#keys);
    this.#keys.on("keypress", (text, key) => this.#key(text, key));
  }

  /** The text, with `\n` between its lines. It stays after the end of the input. */
  get text(): string {
    return withLineEnds(this.#editor.line);
  }

  /** The number of UTF-16 units before the cursor. */
  get cursor(): number {
    return this.#editor.cursor;
  }

  /** Whether the input has not ended yet. */
  get open(): boolean {
    return this.#open;
  }

  /** Ends the input, as ctrl-C and ctrl-D do. */
  close(): void {
    this.#editor.close();
  }

  /** Handles input from the terminal: characters and escape sequences. */
  feed(input: string): void {
    const text = this.#unfinished + input;
    this.#unfinished = UNFINISHED.exec(text)?.[0] ?? "";
    const end = text.length - this.#unfinished.length;
    for (const part of withoutFalseEnds(text.slice(0, end)).split(SEQUENCE)) {
      const at = CURSOR_AT.exec(part);
      if (part === PASTE_BEGINS) this.#pasting = true;
      else if (part === PASTE_ENDS) this.#endPaste();
      else if (at) this.#events.cursorAt(Number(at[1]) - 1, Number(at[2]) - 1);
      else if (this.#pasting) this.#pasted += stripVTControlCharacters(part);
      else if (NEW_LINE_KEY.test(part)) this.#run += "\n";
      else if (!part.startsWith("\x1b[") || KEY.test(part)) this.#keys.emit("data", part);
      this.#flush();
    }
  }

  /** Inserts text at the cursor. Its line ends do not enter it; other control characters are dropped. */
  insert(text: string): void {
    const kept = stripVTControlCharacters(text).replace(LINE_END, SOFT_LINE_END)
      .replace(CONTROLS, "");
    if (this.#open) this.#editor.write(kept);
  }

  /** Whether the text is a suggestion that the person has not changed. */
  get suggested(): boolean {
    return this.#suggested;
  }

  /** Suggests a text: Enter enters it, other keys edit it, and typing replaces it. */
  suggest(line: string): void {
    this.replaceBefore(line);
    this.#suggested = true;
  }

  /** Replaces the text before the cursor. */
  replaceBefore(text: string): void {
    this.#press({ ctrl: true, name: "u" });
    this.insert(text);
  }

  /** Inserts what was pasted. A line end at its end is left out. */
  #endPaste(): void {
    this.#pasting = false;
    const text = this.#pasted.replace(/(?:\r\n?|\n)$/, "");
    this.#pasted = "";
    this.#type(text);
    if (text.search(LINE_END) >= 0 && this.#open) this.#events.pastedLines();
  }

  #key(text: string | undefined, key: readline.Key): void {
    if (text !== undefined && !CONTROL.test(text)) {
      this.#run += text;
      return;
    }
    if (key.meta && (key.name === "return" || key.name === "enter")) {
      this.#run += "\n";
      return;
    }
    this.#flush();
    this.#suggested = false;
    const name = `${key.ctrl ? "^" : ""}${key.name}`;
    if (name === "tab" && !key.meta) this.#events.complete(key.shift === true);
    else if (name === "^l") this.#events.clear();
    else if (name === "^z") this.#events.stop();
    else this.#press(key);
  }

  /** Inserts the characters that have arrived. */
  #flush(): void {
    if (this.#run !== "") this.#type(this.#run);
    this.#run = "";
  }

  #type(text: string): void {
    if (this.#suggested) this.replaceBefore("");
    this.#suggested = false;
    this.insert(text);
  }

  /** Lets readline handle a key that is not a character. Without a text, readline inserts nothing. */
  #press(key: readline.Key): void {
    for (let times = this.#charactersOf(key); times > 0 && this.#open; times--) {
      this.#editor.write(undefined as unknown as string, key);
    }
  }

  /** How many times to repeat the key, so that it covers what a person sees as one character. */
  #charactersOf(key: readline.Key): number {
    const side = key.meta || key.shift
      ? undefined
      : BESIDE.get(`${key.ctrl ? "^" : ""}${key.name}`);
    if (side === undefined) return 1;
    const { text, cursor } = this;
    const near = side === "before"
      ? clusters(text.slice(Math.max(0, cursor - NEAR), cursor)).at(-1)
      : clusters(text.slice(cursor, cursor + NEAR))[0];
    return Math.max(1, Array.from(near ?? "").length);
  }
}

/**
 * Keeps only the last of several marks that would end one paste. Most terminals remove the mark from what they
 * paste; otherwise the rest of the paste would count as typed.
 */
function withoutFalseEnds(input: string): string {
  return input.split(PASTE_BEGINS).map((part) => {
    const end = Math.max(0, part.lastIndexOf(PASTE_ENDS));
    return part.slice(0, end).replaceAll(PASTE_ENDS, "\0") + part.slice(end);
  }).join(PASTE_BEGINS);
}

async function* textsOf(entered: AsyncIterableIterator<string>): AsyncGenerator<string> {
  for await (const text of entered) yield withLineEnds(text);
}

function withLineEnds(text: string): string {
  return text.replaceAll(SOFT_LINE_END, "\n");
}
