/**
 * Compares users who have one name: whether they are the same user, and which of them keeps the name. Knows neither
 * lists of users nor servers.
 *
 * @module
 */
import { UserKind, type UserRecord } from "@netlab/protocol/codec";
import type { Location } from "./located_names.ts";

/**
 * Returns whether two users with one name are the same user: one session while it moves between servers,
 * or a legacy user whom several servers list.
 */
export function isSameUser(a: UserRecord, b: UserRecord): boolean {
  if (a.kind !== b.kind) return false;
  return a.kind === UserKind.OnLegacyServer ||
    (a.kind === UserKind.Session && a.session === b.session);
}

/**
 * Returns whether a user holds the name. The list of a legacy server is only a hint: a legacy server
 * never forgets a name, so the user may be elsewhere.
 */
export function holdsName({ kind }: UserRecord): boolean {
  return kind !== UserKind.OnLegacyServer;
}

/**
 * Users who took a name within this time count as equally old: milliseconds. Servers compare their clocks
 * when they link, and are wrong by the time that the frame with the clock takes to arrive.
 */
const SAME_TIME_MS = 5_000;

/** Returns whether two servers may disagree about which of two users is older. */
export function isAboutAsOld(a: UserRecord, b: UserRecord): boolean {
  return Math.abs(a.since - b.since) <= SAME_TIME_MS;
}

/**
 * Returns whether `a` keeps the name that both users have. The older user keeps it.
 *
 * @param byKey Whether keys decide between users who are about equally old. All servers then decide in the
 *   same way.
 */
export function keepsName(
  a: Omit<Location, "order">,
  b: Omit<Location, "order">,
  byKey = false,
): boolean {
  const ms = a.user.since - b.user.since;
  if (ms !== 0 && !(byKey && isAboutAsOld(a.user, b.user))) return ms < 0;
  return a.user.session + a.server < b.user.session + b.server;
}
