/**
 * Declares the options of a program, and reads their values from the command line. Must not print or
 * exit: a mistake of the user is thrown as a {@linkcode UsageError}.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { levenshteinDistance } from "@std/text/levenshtein-distance";
import { parseHost, parsePort } from "@netlab/protocol/address";
import { quote, shorten } from "@netlab/protocol/quote";
import { type Address, ADDRESS_RULE, readAddress } from "./address.ts";
import { UsageError } from "../output/errors.ts";

/** The type of the value of each kind of option. */
export interface OptionKinds {
  /** Whether the option is present. It takes no value. */
  flag: boolean;
  /** Any text that is not empty. */
  string: string;
  /** A whole number, written in decimal digits. */
  integer: number;
  /** A duration above 0 in seconds, such as `2` or `0.5`. */
  seconds: number;
  /** A TCP port, 0 to 65,535. A server that listens on 0 gets a free port. */
  port: number;
  /** A host name or an IP address, in its canonical spelling. */
  host: string;
  /** `HOST:PORT`, or only a port of this machine. Ports are from 1 to 65,535. */
  address: Address;
}

/** One option. Its name, without the dashes, is its key in {@linkcode Options}. */
export interface Option {
  /** The kind of its value. */
  readonly kind: keyof OptionKinds;
  /** One or two sentences for `--help`, which adds the default to them. */
  readonly help: string;
  /**
   * The name of the value in `--help`.
   *
   * @default {a name that follows from the kind, such as "PORT"}
   */
  readonly value?: string;
  /**
   * Whether the option may be given more than once. Its value is then always a list. Except for texts,
   * one argument may also hold several values with commas between them.
   *
   * @default {false}
   */
  readonly repeat?: boolean;
  /**
   * Whether values without a name belong to this option.
   *
   * @default {false}
   */
  readonly positional?: boolean;
  /** The value when the option is not given. */
  readonly default?: string | number;
  /**
   * The smallest value of an integer.
   *
   * @default {0}
   */
  readonly min?: number;
  /**
   * The largest value of an integer.
   *
   * @default {9007199254740991}
   */
  readonly max?: number;
}

/** The options of a program, by name. */
export type Options = Readonly<Record<string, Option>>;

/** The values of options, by name. An option without a value and without a default is `undefined`. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name]["kind"] extends "flag" ? boolean
    : O[Name] extends { readonly repeat: true } ? OptionKinds[O[Name]["kind"]][]
    : O[Name] extends { readonly default: string | number } ? OptionKinds[O[Name]["kind"]]
    : OptionKinds[O[Name]["kind"]] | undefined;
};

/** The options that every program has besides its own. */
export const COMMON_OPTIONS = {
  help: { kind: "flag", help: "Show this help." },
  version: { kind: "flag", help: "Show the version." },
} as const satisfies Options;

/** The short names of {@linkcode COMMON_OPTIONS}. */
export const SHORT_NAMES = { help: "h", version: "V" } as const;

/**
 * Reads the values of options from a command line. With `--help` or `--version`, nothing else is checked.
 *
 * @throws {UsageError} When an option is unknown or is given too often, or when its value is missing or
 *   wrong.
 */
export function parseOptions<const O extends Options>(
  options: O,
  args: readonly string[],
): OptionValues<O & typeof COMMON_OPTIONS> {
  const all: Options = { ...options, ...COMMON_OPTIONS };
  const names = Object.keys(all);
  const flags = names.filter((name) => all[name]!.kind === "flag");
  const valued = names.filter((name) => all[name]!.kind !== "flag");
  const unknown: string[] = [];
  const parsed = parseArgs(joinWrongValues(args, valued), {
    boolean: flags,
    string: [...valued, "_"],
    collect: valued,
    alias: SHORT_NAMES,
    unknown(arg, key) {
      if (key === undefined) return true;
      unknown.push(arg.replace(/=.*/s, ""));
      return false;
    },
  }) as Record<string, unknown> & { _: string[] };
  const isQuestion = parsed.help === true || parsed.version === true;
  if (unknown.length > 0 && !isQuestion) throw unknownOption(unknown[0]!, names);

  const free = valued.find((name) => all[name]!.positional);
  if (free === undefined && parsed._.length > 0) {
    throw new UsageError(
      `Unexpected ${quote(parsed._[0]!)}: this program takes options only`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const name of flags) values[name] = parsed[name] === true;
  if (isQuestion) return values as OptionValues<O & typeof COMMON_OPTIONS>;
  for (const name of valued) {
    const texts = [...parsed[name] as string[], ...(name === free ? parsed._ : [])];
    values[name] = readValues(name, all[name]!, texts);
  }
  return values as OptionValues<O & typeof COMMON_OPTIONS>;
}

/**
 * Joins an option with a value that would be taken for something else: `--port -1` becomes `--port=-1`,
 * and `--data ""`, with an empty variable of a script, becomes `--data=`. Both are then refused as wrong
 * values of the option.
 */
function joinWrongValues(args: readonly string[], valued: string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (/^(-\d|$)/.test(arg) && last?.startsWith("--") && valued.includes(last.slice(2))) {
      joined[joined.length - 1] = `${last}=${arg}`;
    } else {
      joined.push(arg);
    }
  }
  return joined;
}

function unknownOption(arg: string, names: string[]): UsageError {
  const name = arg.replace(/^-+/, "").toLowerCase();
  const distance = (to: string) => levenshteinDistance(name, to);
  const nearest = names.reduce((best, each) => distance(each) < distance(best) ? each : best);
  const near = distance(nearest) <= Math.max(2, Math.floor(nearest.length / 2));
  const hint = name.length > 1 && near
    ? `did you mean --${nearest}? (--help lists them all)`
    : "--help lists them all";
  return new UsageError(`Unknown option ${shorten(arg)}: ${hint}`);
}

function readValues(name: string, option: Option, texts: string[]): unknown {
  if (!option.repeat) {
    if (texts.length > 1) throw new UsageError(`Option --${name} may be given only once`);
    return texts[0] === undefined ? option.default : readValue(name, option, texts[0]);
  }
  const single = option.kind === "string" ? texts : texts.flatMap((text) => text.split(","));
  return single.map((text) => readValue(name, option, text));
}

function readValue(name: string, option: Option, text: string): unknown {
  if (text === "") {
    throw new UsageError(`Option --${name} needs a value: --${name} ${valueName(option)}`);
  }
  const wrong = (rule: string) => new UsageError(`Option --${name}: ${quote(text)} is not ${rule}`);
  switch (option.kind) {
    case "port":
      return parsePort(text) ?? raise(wrong("a port, a number from 0 to 65535"));
    case "integer": {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const range = `from ${digits(min)} to ${digits(max)}`;
      return readInteger(text, min, max) ?? raise(wrong(`a whole number ${range}`));
    }
    case "seconds":
      if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0 || Number(text) > MAX_SECONDS) {
        throw wrong("a number of seconds above 0, such as 2 or 0.5");
      }
      return Number(text);
    case "host":
      // People know IPv6 addresses in brackets from URLs.
      return parseHost(text.replace(/^\[(.*:.*)\]$/, "$1")) ??
        raise(wrong("a host name or an IP address"));
    case "address":
      try {
        return readAddress(text);
      } catch {
        throw new UsageError(`Option --${name}: ${quote(text)} ${ADDRESS_RULE}`);
      }
    default:
      return text;
  }
}

/** The longest time of a timer, which is 2^31 - 1 milliseconds: seconds. */
const MAX_SECONDS = 2_147_483;

function readInteger(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  // A minus sign of zero would be shown.
  return /^-?\d{1,16}$/.test(text) && value >= min && value <= max ? value || 0 : undefined;
}

function digits(number: number): string {
  return number.toLocaleString("en-US");
}

function raise(error: Error): never {
  throw error;
}

/** Returns the name of the value of an option in `--help`, such as `PORT`. */
export function valueName(option: Option): string {
  const names = {
    flag: "",
    string: "TEXT",
    host: "HOST",
    integer: "N",
    seconds: "SECONDS",
    port: "PORT",
    address: "[HOST:]PORT",
  };
  return option.value ?? names[option.kind];
}
