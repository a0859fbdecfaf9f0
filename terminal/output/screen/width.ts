/**
 * Measures and shortens text by the columns and rows that it takes in a terminal. The widths come from
 * `string-width`. Owns what follows from them, such as where a line wraps. Must not know what the text says.
 *
 * @module
 */
import stringWidth from "string-width";

/** Matches the escape sequences that change colours and styles. */
// deno-lint-ignore no-control-regex
const STYLE = /(\x1b\[[0-9;]*m)/;
const ASCII = /^[\x20-\x7e]*$/;
/** Made when it is first used: that takes 20 ms, and most programs print ASCII only. */
let segmenter: Intl.Segmenter | undefined;

/** Splits text into what a person sees as characters. Marks and emoji sequences stay together. */
export function clusters(text: string): string[] {
  if (ASCII.test(text)) return text.split("");
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Returns how many columns a text takes in a terminal. Escape sequences take none. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/**
 * Shortens a text to a number of columns. A shortened text ends in "…". Colours are kept: the escape
 * sequences behind the cut end the colours that begin before it.
 */
export function clip(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let room = columns - 1;
  let full = false;
  // Every second part is an escape sequence.
  return text.split(STYLE).map((part, index) => {
    if (index % 2 === 1) return part;
    if (full) return "";
    let kept = "";
    for (const cluster of clusters(part)) {
      room -= displayWidth(cluster);
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
 * Returns how many rows a line takes in a window of this many columns, where long lines wrap.
 *
 * @returns `Infinity` when terminals disagree: some show an emoji sequence as one picture, others show
 *   each of its parts.
 */
export function rowsOf(line: string, columns: number): number {
  const text = withoutStyles(line);
  let rows = 1;
  let column = 0;
  /** The columns that the line takes in a terminal that shows each part of an emoji sequence. */
  let most = 0;
  let isDisputed = false;
  for (const cluster of clusters(text)) {
    const width = displayWidth(cluster);
    const parts = widthOfParts(cluster);
    isDisputed ||= parts !== width;
    most += Math.max(parts, width);
    // A wide character that does not fit leaves the last column empty.
    if (column + width > columns) {
      rows++;
      column = 0;
    }
    column += width;
  }
  return most <= columns ? 1 : isDisputed ? Infinity : rows;
}

function withoutStyles(text: string): string {
  return text.split(STYLE).filter((_, index) => index % 2 === 0).join("");
}

/** Returns the columns that a cluster takes in a terminal that shows each code point on its own. */
function widthOfParts(cluster: string): number {
  return Array.from(cluster).reduce((width, character) => width + stringWidth(character), 0);
}

/**
 * Breaks text into lines at its white space. A word that is longer than a line has a line of its own.
 *
 * @param text Text in which every character takes one column.
 * @param columns The longest line, with its indent.
 * @param indent How many spaces each line begins with; 0 by default.
 */
export function wrap(text: string, columns: number, indent = 0): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.trim().split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => " ".repeat(indent) + each);
}
