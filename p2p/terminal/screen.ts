/**
 * What a conversation needs to read lines and to print lines. Must not know what messages are.
 *
 * @module
 */

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
