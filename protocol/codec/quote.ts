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
  if (text.length <= MAX_LENGTH) return JSON.stringify(text);
  // Half a surrogate pair at the cut would be escaped.
  const beginning = text.slice(0, MAX_LENGTH).replace(/[\ud800-\udbff]$/, "");
  return `${JSON.stringify(`${beginning}…`)} (${text.length.toLocaleString("en-US")} characters)`;
}
