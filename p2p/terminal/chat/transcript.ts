/**
 * What a conversation looks like: messages with their senders, times and days, and where the unread ones begin. Owns
 * what stands before a message. Must not know the network, or what was asked for.
 *
 * @module
 */
import { bold, cyan, dim, oneLine } from "@netlab/terminal";
import type { Screen } from "../screen/screen.ts";
import { manyLines } from "../screen/text_lines.ts";
import { dayOf, timeForPrograms, timeOfDay } from "./clock.ts";
import { typedName } from "./names.ts";
import { showSent } from "./sent_line.ts";
import { Unread } from "./unread.ts";

/** How a conversation is shown. */
export interface TranscriptOptions {
  /**
   * Whether each message has its time.
   *
   * @default {false}
   */
  readonly timestamps?: boolean;
  /**
   * Returns the current time.
   *
   * @default {the time of the clock}
   */
  readonly now?: () => Date;
}

/** Shows one conversation on a screen. */
export class Transcript {
  /** Whether later messages have their time. */
  timestamps: boolean;
  readonly #screen: Screen;
  readonly #now: () => Date;
  readonly #unread: Unread;
  /** The day of the last line with a time. */
  #day: string;
  /** Removes the line above the unread messages, if it is in the window. */
  #removeLine: () => void = () => {};

  /** Starts on an empty screen. */
  constructor(screen: Screen, { timestamps = false, now = () => new Date() }: TranscriptOptions) {
    this.#screen = screen;
    this.timestamps = timestamps;
    this.#now = now;
    this.#day = dayOf(now());
    this.#unread = new Unread(now().getTime());
    screen.onKeys = () => {
      this.#unread.keysPressed(screen.typed !== "", now().getTime());
      this.#showCount();
    };
  }

  /** Shows a line about the conversation. */
  tell(line: string): void {
    this.#screen.print(this.#screen.interactive ? dim(this.#stamp()) + line : line);
  }

  /** Shows a received message. */
  received(sender: string, text: string): void {
    if (!this.#screen.interactive) {
      return this.#screen.print(`${this.#stamp()}${oneLine(sender)}: ${oneLine(text)}`);
    }
    if (this.#unread.arrived(this.#now().getTime())) this.#drawLine();
    const stamp = dim(this.#stamp());
    // A legacy server may deliver a text that names no sender.
    const who = sender === ""
      ? dim("(unknown sender)")
      : `${bold(cyan(typedName(oneLine(sender))))}:`;
    this.#screen.print(`${stamp}${who} ${manyLines(text)}`);
    this.#showCount();
  }

  /** Shows a message that the person sends. Returns a function that sets the mark at its end. */
  sent(recipient: string, text: string): (mark: string) => void {
    if (!this.#screen.interactive) return () => {};
    return showSent(this.#screen, recipient, text, this.#stamp());
  }

  /** Returns the time before a line, after the day if it is another one. Empty without timestamps. */
  #stamp(): string {
    if (!this.timestamps) return "";
    const now = this.#now();
    if (!this.#screen.interactive) return `${timeForPrograms(now)} `;
    const day = dayOf(now);
    if (day !== this.#day) this.#screen.print(dim(`── ${day} ──`));
    this.#day = day;
    return `${timeOfDay(now)} `;
  }

  /** Draws a line above the first message that came while the person was away. There is one such line at a time. */
  #drawLine(): void {
    this.#removeLine();
    let lines = [dim("── unread ──")];
    const redraw = this.#screen.pin(() => lines);
    this.#removeLine = () => {
      lines = [];
      redraw();
    };
  }

  #showCount(): void {
    const { count } = this.#unread;
    this.#screen.note = count === 0 ? "" : `${count} unread`;
  }
}
