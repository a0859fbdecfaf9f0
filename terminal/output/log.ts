/**
 * Log lines, the output of programs that run on: coloured for people, or an object a line for
 * programs. Must not know what they say.
 *
 * @module
 */
import { dim, red, yellow } from "./colors.ts";
import { describeError, oneLine } from "./errors.ts";
import { OutputError, print } from "./print.ts";

/** How much is logged: what is as grave as this, and what is graver. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** From the least grave to the gravest. */
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** How {@linkcode terminalLogger} logs. */
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
  /**
   * Hears why lines cannot be written: once, and again when some could be in the meantime. The lines are lost.
   *
   * @default {nobody}
   */
  onLost?: (error: OutputError) => void;
}

/** What belongs to a log line, by name. */
type Properties = Record<string, unknown>;

/** Takes log lines. `{name}` in a message stands for the property of that name: `"linked to {peer}"`. */
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
 * A logger to standard output. Lines are written in order, and before the call returns. It never throws: what
 * is logged in the middle of some work must not break that work off.
 */
export function terminalLogger(options: LogOptions = {}): TerminalLogger {
  const format = options.json ? formatJson : formatText;
  let losing = false;
  const write = (line: string) => {
    try {
      print(line);
      losing = false;
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
      const first = !losing;
      losing = true;
      if (first) options.onLost?.(error);
    }
  };
  const least = LEVELS.indexOf(options.level ?? "info");
  const logAt = (level: LogLevel) => (message: string, properties: Properties = {}) => {
    if (LEVELS.indexOf(level) < least) return;
    write(format(level, fillIn(message, properties), properties));
  };
  return { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") };
}

/** `20:15:03 linked to 127.0.0.1:5002`. */
function formatText(level: LogLevel, message: string): string {
  return `${dim(new Date().toTimeString().slice(0, 8))} ${COLORS[level](message)}`;
}

const COLORS: Record<LogLevel, (text: string) => string> = {
  debug: dim,
  info: String,
  warn: yellow,
  error: red,
};

/** A JSON object in one line. The names that every line has cannot be taken by properties. */
function formatJson(level: LogLevel, message: string, properties: Properties): string {
  const { time: _, level: __, message: ___, ...rest } = properties;
  const line = { time: new Date().toISOString(), level, message, ...rest };
  return JSON.stringify(line, (_key, value) => {
    if (value instanceof Error) return describeError(value);
    return typeof value === "bigint" ? Number(value) : value;
  });
}

/** The message with its values in place; they may come from the network, so it stays one line. */
function fillIn(message: string, properties: Properties): string {
  return oneLine(
    message.replace(
      /\{(\w+)\}/g,
      (all, name) => Object.hasOwn(properties, name) ? valueText(properties[name]) : all,
    ),
  );
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return describeError(value);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
