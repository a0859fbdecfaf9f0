/**
 * Numbers, times and names as `top` shows them. Owns how short they are.
 *
 * @module
 */
import { withoutTls } from "@netlab/protocol";

/** Formats a count or a rate: `0`, `0.3`, `45`, `1,234`, `123k`, `4.5M`. */
export function count(value: number): string {
  if (value === 0) return "0";
  if (value < 9.95) return value.toFixed(Number.isInteger(value) ? 0 : 1);
  if (value < 99_999.5) return Math.round(value).toLocaleString("en-US");
  return scaled(value, 1_000, ["", "k", "M", "G", "T"]);
}

/** Formats a size: `0`, `512`, `4.1k`, `83M`, in units of 1,024 bytes. */
export function size(bytes: number): string {
  return scaled(bytes, 1_024, ["", "k", "M", "G", "T"]);
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let at = 0;
  for (; value >= step * 0.9995 && at < units.length - 1; at++) value /= step;
  return `${at > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}${units[at]}`;
}

/** Formats a duration: `12s`, `3m`, `5h`, `2d`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Formats a round-trip time: `0.31 ms`, `20.4 ms`, `310 ms`. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** Formats the time of day: `17:03:59`. */
export function clock(time: Date): string {
  return time.toTimeString().slice(0, 8);
}

/** Returns a short name for each address: its port alone if all servers are on one host. */
export function shortNames(addresses: readonly string[]): (address: string) => string {
  const split = (address: string) => {
    const text = withoutTls(address);
    const colon = text.lastIndexOf(":");
    return { host: text.slice(0, colon), port: text.slice(colon + 1), text };
  };
  const hosts = new Set(addresses.map((address) => split(address).host));
  return (address) => {
    const { host, port, text } = split(address);
    return hosts.size === 1 && hosts.has(host) ? port : text;
  };
}
