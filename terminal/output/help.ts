/**
 * Describes a program, and writes the text of its `--help` for a terminal of 80 columns. Must not print
 * it.
 *
 * @module
 */
import {
  COMMON_OPTIONS,
  type Option,
  type Options,
  SHORT_NAMES,
  valueName,
} from "../input/options.ts";
import { bold } from "./screen/colors.ts";
import { wrap } from "./screen/width.ts";

/** A program, as `--help` describes it. */
export interface Program<O extends Options = Options> {
  /** Its name, such as `netlab p2p server`. */
  readonly name: string;
  /** What it does, in one sentence or two. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
  /** How to start it, such as `deno task p2p:server [options]`. */
  readonly usage: string;
  /** Its options, in the order of `--help`. `--help` and `--version` are added to them. */
  readonly options: O;
  /** Commands worth trying. */
  readonly examples: readonly {
    /** The command, as a person types it. */
    readonly command: string;
    /** What the command does. */
    readonly what: string;
  }[];
  /**
   * Whether a signal ends the program at once, without a handler. For a program that computes without a
   * pause, so that no handler could run, and that leaves nothing to clean up.
   *
   * @default {false}
   */
  readonly endsAtOnce?: boolean;
  /**
   * Whether the program goes on when standard output cannot be written, because it has other work to do: a server,
   * a client that still sends. Otherwise it is asked to stop.
   *
   * @default {false}
   */
  readonly outlivesOutput?: boolean;
}

const COLUMNS = 80;
/** The longest name of an option that has its help beside it: columns. */
const MAX_NAME_COLUMNS = 24;

/** Returns what `--help` prints: summary, usage, options, examples. */
export function helpText(program: Program): string {
  const options = Object.entries({ ...program.options, ...COMMON_OPTIONS }).map(
    ([name, option]) => [optionName(name, option), optionHelp(option)] as const,
  );
  const column = 4 +
    Math.max(...options.map(([name]) => name.length).filter((n) => n <= MAX_NAME_COLUMNS));
  return [
    bold(`${program.name} ${program.version}`),
    ...wrap(program.summary, COLUMNS),
    "",
    `${bold("Usage:")} ${program.usage}`,
    "",
    bold("Options:"),
    ...options.flatMap(([name, help]) => hang(name, wrap(help, COLUMNS, column), column)),
    "",
    bold("Examples:"),
    ...program.examples.flatMap(({ command, what }) => [`  ${command}`, ...wrap(what, COLUMNS, 6)]),
  ].join("\n");
}

function optionName(name: string, option: Option): string {
  const short = Object.entries(SHORT_NAMES).find(([long]) => long === name)?.[1];
  return `${short ? `-${short}, ` : ""}--${name} ${valueName(option)}`.trimEnd();
}

function optionHelp(option: Option): string {
  const repeat = option.repeat ? " Repeatable." : "";
  const fallback = option.default === undefined ? "" : ` Default: ${option.default}.`;
  return `${option.help}${repeat}${fallback}`;
}

/** Puts the help beside the name of its option, or below a long name. */
function hang(name: string, help: string[], column: number): string[] {
  if (name.length + 4 > column) return [`  ${name}`, ...help];
  const [first = "", ...rest] = help;
  return [`  ${name}`.padEnd(column) + first.slice(column), ...rest];
}
