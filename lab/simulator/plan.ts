/**
 * What is going to happen in a simulated run, drawn from one number: servers and which of them can
 * link, users, messages, moves, and everything that goes wrong. Pure; knows nothing of how it is run.
 *
 * @module
 */
import { between, pick, type Random, seeded } from "../random.ts";

/** Something that happens in a run. Servers and users are told by their numbers. */
export type Action =
  /** A user writes to a user. */
  | { at: number; kind: "send"; from: number; to: number }
  /** A user posts some messages in a row to a user: nobody keeps those. */
  | { at: number; kind: "post"; from: number; to: number; count: number }
  /** A user moves to a server. */
  | { at: number; kind: "move"; user: number; server: number }
  /** A user's machine is off the network for a while. */
  | { at: number; kind: "leave"; user: number; forMs: number }
  /** The connections between two servers break; they may link again at once. */
  | { at: number; kind: "cut"; a: number; b: number }
  /** Two servers cannot connect for a while, and are told so. */
  | { at: number; kind: "refuse"; a: number; b: number; forMs: number }
  /** Nothing gets through between two groups of servers for a while, and nobody is told. */
  | { at: number; kind: "partition"; side: readonly number[]; forMs: number }
  /** A server is gone from one moment to the next, and comes back with what its disk has. */
  | { at: number; kind: "crash"; server: number; forMs: number };

/** A run. */
export interface Plan {
  /** What it was drawn from; the small chances within the run are drawn from it too. */
  readonly seed: number;
  /** How many servers there are: 3 to 25. */
  readonly servers: number;
  /** The pairs of servers that can link: a connected graph. */
  readonly links: readonly (readonly [number, number])[];
  /** How many users there are. */
  readonly users: number;
  /** The time that half of the links take at most, one way: milliseconds. */
  readonly latencyMs: number;
  /** The share of parcels that have to be sent again before they arrive. */
  readonly loss: number;
  /** How long users write; things go wrong after {@linkcode PEACE_MS}: milliseconds. */
  readonly stormMs: number;
  /** What happens, in order of time: milliseconds from the start of the storm. */
  readonly actions: readonly Action[];
}

/** A share of all parcels is lost on the way, and sent again. */
const LOSS = 0.2;

/** So long nothing goes wrong yet, and nobody moves: what is posted has to arrive then. Milliseconds. */
export const PEACE_MS = 8_000;

/** The run that belongs to a seed. */
export function makePlan(seed: number): Plan {
  const random = seeded(seed);
  const servers = between(random, 3, 25);
  const users = between(random, 2, 2 * servers);
  const stormMs = PEACE_MS + between(random, 5_000, 30_000);
  const actions = [
    ...times(between(random, 20, 200), () => message(random, stormMs, users)),
    ...times(between(random, 5, 50), () => posts(random, stormMs, users)),
    ...times(between(random, 0, users), () => userAction(random, stormMs, users, servers)),
    ...times(between(random, 1, 2 * servers), () => fault(random, stormMs, servers)),
  ].sort((a, b) => a.at - b.at);
  const links = connected(random, servers, random() * 0.6);
  return {
    seed,
    servers,
    links,
    users,
    latencyMs: between(random, 1, 80),
    loss: LOSS,
    stormMs,
    actions,
  };
}

/** What an action is, for people. */
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

/** A random tree, and a share of all other pairs. */
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
