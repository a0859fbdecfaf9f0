/**
 * Quotes text of others in sentences, such as an error that names what it refuses. Owns the length at which
 * such a text is shortened. Must not know what the text is.
 *
 * @module
 */

/** The longest text that is quoted completely: UTF-16 units. */
const MAX_LENGTH = 80;

/**
 * Returns the text in quotation marks, with escapes for control characters. Of a long text it shows the
 * beginning, and says how long it is: `"aaaa…" (65,000 characters)`.
 */
export function quote(text: string): string {
  const { shown, note } = shortened(text, MAX_LENGTH);
  return JSON.stringify(shown) + note;
}

/**
 * Returns the text, or the beginning of a long text and its length: `aaaa… (65,000 characters)`.
 *
 * @param maxLength The longest text that is returned completely: UTF-16 units; 80 by default.
 */
export function shorten(text: string, maxLength = MAX_LENGTH): string {
  const { shown, note } = shortened(text, maxLength);
  return shown + note;
}

function shortened(text: string, maxLength: number): { shown: string; note: string } {
  if (text.length <= maxLength) return { shown: text, note: "" };
  // No half of a surrogate pair is left at the cut.
  const beginning = text.slice(0, maxLength).replace(/[\ud800-\udbff]$/, "");
  return { shown: `${beginning}…`, note: ` (${text.length.toLocaleString("en-US")} characters)` };
}
