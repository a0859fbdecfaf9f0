/**
 * A message that the person has sent, as the screen shows it: its lines, and the mark at their end. Must not know
 * what the marks mean.
 *
 * @module
 */
import { shorten } from "@netlab/protocol";
import { clip, dim, oneLine } from "@netlab/terminal";
import { typedName } from "./names.ts";
import type { Screen } from "../screen/screen.ts";
import { CONTINUATION, excerpt, untrustedLines } from "../screen/text_lines.ts";

/** How much of a text is shown again when it is sent: UTF-16 units. Its sender knows it. */
const MAX_SHOWN = 1_000;

/**
 * Shows a message that the person sends. Returns a function that sets the mark at its end.
 *
 * @param stamp Stands before the message.
 */
export function showSent(
  screen: Screen,
  recipient: string,
  text: string,
  stamp = "",
): (mark: string) => void {
  const begin = `${stamp}→ ${typedName(oneLine(recipient))}: `;
  const lines = excerpt(untrustedLines(shorten(text, MAX_SHOWN)))
    .map((line, index) => (index === 0 ? begin : CONTINUATION) + line);
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
