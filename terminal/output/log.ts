/**
 * Writes log lines: coloured text for people, or one JSON object per line for programs. Must not know what
 * the lines say.
 *
 * @module
 */
import { dim, red, yellow } from "./colors.ts";
import { describeError } from "./errors.ts";
import { OutputError, print } from "./print.ts";
import { oneLine, toJson } from "./untrusted.ts";

/** The severity of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The levels, from the least severe to the most severe. */
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Options of {@linkcode terminalLogger}. */
export interface LogOptions {
  /**
   * Whether each line is a JSON object with `time` (ISO 8601), `level`, `message` and the logged
   * properties. Otherwise it is text with the time of day.
   *
   * @default {false}
   */
  json?: boolean;
  /**
   * The lowest level that is logged.
   *
   * @default {"info"}
   */
  level?: LogLevel;
  /**
   * Called when lines are lost because they cannot be written. It is called again only after a line could
   * be written.
   *
   * @default {a function that does nothing}
   */
  onLost?: (error: OutputError) => void;
}

/** The properties of a log line, by name. */
type Properties = Record<string, unknown>;

/** A logger. `{name}` in a message is replaced by the property of that name: `"linked to {peer}"`. */
export interface TerminalLogger {
  /** Logs a detail for people who examine how the program works. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** Logs an expected event. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** Logs something that should not have happened. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** Logs a failure. */
  error(message: string, properties?: Record<string, unknown>): void;
}

/**
 * Creates a logger that writes to standard output. A line is written before the call returns, so lines keep
 * their order. The logger never throws, because a log line must not interrupt the work around it.
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

/** Formats a line for people: `20:15:03 linked to 127.0.0.1:5002`. */
function formatText(level: LogLevel, message: string): string {
  return `${dim(new Date().toTimeString().slice(0, 8))} ${COLORS[level](message)}`;
}

const COLORS: Record<LogLevel, (text: string) => string> = {
  debug: dim,
  info: String,
  warn: yellow,
  error: red,
};

/** Formats a line for programs. A property cannot replace the names that every line has. */
function formatJson(level: LogLevel, message: string, properties: Properties): string {
  const { time: _, level: __, message: ___, ...rest } = properties;
  const line = { time: new Date().toISOString(), level, message, ...rest };
  return toJson(line, (_key, value) => {
    if (value instanceof Error) return describeError(value);
    return typeof value === "bigint" ? Number(value) : value;
  });
}

/** Fills the properties into a message. They may come from the network, so the result is made one line. */
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
  return typeof value === "object" && value !== null ? toJson(value) : String(value);
}
