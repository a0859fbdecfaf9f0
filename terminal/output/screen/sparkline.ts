/**
 * Draws values as bars of one character. Must not know what the values mean or which colours they get.
 *
 * @module
 */

/** The bars, the lowest first. */
const BARS = "▁▂▃▄▅▆▇█";

/**
 * Returns a bar for each value, as high as the value.
 *
 * @param values The values, from 0. `null` and `undefined` mean that there is no value.
 * @param highest The value of the highest bar. Higher values get the highest bar as well.
 * @returns One character for each value, `undefined` where there is no value.
 */
export function sparkline(
  values: readonly (number | null | undefined)[],
  highest: number,
): (string | undefined)[] {
  return values.map((value) => {
    if (value === null || value === undefined) return undefined;
    const step = highest > 0 ? Math.floor(value / highest * BARS.length) : 0;
    return BARS[Math.min(BARS.length - 1, step)]!;
  });
}
