/**
 * The text of `--help`, for a terminal of 80 columns. Must not print it.
 *
 * @module
 */
import { bold } from "./colors.ts";
import { COMMON_OPTIONS, type Option, SHORT_NAMES, valueName } from "../input/options.ts";
import type { Program } from "../program.ts";

const COLUMNS = 80;
/** Options with longer names than this have their help below them. */
const MAX_NAME_COLUMNS = 24;

/** What `--help` prints: summary, usage, options, examples. */
export function helpText(program: Program): string {
  const options = Object.entries({ ...program.options, ...COMMON_OPTIONS }).map(
    ([name, option]) => [optionName(name, option), optionHelp(option)] as const,
  );
  const column = 4 +
    Math.max(...options.map(([name]) => name.length).filter((n) => n <= MAX_NAME_COLUMNS));
  return [
    bold(`${program.name} ${program.version}`),
    ...wrap(program.summary, 0),
    "",
    `${bold("Usage:")} ${program.usage}`,
    "",
    bold("Options:"),
    ...options.flatMap(([name, help]) => hang(name, wrap(help, column), column)),
    "",
    bold("Examples:"),
    ...program.examples.flatMap(({ command, what }) => [`  ${command}`, ...wrap(what, 6)]),
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

/** A name with its help beside it, or below when the name is long. */
function hang(name: string, help: string[], column: number): string[] {
  if (name.length + 4 > column) return [`  ${name}`, ...help];
  const [first = "", ...rest] = help;
  return [`  ${name}`.padEnd(column) + first.slice(column), ...rest];
}

/** Words in lines of at most 80 columns, each indented. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.trim().split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => " ".repeat(indent) + each);
}
