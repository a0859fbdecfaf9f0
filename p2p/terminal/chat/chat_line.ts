/**
 * The syntax of what a person or a script enters in a conversation. Must not know what becomes of it.
 *
 * @module
 */

import { normalizeName } from "@netlab/protocol";

/** The meaning of what was entered. */
export type Line =
  | { kind: "nothing" }
  | { kind: "command"; name: string; argument: string }
  | { kind: "message"; recipient: string; text: string; quoted?: true }
  | { kind: "incomplete"; recipient: string }
  | { kind: "misquoted" };

/**
 * Parses what was entered: a slash and a command, or the name of a recipient and a message. A message may have
 * several lines.
 */
export function parseLine(line: string): Line {
  const trimmed = line.trim();
  if (trimmed === "") return { kind: "nothing" };
  if (trimmed.startsWith("/")) {
    const name = trimmed.slice(1).split(/\s/, 1)[0]!;
    return { kind: "command", name, argument: trimmed.slice(1 + name.length).trim() };
  }
  const match = /^\s*(?:"([^"\n]+)"|([^\s"]\S*))(?:\s([^]*))?$/.exec(line);
  if (!match) return { kind: "misquoted" };
  const recipient = normalizeName((match[1] ?? match[2])!);
  const text = match[3]?.trim();
  if (!text) return { kind: "incomplete", recipient };
  return { kind: "message", recipient, text, ...match[1] !== undefined && { quoted: true } };
}
