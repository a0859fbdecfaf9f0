/**
 * The options of a program: how they are declared, and how the command line becomes their values.
 * Must not print or exit: what is wrong is thrown as a {@linkcode UsageError}.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { type Address, ADDRESS_RULE, readAddress } from "./address.ts";
import { UsageError } from "../output/errors.ts";

/** What the kinds of options come to as values. */
export interface OptionKinds {
  /** Present or not; takes no value. */
  flag: boolean;
  /** Any text but the empty one. */
  string: string;
  /** A whole number, written in digits. */
  integer: number;
  /** A duration above zero in seconds, such as `2` or `0.5`. */
  seconds: number;
  /** A TCP port, 0 to 65,535. Listening on 0 takes a free one. */
  port: number;
  /** `HOST:PORT`, or a port of this machine alone; ports from 1 to 65,535. */
  address: Address;
}

/** One option. Its name is its key in {@linkcode Program.options}, without the dashes. */
export interface Option {
  /** What its value is. */
  readonly kind: keyof OptionKinds;
  /** One sentence or two for `--help`; the default is added to it. */
  readonly help: string;
  /**
   * How the value is called in `--help`.
   *
   * @default {"PORT", "[HOST:]PORT" and so on, by kind}
   */
  readonly value?: string;
  /**
   * Whether it may be given more than once; save for texts, several values may also stand in one,
   * with commas between them. The value is then always a list.
   *
   * @default {false}
   */
  readonly repeat?: boolean;
  /**
   * Whether its values may stand on the command line without its name.
   *
   * @default {false}
   */
  readonly positional?: boolean;
  /** The value when it is not given. */
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

/** The values of options, by name; `undefined` where one was not given and has no default. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name]["kind"] extends "flag" ? boolean
    : O[Name] extends { readonly repeat: true } ? OptionKinds[O[Name]["kind"]][]
    : O[Name] extends { readonly default: string | number } ? OptionKinds[O[Name]["kind"]]
    : OptionKinds[O[Name]["kind"]] | undefined;
};

/** Options that every program has, besides its own. */
export const COMMON_OPTIONS = {
  help: { kind: "flag", help: "Show this help." },
  version: { kind: "flag", help: "Show the version." },
} as const satisfies Options;

/** Short names, for the options that people try on any program. */
export const SHORT_NAMES = { help: "h", version: "V" } as const;

/**
 * The values on a command line.
 *
 * @throws {UsageError} When an option is not known, is given too often, or has no value or a wrong one.
 */
export async function parseOptions<const O extends Options>(
  options: O,
  args: readonly string[],
): Promise<OptionValues<O & typeof COMMON_OPTIONS>> {
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
  if (parsed.help || parsed.version) unknown.length = 0; // they are answered whatever else is there
  if (unknown.length > 0) throw await unknownOption(unknown[0]!, names);

  const free = valued.find((name) => all[name]!.positional);
  if (free === undefined && parsed._.length > 0) {
    throw new UsageError(
      `Unexpected ${JSON.stringify(parsed._[0])}: this program takes options only`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const name of flags) values[name] = parsed[name] === true;
  if (values.help || values.version) return values as OptionValues<O & typeof COMMON_OPTIONS>;
  for (const name of valued) {
    const texts = [...parsed[name] as string[], ...(name === free ? parsed._ : [])];
    values[name] = readValues(name, all[name]!, texts);
  }
  return values as OptionValues<O & typeof COMMON_OPTIONS>;
}

/**
 * `--port -1` as `--port=-1`, and `--data ""` as `--data=`: a number is a value, not an option, and so is
 * an empty variable of a script; each is refused as a wrong one.
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

async function unknownOption(arg: string, names: string[]): Promise<UsageError> {
  // Most command lines have no such option, so nothing of this is loaded for them.
  const { levenshteinDistance } = await import("@std/text/levenshtein-distance");
  const name = arg.replace(/^-+/, "").toLowerCase();
  const distance = (to: string) => levenshteinDistance(name, to);
  const nearest = names.reduce((best, each) => distance(each) < distance(best) ? each : best);
  const near = distance(nearest) <= Math.max(2, Math.floor(nearest.length / 2));
  const hint = name.length > 1 && near
    ? `did you mean --${nearest}? (--help lists them all)`
    : "--help lists them all";
  return new UsageError(`Unknown option ${arg}: ${hint}`);
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
  const wrong = (rule: string) =>
    new UsageError(`Option --${name}: ${JSON.stringify(text)} is not ${rule}`);
  switch (option.kind) {
    case "port":
      return readInteger(text, 0, 65_535) ?? raise(wrong("a port, a number from 0 to 65535"));
    case "integer": {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
      const range = option.max === undefined ? `from ${min} up` : `from ${min} to ${max}`;
      return readInteger(text, min, max) ?? raise(wrong(`a whole number ${range}`));
    }
    case "seconds":
      if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0 || Number(text) > MAX_SECONDS) {
        throw wrong("a number of seconds above 0, such as 2 or 0.5");
      }
      return Number(text);
    case "address":
      try {
        return readAddress(text);
      } catch {
        throw new UsageError(`Option --${name}: ${JSON.stringify(text)} ${ADDRESS_RULE}`);
      }
    default:
      return text;
  }
}

/** What a timer can hold: 2^31 - 1 milliseconds. */
const MAX_SECONDS = 2_147_483;

function readInteger(text: string, min: number, max: number): number | undefined {
  const value = Number(text);
  return /^-?\d{1,16}$/.test(text) && value >= min && value <= max ? value : undefined;
}

function raise(error: Error): never {
  throw error;
}

/** How the value of an option is called: `PORT`. */
export function valueName(option: Option): string {
  const names = {
    flag: "",
    string: "TEXT",
    integer: "N",
    seconds: "SECONDS",
    port: "PORT",
    address: "[HOST:]PORT",
  };
  return option.value ?? names[option.kind];
}
