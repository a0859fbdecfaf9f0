/**
 * Sets the clock of a program 30 days back, when it is loaded before the program.
 *
 * @module
 */
const BEHIND_MS = 30 * 24 * 3_600_000;

const now = Date.now;
Date.now = () => now() - BEHIND_MS;
const { timeOrigin } = performance;
Object.defineProperty(performance, "timeOrigin", { get: () => timeOrigin - BEHIND_MS });
