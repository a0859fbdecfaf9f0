/**
 * Numbers, sizes and times as the page shows them. Owns how short they are.
 *
 * @module
 */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Formats a count: `0`, `45`, `1,234`, `123K`. */
export function count(value: number): string {
  return value < 9_999.5 ? WHOLE.format(value) : SHORT.format(value);
}

/** Formats a rate: `0`, `0.3`, `45`, `1,234`, `123K`. */
export function rate(value: number): string {
  return value > 0 && value < 9.95 ? SHORT.format(value) : count(value);
}

/** Formats a size: `512 B`, `4.1 KB`, `83 MB`, in units of 1,024 bytes. */
export function size(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  for (; bytes >= 1_023.5 && at < units.length - 1; at++) bytes /= 1_024;
  return `${bytes.toFixed(at > 0 && bytes < 9.95 ? 1 : 0)} ${units[at]}`;
}

/** Formats a duration: `12 s`, `3 min`, `5 h`, `2 d`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Formats a round-trip time: `0.31 ms`, `20.4 ms`, `310 ms`. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0)} ms`;
}

/** Formats the time of day: `17:03:59`. */
export function clock(time: number): string {
  return new Date(time).toTimeString().slice(0, 8);
}

/** Formats a number of things: `1 user`, `3 users`. */
export function plural(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? "" : "s"}`;
}
