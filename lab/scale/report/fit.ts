/**
 * Fits power laws to measured values: a straight line through their logarithms.
 *
 * @module
 */
import { linearRegression, linearRegressionLine, rSquared } from "simple-statistics";

/** A measured value. */
export interface Point {
  /** What was varied: above 0. */
  readonly x: number;
  /** What was measured: above 0. */
  readonly y: number;
}

/** The power law `factor * x ** exponent`. */
export interface PowerLaw {
  /** The value at 1. */
  readonly factor: number;
  /** How fast values grow: 1 means that twice as much needs twice as much. */
  readonly exponent: number;
  /** How well the law describes the values: 1 if exactly. */
  readonly rSquared: number;
}

/** Fits a power law. Returns `undefined` if there are fewer than three different `x` with a `y` above 0. */
export function fitPowerLaw(points: readonly Point[]): PowerLaw | undefined {
  const logarithms = points.filter(({ x, y }) => x > 0 && y > 0)
    .map(({ x, y }) => [Math.log(x), Math.log(y)] as [number, number]);
  if (new Set(logarithms.map(([x]) => x)).size < 3) return undefined;
  const line = linearRegression(logarithms);
  return {
    factor: Math.exp(line.b),
    exponent: line.m,
    rSquared: rSquared(logarithms, linearRegressionLine(line)),
  };
}

/** Returns the value of a power law. */
export function valueOf({ factor, exponent }: PowerLaw, x: number): number {
  return factor * x ** exponent;
}

/** Returns where two power laws have the same value; `undefined` if they are parallel. */
export function crossingOf(one: PowerLaw, other: PowerLaw): number | undefined {
  const slope = one.exponent - other.exponent;
  return slope === 0 ? undefined : (other.factor / one.factor) ** (1 / slope);
}
