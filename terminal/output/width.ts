/**
 * How many columns and rows a text takes in a terminal. Owns the widths of characters; must not know
 * what is shown, or where.
 *
 * @module
 */

// deno-lint-ignore no-control-regex
const ESCAPE_SEQUENCE = /(\x1b\[[0-9;]*m)/;
const PLAIN = /^[\x20-\x7e]*$/;
const NO_WIDTH =
  /^[\p{Nonspacing_Mark}\p{Enclosing_Mark}\p{Control}\p{Format}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7fb]$/u;
/** Wide and full-width characters (UAX #11, Unicode 17), and emoji. Ambiguous characters are narrow. */
const DOUBLE_WIDTH =
  /^[\p{Emoji_Presentation}\u1100-\u115e\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\ua4c6\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6b\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{1b2fb}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{1f6d8}\u{1f6d9}\u{1f7da}\u{1fa8a}-\u{1fafa}\u{20000}-\u{3fffd}]$/u;
/** Sequences that form one picture: emoji, flags, keycaps. */
const EMOJI =
  /^(?:\p{RGI_Emoji}|\p{Regional_Indicator}{1,2}|[\d#*]\ufe0f|.*\u200d\p{Extended_Pictographic})/v;

/** Created on first use, because programs that print plain ASCII do not need it. */
let segmenter: Intl.Segmenter | undefined;

/** Splits text into what a person sees as characters: marks and emoji sequences stay together. */
export function clusters(text: string): string[] {
  if (PLAIN.test(text)) return text.split("");
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** How many columns a text takes in a terminal. Colours take none. */
export function displayWidth(text: string): number {
  const shown = withoutStyles(text);
  if (PLAIN.test(shown)) return shown.length;
  return clusters(shown).reduce((width, cluster) => width + clusterWidth(cluster), 0);
}

/** Shortens a text to at most so many columns. A shortened text ends in "…". Colours are kept. */
export function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let room = columns - 1;
  let full = false;
  // Every second part is an escape sequence. Those after the cut end the colours from before it.
  return text.split(ESCAPE_SEQUENCE).map((part, index) => {
    if (index % 2 === 1) return part;
    if (full) return "";
    let kept = "";
    for (const cluster of clusters(part)) {
      room -= clusterWidth(cluster);
      if (room < 0) {
        full = true;
        return `${kept}…`;
      }
      kept += cluster;
    }
    return kept;
  }).join("");
}

/**
 * How many rows a line takes in a window of so many columns, where long lines wrap. `Infinity` when
 * terminals disagree: some show an emoji sequence as one picture, others as several.
 */
export function rowsOf(line: string, columns: number): number {
  const shown = withoutStyles(line);
  if (PLAIN.test(shown)) return Math.max(1, Math.ceil(shown.length / columns));
  let rows = 1;
  let column = 0;
  let unsure = false;
  let most = 0;
  for (const cluster of clusters(shown)) {
    const width = clusterWidth(cluster);
    const single = widthOfEach(cluster);
    unsure ||= single !== width;
    most += Math.max(single, width);
    // A wide character that does not fit leaves the last column empty.
    if (column + width > columns) {
      rows++;
      column = 0;
    }
    column += width;
  }
  return most <= columns ? 1 : unsure ? Infinity : rows;
}

function withoutStyles(text: string): string {
  return text.includes("\x1b")
    ? text.split(ESCAPE_SEQUENCE).filter((_, index) => index % 2 === 0).join("")
    : text;
}

function clusterWidth(cluster: string): number {
  if (PLAIN.test(cluster)) return 1;
  return EMOJI.test(cluster) ? 2 : widthOfEach(cluster);
}

/** The width in a terminal that shows each code point of a cluster on its own. */
function widthOfEach(cluster: string): number {
  let width = 0;
  for (const character of cluster) {
    width += NO_WIDTH.test(character) ? 0 : DOUBLE_WIDTH.test(character) ? 2 : 1;
  }
  return width;
}
