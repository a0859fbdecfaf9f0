/**
 * Tables in plain text, aligned for people. Must not know what stands in them.
 *
 * @module
 */
import { bold } from "./colors.ts";

/** A column of a table. */
export interface Column {
  /** What stands above it. */
  readonly title: string;
  /**
   * Which side its cells keep to: numbers read better on the right.
   *
   * @default {"left"}
   */
  readonly align?: "left" | "right";
}

/**
 * A table as lines, one for the titles and one a row, two spaces between columns. Cells may be
 * coloured; cells that are missing are empty.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = columns.map(({ title }, at) =>
    Math.max(...[title, ...rows.map((row) => row[at] ?? "")].map(displayWidth))
  );
  const line = (cells: readonly string[]) =>
    columns.map(({ align }, at) => {
      const cell = cells[at] ?? "";
      const space = " ".repeat(widths[at]! - displayWidth(cell));
      return align === "right" ? space + cell : cell + space;
    }).join("  ").trimEnd();
  return [line(columns.map(({ title }) => bold(title))), ...rows.map(line)];
}

// deno-lint-ignore no-control-regex
const ESCAPE_SEQUENCE = /\x1b\[[0-9;]*m/g;
const NO_WIDTH = /^[\p{Mark}\p{Control}\p{Format}]$/u;
/** East Asian wide and full-width characters, and emoji: UAX #11 in broad strokes. */
const DOUBLE_WIDTH =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]$/u;

/** How many columns of a terminal a text takes. Colours take none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(ESCAPE_SEQUENCE, "")) {
    width += NO_WIDTH.test(character) ? 0 : DOUBLE_WIDTH.test(character) ? 2 : 1;
  }
  return width;
}
