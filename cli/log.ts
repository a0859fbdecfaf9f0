/**
 * Log lines, the output of programs that run on: coloured for people, or an object a line for
 * programs. LogTape is loaded when it is asked for, so that programs which log nothing start faster.
 *
 * @module
 */
import type { LogLevel as LogTapeLevel, LogRecord } from "@logtape/logtape";
import { dim, red, yellow } from "./colors.ts";
import { describeError, oneLine } from "./errors.ts";
import { print } from "./print.ts";

/** How much is logged: what is as grave as this, and what is graver. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** How {@linkcode configureLogs} logs. */
export interface LogOptions {
  /**
   * Whether a line is a JSON object, with `time` (ISO 8601), `level`, `message` and the properties
   * that were logged, in place of text with the time of day.
   *
   * @default {false}
   */
  json?: boolean;
  /**
   * The least grave level that is logged.
   *
   * @default {"info"}
   */
  level?: LogLevel;
}

/**
 * Takes log lines. Messages are templates in LogTape's form, filled in from the properties: `"linked to
 * {peer}"`.
 */
export interface TerminalLogger {
  /** For who looks into the workings. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** What happened, as it should. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** What happened, but should not have. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** What failed for good. */
  error(message: string, properties?: Record<string, unknown>): void;
}

/**
 * Sends what is logged to standard output, written in order and before the call returns.
 *
 * @returns The logger for the whole of netlab.
 */
export async function configureLogs(options: LogOptions = {}): Promise<TerminalLogger> {
  const { configureSync, getLogger } = await import("@logtape/logtape");
  const format = options.json ? formatJson : formatText;
  const level = options.level ?? "info";
  configureSync({
    reset: true,
    sinks: { output: (record) => print(format(record)) },
    loggers: [
      {
        category: "netlab",
        sinks: ["output"],
        lowestLevel: level === "warn" ? "warning" : level,
      },
      // LogTape's reports on itself: only what went wrong.
      { category: ["logtape", "meta"], sinks: ["output"], lowestLevel: "error" },
    ],
  });
  return getLogger("netlab");
}

/** A record as text: `20:15:03 linked to 127.0.0.1:5002`. */
function formatText(record: LogRecord): string {
  const time = new Date(record.timestamp).toTimeString().slice(0, 8);
  return `${dim(time)} ${colorOf(record.level)(messageText(record))}`;
}

function colorOf(level: LogTapeLevel): (text: string) => string {
  if (level === "warning") return yellow;
  if (level === "error" || level === "fatal") return red;
  return level === "info" ? String : dim;
}

/** A record as a JSON object in one line. The names that every line has cannot be taken by properties. */
function formatJson(record: LogRecord): string {
  const { time: _, level: __, message: ___, ...properties } = record.properties;
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level === "warning" ? "warn" : record.level,
    message: messageText(record),
    ...properties,
  }, (_key, value) => {
    if (value instanceof Error) return describeError(value);
    return typeof value === "bigint" ? Number(value) : value;
  });
}

/** The message with its values in place; they may come from the network, so it stays one line. */
function messageText(record: LogRecord): string {
  return oneLine(record.message.map(valueText).join(""));
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return describeError(value);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
