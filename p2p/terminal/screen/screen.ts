/**
 * What a conversation needs to read lines and to print lines. Must not know what messages are.
 *
 * @module
 */

/**
 * Reads texts from a person or a script, and prints lines. A script enters one line at a time. What a person
 * enters may have several lines.
 */
export interface Screen extends AsyncIterable<string>, Disposable {
  /** Whether it is a terminal, used by a person. */
  readonly interactive: boolean;
  /** The text that is being typed, or that was being typed when the input ended. */
  readonly typed: string;
  /** Called when the person presses Tab. */
  completer?: Completer | undefined;
  /** Called when the person has pressed keys, after their effect on what is typed. */
  onKeys?: (() => void) | undefined;
  /** A few words behind the name of the user. A terminal shows them while there is room. */
  note: string;
  /**
   * Describes in one line what Enter does with this text. Used when a person has pasted several lines, which
   * are then shown below that line.
   */
  describePaste?: ((text: string) => string) | undefined;
  /** Prints a line above the text that is being typed. */
  print(line: string): void;
  /** Prints a line that says what went wrong: on a terminal like other lines, otherwise to standard error. */
  printError(line: string): void;
  /**
   * Resolves when everything is printed.
   *
   * @throws {OutputError} When something could not be printed.
   */
  written(): Promise<void>;
  /**
   * Prints lines that may change later. Call what it returns to redraw them where they are.
   *
   * @param draw Returns the lines for a window with this many columns.
   * @param lost Called when they cannot be redrawn, because they have left the window or there is none.
   */
  pin(draw: (columns: number) => readonly string[], lost?: () => void): () => void;
  /**
   * Suggests a text: the person enters it with Enter, or replaces it by typing another one.
   *
   * @returns Whether it was possible: not while the person is typing.
   */
  suggest(text: string): boolean;
  /** Ends the input: loops over the texts end. */
  close(): void;
}

/** The result of pressing Tab. */
export interface Completion {
  /** Replaces the text before the cursor. */
  readonly text: string;
  /** All candidates if there are several, and none otherwise. */
  readonly choices: readonly Choice[];
}

/** One of several candidates. */
export interface Choice {
  /** Its name in a list. */
  readonly name: string;
  /** Replaces the text before the cursor. */
  readonly text: string;
}

/**
 * Completes the text before the cursor, if it can. The person may go on typing while a promise is pending;
 * its result is then ignored.
 */
export type Completer = (
  before: string,
) => Completion | undefined | Promise<Completion | undefined>;
