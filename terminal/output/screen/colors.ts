/**
 * Colours for text on standard output. Owns the decision whether there are any: there are none in a pipe
 * or a file, and none with `NO_COLOR` or `TERM=dumb`.
 *
 * @module
 */
import * as colors from "@std/fmt/colors";
import { isDumb } from "./terminal.ts";

/** Returns the text with the escape sequences of a style, or as it is where there are no colours. */
export type Style = (text: string) => string;

const hasColors = Deno.stdout.isTerminal() && !Deno.noColor && !isDumb();
const styled = (style: Style): Style => hasColors ? style : (text) => text;

/** Bold. */
export const bold: Style = styled(colors.bold);
/** Faint. */
export const dim: Style = styled(colors.dim);
/** Red. */
export const red: Style = styled(colors.red);
/** Green. */
export const green: Style = styled(colors.green);
/** Yellow. */
export const yellow: Style = styled(colors.yellow);
/** Cyan. */
export const cyan: Style = styled(colors.cyan);
