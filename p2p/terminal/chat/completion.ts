/**
 * Completes what a person types in a conversation: a command and its argument, the recipient, or a name in the text.
 * Owns how a completed name is written. Must not know the terminal or the network.
 *
 * @module
 */
import type { Completion } from "../screen/screen.ts";
import type { ChatCommand } from "./chat_commands.ts";
import { fold, typedName } from "./names.ts";

/** How a candidate is written in place of what was typed. `isWhole` is false for a beginning that several share. */
type Write = (name: string, isWhole: boolean) => string;

/**
 * Completes the text before the cursor.
 *
 * @param before The text before the cursor.
 * @param names The users, the most likely ones first.
 * @returns Nothing when there is nothing to complete.
 */
export function complete(
  before: string,
  names: Iterable<string>,
  commands: ReadonlyMap<string, Pick<ChatCommand, "argument">>,
): Completion | undefined {
  const command = /^\s*\/(\S*)$/.exec(before)?.[1];
  if (command !== undefined) return choose(before, command, [...commands.keys()].sort(), plain);
  const [, name, argument] = /^\s*\/(\S+)\s+([^]*)$/.exec(before) ?? [];
  if (name !== undefined) {
    const possible = commands.get(name)?.argument;
    if (possible === "user") return completeRecipient(before, argument!, names);
    return choose(before, argument!, possible ?? [], plain);
  }
  return completeRecipient(before, before.trimStart(), names) ?? completeMention(before, names);
}

/** Completes a name where it says who is meant: in quotation marks if necessary, without the `@` of other programs. */
function completeRecipient(
  before: string,
  word: string,
  names: Iterable<string>,
): Completion | undefined {
  const quoted = /^"([^"]+)$/.exec(word)?.[1];
  const typed = quoted ?? /^@?([^\s"]\S*)$/.exec(word)?.[1];
  if (typed === undefined) return undefined;
  // Some names with quotation marks cannot be typed.
  const possible = [...names].filter((name) =>
    !name.startsWith('"') && !(name.includes('"') && /\s/.test(name))
  );
  const begin = before.slice(0, before.length - word.length);
  const write: Write = (name, isWhole) => {
    if (isWhole) return quoted === undefined ? typedName(name) : `"${name}"`;
    return quoted !== undefined || /\s/.test(name) ? `"${name}` : name;
  };
  return choose(begin + word, typed, possible, write, begin);
}

/** Completes a name in the text of a message. There it is written as it is. */
function completeMention(before: string, names: Iterable<string>): Completion | undefined {
  const typed = /[\s(["'@]([^\s(["'@]+)$/.exec(before)?.[1];
  return typed === undefined ? undefined : choose(before, typed, [...names], plain);
}

const plain: Write = (name) => name;

/**
 * Completes `typed` to the only candidate that matches, or to what all matching ones begin with.
 *
 * @param begin What stays of the text before the cursor.
 */
function choose(
  before: string,
  typed: string,
  all: readonly string[],
  write: Write,
  begin = before.slice(0, before.length - typed.length),
): Completion | undefined {
  const exact = all.filter((name) => name.startsWith(typed));
  const fitting = exact.length > 0
    ? exact
    : all.filter((name) => fold(name).startsWith(fold(typed)));
  if (fitting.length === 0) return undefined;
  const choices = fitting.map((name) => ({ name, text: `${begin}${write(name, true)} ` }));
  if (choices.length === 1) return { text: choices[0]!.text, choices: [] };
  const common = commonStart(fitting);
  const isLonger = common.length > typed.length && fold(common).startsWith(fold(typed));
  return { text: isLonger ? begin + write(common, false) : before, choices };
}

function commonStart(names: readonly string[]): string {
  let common = Array.from(names[0]!);
  for (const name of names) {
    const characters = Array.from(name);
    const end = common.findIndex((character, index) => character !== characters[index]);
    if (end >= 0) common = common.slice(0, end);
  }
  return common.join("");
}
