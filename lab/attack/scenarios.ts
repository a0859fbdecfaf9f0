/**
 * The scenarios of `lab attack`: which attack, on which system, and what is at stake.
 *
 * @module
 */
import type { AttackName } from "./attacks/mod.ts";
import type { AttackedSystem } from "./target.ts";

/** An attack on one system. */
export interface Scenario {
  /** The name of the scenario, in lower case with hyphens. */
  readonly name: string;
  /** What happens, in a few words. */
  readonly what: string;
  /** The system of the servers and users. */
  readonly system: AttackedSystem;
  /** The attack. */
  readonly attack: AttackName;
  /**
   * Whether the servers store messages in a folder.
   *
   * @default {false}
   */
  readonly data?: boolean;
  /**
   * Whether clients are attacked: one more, a program at a terminal that knows only the hostile server, is
   * watched like the servers.
   *
   * @default {false}
   */
  readonly victim?: boolean;
  /**
   * How much memory of one server may stay in use, because it holds messages that are stored within the
   * limits: bytes.
   *
   * @default {0}
   */
  readonly storedBytes?: number;
}

const MIB = 1024 * 1024;
/** Messages in memory, with what the server needs for each. The limit is 256 MiB for all senders together. */
const STORED_BYTES = 384 * MIB;
/** The quarter of it that one sender may use. */
const SHARE_BYTES = STORED_BYTES / 4;

/** All scenarios, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "requests", system: "p2p", attack: "requests", what: "cheap requests without end" },
  { name: "unread", system: "p2p", attack: "unread", what: "requests for long lists, unread" },
  {
    name: "announcements",
    system: "p2p",
    attack: "announcements",
    what: "servers on every port, as a stranger says",
  },
  { name: "logs", system: "p2p", attack: "logs", what: "frames that are refused or logged" },
  { name: "half-open", system: "p2p", attack: "halfOpen", what: "connections that say nothing" },
  { name: "slow", system: "p2p", attack: "slow", what: "long frames, byte by byte" },
  { name: "connects", system: "p2p", attack: "connects", what: "as many connections as possible" },
  {
    name: "stored",
    system: "p2p",
    attack: "stored",
    storedBytes: SHARE_BYTES,
    what: "one user stores messages without end, in memory",
  },
  {
    name: "stored-on-disk",
    system: "p2p",
    attack: "stored",
    data: true,
    storedBytes: SHARE_BYTES,
    what: "one user stores messages without end, on disk",
  },
  {
    name: "stored-by-many",
    system: "p2p",
    attack: "storedByMany",
    data: true,
    storedBytes: STORED_BYTES,
    what: "twenty users store messages without end",
  },
  {
    name: "names",
    system: "p2p",
    attack: "names",
    data: true,
    storedBytes: SHARE_BYTES,
    what: "one message for each of very many names",
  },
  { name: "churn", system: "p2p", attack: "churn", what: "names that come and go" },
  { name: "claims", system: "p2p", attack: "claims", what: "registrations of names in use" },
  {
    name: "silent-readers",
    system: "p2p",
    attack: "silentReaders",
    storedBytes: STORED_BYTES,
    what: "users who get messages and do not read",
  },
  { name: "receipts", system: "p2p", attack: "receipts", what: "queries and acknowledgements" },
  { name: "refusals", system: "p2p", attack: "refusals", what: "messages to nobody" },
  { name: "legacy-users", system: "p2p", attack: "legacyUsers", what: "legacy users, unread" },
  { name: "link-states", system: "p2p", attack: "linkStates", what: "invented servers" },
  { name: "presence", system: "p2p", attack: "presence", what: "very many invented users" },
  {
    name: "presence-changes",
    system: "p2p",
    attack: "presenceChanges",
    what: "invented users who come and go",
  },
  {
    name: "flapping-peers",
    system: "p2p",
    attack: "flappingPeers",
    what: "links that come and go",
  },
  { name: "silent-peers", system: "p2p", attack: "silentPeers", what: "servers that never read" },
  {
    name: "hostile-server",
    system: "p2p",
    attack: "hostileServer",
    victim: true,
    what: "a server that floods clients",
  },
  { name: "rtt-requests", system: "rtt", attack: "requests", what: "cheap requests without end" },
  { name: "rtt-echoes", system: "rtt", attack: "echoes", what: "echoes, read and unread" },
  {
    name: "rtt-connects",
    system: "rtt",
    attack: "connects",
    what: "as many connections as possible",
  },
  {
    name: "rtt-hostile-server",
    system: "rtt",
    attack: "hostileServer",
    victim: true,
    what: "a server that floods clients and lists invented ones",
  },
  { name: "basic-greetings", system: "basic", attack: "greetings", what: "slow and endless words" },
  {
    name: "basic-connects",
    system: "basic",
    attack: "connects",
    what: "as many connections as possible",
  },
];
