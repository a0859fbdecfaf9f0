/**
 * The plan of a simulated run, drawn from one seed: servers and the links that they can have, users,
 * messages, moves and faults. Knows nothing of how a plan is run.
 *
 * @module
 */
import { between, pick, type Random, seeded } from "../random.ts";

/**
 * Something that happens in a run. `at` is when, in milliseconds after the start of the actions. `forMs` is
 * how long it lasts, in milliseconds. Servers and users are given by number, from 0.
 */
export type Action =
  /** A user sends a durable message to a user. */
  | { at: number; kind: "send"; from: number; to: number }
  /** A user posts several ephemeral messages in a row to a user. */
  | { at: number; kind: "post"; from: number; to: number; count: number }
  /** A user moves to a server. */
  | { at: number; kind: "move"; user: number; server: number }
  /** The machine of a guest loses its power, and the guest registers at a server from another one. */
  | { at: number; kind: "power"; guest: number; server: number }
  /** A user loses the network for a while. */
  | { at: number; kind: "leave"; user: number; forMs: number }
  /** The connections between two servers are reset. They may link again at once. */
  | { at: number; kind: "cut"; a: number; b: number }
  /** The connections between two servers are reset, and new ones refused for a while. */
  | { at: number; kind: "refuse"; a: number; b: number; forMs: number }
  /** All bytes between two groups of servers are silently held for a while. */
  | { at: number; kind: "partition"; side: readonly number[]; forMs: number }
  /** A server crashes, and starts again later with what is on its disk. */
  | { at: number; kind: "crash"; server: number; forMs: number }
  /** A server crashes in the middle of its next write, or soon. The write is torn. */
  | { at: number; kind: "tear"; server: number; forMs: number }
  /** The disk of a server flips bits and loses sectors. Lost messages that only it had need not arrive. */
  | { at: number; kind: "damage"; server: number; places: number }
  /** A server leaves the network gracefully, and starts again later. */
  | { at: number; kind: "drain"; server: number; forMs: number };

/** The plan of a run. */
export interface Plan {
  /** The seed of the plan, and of all random decisions within the run. */
  readonly seed: number;
  /** The number of servers: 3 to 25. */
  readonly servers: number;
  /** The pairs of servers that can link, by number. They connect all servers. */
  readonly links: readonly (readonly [number, number])[];
  /** The number of users. */
  readonly users: number;
  /** The number of guests: users who hold a name and send no messages. */
  readonly guests: number;
  /** How far the clock of each server is ahead: milliseconds, negative if it is behind. */
  readonly clocksAheadMs: readonly number[];
  /** The mean latency of connections, one way: milliseconds. */
  readonly latencyMs: number;
  /** The share of packets that are lost and sent again: 0 to 1. */
  readonly loss: number;
  /** How long actions happen: milliseconds. Faults start after {@linkcode PEACE_MS}. */
  readonly stormMs: number;
  /** The actions, in order of time. */
  readonly actions: readonly Action[];
  /** Whether others try to take the name of a user at the end. */
  readonly impostors: boolean;
}

/** The share of packets that are lost and sent again. */
const LOSS = 0.2;

/**
 * How long nothing fails and nobody moves, from the start of the actions: milliseconds. Ephemeral messages
 * must arrive during this time.
 */
export const PEACE_MS = 8_000;

/** How far a clock may be wrong: milliseconds. */
const MAX_SKEW_MS = 3_600_000;

/** Draws the plan of a run. The same seed gives the same plan. */
export function makePlan(seed: number): Plan {
  const random = seeded(seed);
  const more = seeded(seed, 8);
  const servers = between(random, 3, 25);
  const users = between(random, 2, 2 * servers);
  const stormMs = PEACE_MS + between(random, 5_000, 30_000);
  // Drawn separately, so that the rest of the plan does not depend on it.
  const others = seeded(seed, 3);
  const guests = between(others, 1, 4);
  const actions = [
    ...times(between(random, 20, 200), () => message(random, stormMs, users)),
    ...times(between(random, 5, 50), () => posts(random, stormMs, users)),
    ...times(between(random, 0, users), () => userAction(random, stormMs, users, servers)),
    ...times(between(random, 1, 2 * servers), () => fault(random, stormMs, servers)),
    ...times(between(others, 0, 2 * guests), () => power(others, stormMs, guests, servers)),
    ...times(between(more, 0, 3), () => diskFault(more, stormMs, servers)),
    ...times(between(more, 0, 1), () => drain(more, stormMs, servers)),
  ].sort((a, b) => a.at - b.at);
  const links = connected(random, servers, random() * 0.6);
  return {
    seed,
    servers,
    links,
    users,
    guests,
    clocksAheadMs: times(servers, () => between(others, -MAX_SKEW_MS, MAX_SKEW_MS)),
    latencyMs: between(random, 1, 80),
    loss: LOSS,
    stormMs,
    actions,
    impostors: more() < 0.5,
  };
}

/** Describes an action in one line: its time in seconds, its kind and its properties. */
export function describeAction(action: Action): string {
  const { at, kind, ...rest } = action;
  const what = Object.entries(rest).map(([name, value]) =>
    `${name} ${Array.isArray(value) ? value.join("+") : value}`
  );
  return `${(at / 1000).toFixed(3)}s ${kind} ${what.join(", ")}`;
}

function message(random: Random, stormMs: number, users: number): Action & { kind: "send" } {
  const from = Math.floor(random() * users);
  return { at: random() * stormMs, kind: "send", from, to: Math.floor(random() * users) };
}

function posts(random: Random, stormMs: number, users: number): Action {
  return { ...message(random, stormMs, users), kind: "post", count: between(random, 1, 10) };
}

function userAction(random: Random, stormMs: number, users: number, servers: number): Action {
  const at = PEACE_MS + random() * (stormMs - PEACE_MS);
  const user = Math.floor(random() * users);
  if (random() < 0.7) return { at, kind: "move", user, server: Math.floor(random() * servers) };
  return { at, kind: "leave", user, forMs: random() * 5_000 };
}

function power(random: Random, stormMs: number, guests: number, servers: number): Action {
  const at = PEACE_MS + random() * (stormMs - PEACE_MS);
  const guest = Math.floor(random() * guests);
  return { at, kind: "power", guest, server: Math.floor(random() * servers) };
}

function fault(random: Random, stormMs: number, servers: number): Action {
  const at = PEACE_MS + random() * (stormMs - PEACE_MS);
  const a = Math.floor(random() * servers);
  const b = (a + 1 + Math.floor(random() * (servers - 1))) % servers;
  const forMs = pick(random, [50, 500, 3_000, 8_000]);
  switch (pick(random, ["cut", "refuse", "partition", "crash", "crash"])) {
    case "cut":
      return { at, kind: "cut", a, b };
    case "refuse":
      return { at, kind: "refuse", a, b, forMs };
    case "crash":
      return { at, kind: "crash", server: a, forMs };
    default: {
      const side = Array.from({ length: servers }, (_, server) => server)
        .filter(() => random() < 0.4);
      return { at, kind: "partition", side, forMs };
    }
  }
}

function diskFault(random: Random, stormMs: number, servers: number): Action {
  const at = PEACE_MS + random() * (stormMs - PEACE_MS);
  const server = Math.floor(random() * servers);
  if (random() < 0.3) return { at, kind: "damage", server, places: between(random, 1, 3) };
  return { at, kind: "tear", server, forMs: pick(random, [50, 500, 3_000]) };
}

function drain(random: Random, stormMs: number, servers: number): Action {
  const at = PEACE_MS + random() * (stormMs - PEACE_MS);
  return { at, kind: "drain", server: Math.floor(random() * servers), forMs: 500 };
}

/** Draws a random tree, and adds a share of all other pairs. */
function connected(random: Random, count: number, share: number): [number, number][] {
  const links: [number, number][] = [];
  for (let b = 1; b < count; b++) {
    const parent = Math.floor(random() * b);
    for (let a = 0; a < b; a++) if (a === parent || random() < share) links.push([a, b]);
  }
  return links;
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
