/**
 * A message that the person has sent, as the screen shows it: its lines, and the mark at their end. Must not know
 * what the marks mean.
 *
 * @module
 */
import { clip, dim, oneLine } from "@netlab/terminal";
import { typedName } from "./recipients.ts";
import type { Screen } from "../screen/screen.ts";
import { manyLines } from "../screen/text_lines.ts";

/** Shows a message that the person sends. Returns a function that sets the mark at its end. */
export function showSent(screen: Screen, recipient: string, text: string): (mark: string) => void {
  const lines = `→ ${typedName(oneLine(recipient))}: ${manyLines(text)}`.split("\n");
  let mark = "";
  const draw = () =>
    lines.with(-1, mark === "" ? lines.at(-1)! : `${lines.at(-1)}  ${mark}`).map(dim);
  // When the lines have left the window, the outcome is shown in a new line.
  const remind = (columns: number) => [
    dim(`${clip(lines[0]!, columns - mark.length - 3)}  ${mark}`),
  ];
  const lost = () => {
    if (mark !== "✓") redraw = screen.pin(remind, lost);
  };
  let redraw = screen.pin(draw, lost);
  return (changed) => {
    mark = changed;
    redraw();
  };
}
