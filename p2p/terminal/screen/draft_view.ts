/**
 * Which part of the line that is being typed is visible, when it has one row. Depends on the text, the
 * cursor and the width only.
 *
 * @module
 */
import { clusters, displayWidth } from "@netlab/terminal";

/** The visible part of a line. */
export interface VisiblePart {
  /** The text before the cursor. */
  readonly before: string;
  /** The text from the cursor on. */
  readonly behind: string;
}

/** How much text is examined per column: UTF-16 units. Characters with more combining marks are rare. */
const UNITS = 16;

/**
 * The part of `text` around the cursor that fits into so many columns. At the end of the text, the cursor takes
 * one of them. "…" replaces what is left out.
 *
 * @param cursor The number of UTF-16 units before the cursor.
 * @param show Returns a part of the text as it is shown.
 */
export function visiblePart(
  text: string,
  cursor: number,
  columns: number,
  show: (part: string) => string = (part) => part,
): VisiblePart {
  const near = columns * UNITS;
  const before = clusters(show(text.slice(Math.max(0, cursor - near), cursor))).reverse();
  const behind = clusters(show(text.slice(cursor, cursor + near)));
  // Two thirds of the row are for the text before the cursor; more if there is little behind it.
  const room = Math.max(Math.floor(columns * 2 / 3), columns - Math.max(1, widthOf(behind)));
  const shownBefore = take(before, room, cursor > near);
  const rest = columns - widthOf(shownBefore);
  const shownBehind = take(behind, rest, text.length - cursor > near);
  return { before: shownBefore.reverse().join(""), behind: shownBehind.join("") };
}

/** All of these characters if they fit, and otherwise the first ones, followed by "…". */
function take(characters: readonly string[], columns: number, more: boolean): string[] {
  if (!more && widthOf(characters) <= columns) return [...characters];
  const taken: string[] = [];
  let room = columns - 1;
  for (const character of characters) {
    room -= displayWidth(character);
    if (room < 0) break;
    taken.push(character);
  }
  return columns > 0 ? [...taken, "…"] : [];
}

function widthOf(characters: readonly string[]): number {
  return displayWidth(characters.join(""));
}
