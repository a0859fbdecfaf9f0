/**
 * The colours of the terminal. Owns the decision whether there are any: none in a pipe or a file, and
 * none with `NO_COLOR`.
 *
 * @module
 */

/** Whether what is printed to standard output may be coloured. */
export function useColors(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}

/** Text as it is to appear. */
export type Style = (text: string) => string;

const plain: Style = (text) => text;
/** Loaded only where there are colours: most servers write to a file or a journal. */
const colors = useColors() ? await import("@std/fmt/colors") : undefined;

/** Bold. */
export const bold: Style = colors?.bold ?? plain;
/** Fainter than the rest. */
export const dim: Style = colors?.dim ?? plain;
/** Red. */
export const red: Style = colors?.red ?? plain;
/** Green. */
export const green: Style = colors?.green ?? plain;
/** Yellow. */
export const yellow: Style = colors?.yellow ?? plain;
/** Cyan. */
export const cyan: Style = colors?.cyan ?? plain;
