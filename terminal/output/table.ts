/**
 * Tables in plain text, aligned for people. Must not know what stands in them.
 *
 * @module
 */
import { bold } from "./colors.ts";
import { displayWidth } from "./width.ts";

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
