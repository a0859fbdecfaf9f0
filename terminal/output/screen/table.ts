/**
 * Formats tables as aligned text. Must not know what the tables show.
 *
 * @module
 */
import { bold } from "./colors.ts";
import { displayWidth } from "./width.ts";

/** A column of a table. */
export interface Column {
  /** The title above the column. */
  readonly title: string;
  /**
   * The side on which its cells are aligned. Numbers are easier to compare on the right.
   *
   * @default {"left"}
   */
  readonly align?: "left" | "right";
}

/**
 * Formats a table. Returns one line for the titles and one for each row, with two spaces between columns.
 * Cells may be coloured. A missing cell is empty.
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
