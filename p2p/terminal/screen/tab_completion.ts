/**
 * What the Tab key does: it completes the text before the cursor, then lists the candidates, then shows one after
 * the other. Must not know what is completed, or how the text is drawn.
 *
 * @module
 */
import type { Draft } from "./draft.ts";
import type { Completer, Completion } from "./screen.ts";

/** What shows the effects of the Tab key. */
export interface TabCompletionHost {
  /** Shows the names of the candidates. */
  list(names: readonly string[]): void;
  /** Called when the text has changed after {@linkcode TabCompletion.press} has returned. */
  changed(): void;
}

/** Candidates that are shown one after the other. */
interface Cycle {
  /** The texts before the cursor. */
  readonly texts: readonly string[];
  /** Which one is shown; -1 for none of them. */
  at: number;
  /** The text before the cursor as it was left. */
  shown: string;
}

/** The Tab key in one draft. */
export class TabCompletion {
  readonly #draft: Draft;
  readonly #host: TabCompletionHost;
  #cycle: Cycle | undefined;
  /** Whether Tab was among the keys that are being handled. */
  #isTab = false;

  /** Starts without candidates. */
  constructor(draft: Draft, host: TabCompletionHost) {
    this.#draft = draft;
    this.#host = host;
  }

  /** Called after keys were handled. Other keys than Tab end the showing of candidates. */
  keysPressed(): void {
    if (!this.#isTab) this.#cycle = undefined;
    this.#isTab = false;
  }

  /** Handles the Tab key, or Shift-Tab with `isBackward`. */
  press(completer: Completer, isBackward: boolean): void {
    this.#isTab = true;
    const before = this.#before;
    if (this.#cycle?.shown === before) return this.#turn(this.#cycle, isBackward);
    const completion = completer(before);
    if (!(completion instanceof Promise)) return this.#completed(before, completion);
    void completion.then((late) => {
      this.#completed(before, late);
      this.#host.changed();
    });
  }

  get #before(): string {
    return this.#draft.text.slice(0, this.#draft.cursor);
  }

  #completed(before: string, completion: Completion | undefined): void {
    if (!completion || !this.#draft.open || this.#before !== before) return;
    const { text, choices } = completion;
    if (text !== before) return this.#replace(text);
    if (choices.length === 0) return;
    this.#cycle = { texts: choices.map((choice) => choice.text), at: -1, shown: before };
    this.#host.list(choices.map(({ name }) => name));
  }

  /** Shows the next candidate. */
  #turn(cycle: Cycle, isBackward: boolean): void {
    const { texts, at } = cycle;
    const next = isBackward ? Math.max(at, 0) - 1 : at + 1;
    cycle.at = (next + texts.length) % texts.length;
    this.#replace(texts[cycle.at]!);
    cycle.shown = this.#before;
  }

  #replace(text: string): void {
    const isSpaced = this.#draft.text[this.#draft.cursor] === " ";
    this.#draft.replaceBefore(isSpaced ? text.trimEnd() : text);
  }
}
