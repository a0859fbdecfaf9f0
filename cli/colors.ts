/**
 * The colours of the terminal. Owns the decision whether there are any: none in a pipe or a file, and
 * none with `NO_COLOR`.
 *
 * @module
 */
import { setColorEnabled } from "@std/fmt/colors";

export { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";

/** Whether what is printed to standard output may be coloured. */
export function useColors(): boolean {
  return Deno.stdout.isTerminal() && !Deno.noColor;
}

setColorEnabled(useColors());
