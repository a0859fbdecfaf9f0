/**
 * Writes log lines: coloured text for people, or one JSON object per line for programs. Must not know what
 * the lines say.
 *
 * @module
 */
import { dim, red, yellow } from "./screen/colors.ts";
import { describeError } from "./errors.ts";
import { LogWriter } from "./log_writer.ts";
import type { OutputError } from "./output.ts";
import { describeRepeats, Repeats } from "./repeats.ts";
import { oneLine, styledLine, toJson } from "./untrusted.ts";

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
   * Called when standard output cannot be written, and again only after it could be written. The logger tries
   * again every second; 1 MiB of lines waits for that, and further ones are lost.
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

/** The writers of all loggers, and what each logger has left out, for {@linkcode logged}. */
const loggers: { readonly writer: LogWriter; readonly repeats: Repeats }[] = [];

/** The properties that name the party that a line is about. The first one that a line has is used. */
const SOURCES = ["address", "from", "host", "user", "server"];
/** The event of the lines that are written for each message, if a person has asked for them. All are written. */
const MESSAGE_EVENT = "message";

/**
 * Creates a logger that writes to standard output. It never throws and never delays the program, because a log
 * line must not interrupt the work around it. Lines keep their order. When the reader of the log is too slow or
 * has stopped, 1 MiB of lines waits; further ones are dropped, and a line in their place says how many. The last
 * lines are written before `runProgram` ends the process, if that is possible.
 *
 * Of lines that are similar, because they have the same `event` or message, ten about one party and two hundred in
 * all are written in ten seconds. Then a line says how many were left out. Failures (`error`) are always written.
 */
export function terminalLogger(options: LogOptions = {}): TerminalLogger {
  const formatAs = options.json ? formatJson : formatText;
  const format: typeof formatText = (...line) => styledLine(formatAs(...line));
  const writer = new LogWriter(Deno.stdout, {
    dropped(lines) {
      const message = lines === 1
        ? "1 log line was dropped: standard output was not read in time"
        : `${lines} log lines were dropped: standard output was not read in time`;
      return format("warn", message, { event: "log.dropped", lines });
    },
    failed: (error) => options.onLost?.(error),
  });
  const repeats = new Repeats((lines, example, kind) => {
    const properties = { event: "log.repeated", kind, lines };
    writer.add(format("warn", describeRepeats(lines, example), properties));
  });
  loggers.push({ writer, repeats });
  const least = LEVELS.indexOf(options.level ?? "info");
  const logAt = (level: LogLevel) => (message: string, properties: Properties = {}) => {
    if (LEVELS.indexOf(level) < least) return;
    try {
      const line = () => fillIn(message, properties);
      if (level !== "error" && properties.event !== MESSAGE_EVENT) {
        const kind = typeof properties.event === "string" ? properties.event : message;
        if (!repeats.admits(kind, sourceOf(properties), line)) return;
      }
      writer.add(format(level, line(), properties));
    } catch (error) {
      // A property cannot be shown, such as an object that contains itself.
      writer.add(format("error", oneLine(`Cannot log "${message}": ${describeError(error)}`), {}));
    }
  };
  return { debug: logAt("debug"), info: logAt("info"), warn: logAt("warn"), error: logAt("error") };
}

/** Resolves when all log lines are written, or when standard output cannot be written. */
export async function logged(): Promise<void> {
  for (const { repeats } of loggers) repeats.flush();
  await Promise.all(loggers.map(({ writer }) => writer.written()));
}

/** Returns the party that a line is about; "" if it names none. */
function sourceOf(properties: Properties): string {
  const name = SOURCES.find((name) => typeof properties[name] === "string");
  return name === undefined ? "" : properties[name] as string;
}

/** Formats a line for people: `20:15:03 linked to 127.0.0.1:5002`. */
function formatText(level: LogLevel, message: string, _properties: Properties): string {
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
