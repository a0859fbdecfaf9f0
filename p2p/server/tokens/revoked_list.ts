/**
 * The list of revoked tokens. Owns its format: a line for each token (`jti ID`) or holder (`sub NAME`). Does not
 * read files.
 *
 * @module
 */

/** What has been revoked. */
export interface RevokedList {
  /** The ids of tokens: their claim `jti`. */
  readonly ids: ReadonlySet<string>;
  /** The holders of whom every token is revoked: their claim `sub`. */
  readonly subjects: ReadonlySet<string>;
  /** The numbers of the lines that could not be read, from 1. */
  readonly faults: readonly number[];
}

/** Nothing has been revoked. */
export const NONE_REVOKED: RevokedList = { ids: new Set(), subjects: new Set(), faults: [] };

/** Reads a list. Empty lines, and those that begin with `#`, are comments. */
export function readRevokedList(text: string): RevokedList {
  const ids = new Set<string>();
  const subjects = new Set<string>();
  const faults: number[] = [];
  for (const [at, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, what, value] = /^(jti|sub)\s+(.+)$/u.exec(line) ?? [];
    if (what === undefined) faults.push(at + 1);
    else (what === "jti" ? ids : subjects).add(value!.normalize("NFC"));
  }
  return { ids, subjects, faults };
}
