/**
 * All attacks by name.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { hostileServer } from "./hostile_servers.ts";
import * as peers from "./peers.ts";
import * as strangers from "./strangers.ts";
import * as users from "./users.ts";

/** How long the processor is used and how long it is not, together: milliseconds. */
const BURN_PERIOD_MS = 10;

/** No attack: uses as much of a processor as an attack did, to compare with. */
const burn: Attack = async ({ allowance, share }) => {
  while (!allowance.over.aborted) {
    const end = performance.now() + BURN_PERIOD_MS * share;
    while (performance.now() < end);
    await allowance.pause(BURN_PERIOD_MS * (1 - share));
  }
};

/** The name of an attack: the function of that name. `burn` is none; others are compared with it. */
export type AttackName =
  | "requests"
  | "unread"
  | "announcements"
  | "logs"
  | "halfOpen"
  | "slow"
  | "connects"
  | "echoes"
  | "greetings"
  | "stored"
  | "storedByMany"
  | "names"
  | "churn"
  | "claims"
  | "silentReaders"
  | "receipts"
  | "legacyUsers"
  | "refusals"
  | "linkStates"
  | "presence"
  | "presenceChanges"
  | "flappingPeers"
  | "silentPeers"
  | "hostileServer"
  | "burn";

/** All attacks. */
export const ATTACKS: Readonly<Record<AttackName, Attack>> = {
  ...strangers,
  ...users,
  ...peers,
  hostileServer,
  burn,
};
