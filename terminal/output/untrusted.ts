/**
 * Makes text of others harmless before it is shown: names, messages, addresses, errors, and whatever was typed.
 * Owns which characters a terminal may get. Must not know what the text says.
 *
 * A terminal obeys control characters: they move the cursor, change the title, or write to the clipboard. Others
 * change the order in which text is shown, or are invisible, so that one text looks like another.
 *
 * @module
 */

const ASCII = /^[\x20-\x7e]*$/;
/** White space around line ends. No expression here can backtrack, because the text may be hostile. */
const SPACE = /\s+/g;
const LINE_BREAK = /[\r\n\u2028\u2029]/;

/**
 * Matches characters that are not shown as they are. The group matches those that scripts and emoji need: joiners,
 * the letters of a flag, and selectors of a variant.
 */
const HIDDEN = new RegExp(
  String.raw`(\u{1F3F4}[\u{E0030}-\u{E007A}]{1,8}\u{E007F}` +
    String.raw`|(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D` +
    String.raw`(?=\p{Extended_Pictographic})` +
    String.raw`|(?<=[\p{Emoji}\p{Script=Han}\p{Script=Mongolian}])\p{Variation_Selector}` +
    String.raw`|(?<=[\p{scx=Arab}\p{scx=Syrc}\p{scx=Mong}\p{scx=Nkoo}\p{scx=Deva}\p{scx=Beng}` +
    String.raw`\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}` +
    String.raw`\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}])[\u200C\u200D])` +
    String.raw`|[\p{Control}\p{Surrogate}\p{Zl}\p{Zp}\p{Bidi_Control}\uFFF9-\uFFFB` +
    String.raw`\p{Default_Ignorable_Code_Point}\p{Variation_Selector}]`,
  "gu",
);

/** The styles of `colors.ts`. */
// deno-lint-ignore no-control-regex
const STYLES = /(\x1b\[(?:1|2|22|31|32|33|36|39)m)/;

/**
 * Returns text of others as one line that a terminal can show. A line break becomes a space, together with the
 * white space around it, and a tab becomes a space. Control characters, invisible characters, characters that
 * change the direction of text, and halves of surrogate pairs become U+FFFD. The time grows in proportion to the
 * length of the text, whatever the text is.
 */
export function oneLine(text: string): string {
  if (ASCII.test(text)) return text;
  const joined = LINE_BREAK.test(text)
    ? text.replace(SPACE, (space) => LINE_BREAK.test(space) ? " " : space)
    : text;
  return joined.replaceAll("\t", " ")
    .replace(HIDDEN, (_, needed: string | undefined) => needed ?? "\uFFFD");
}

/**
 * Returns a line that may have the styles of `colors.ts`, with everything else as {@linkcode oneLine} returns it.
 * All lines go through this just before they are written, so that nothing forgotten reaches the terminal.
 */
export function styledLine(line: string): string {
  if (ASCII.test(line)) return line;
  // Every second part is a style.
  return line.split(STYLES).map((part, index) => index % 2 === 0 ? oneLine(part) : part).join("");
}

/**
 * Returns a value as JSON in one line. It is the JSON of `JSON.stringify`, with escapes for the characters that
 * {@linkcode oneLine} does not show.
 */
export function toJson(
  value: unknown,
  replacer?: (key: string, value: unknown) => unknown,
): string {
  const json = JSON.stringify(value, replacer);
  if (ASCII.test(json)) return json;
  return json.replace(
    HIDDEN,
    (character, needed: string | undefined) => needed ?? escaped(character),
  );
}

function escaped(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
