/**
 * The paths of messages. Joins what several servers tell of the same message. Owns how long it waits for all of them.
 * Does not know how paths are drawn.
 *
 * @module
 */
import type { ServerEvent } from "@netlab/protocol/codec";

/** A place on the path of a message: a user, or the id of a server. */
export type Stop = { readonly user: string } | { readonly server: string };

/** The path of a message, as far as servers have told it. */
export interface Trace {
  /** The id of the message: a UUID. */
  readonly id: string;
  /** When it was seen first: milliseconds since 1970. */
  readonly time: number;
  /** The places, in the order in which the message was there. There are at least two. */
  readonly stops: readonly Stop[];
  /** How many messages there are: more than one in a batch. */
  readonly count: number;
  /** The size of their texts: bytes. */
  readonly bytes: number;
  /** The name of the recipient. */
  readonly recipient: string;
}

/** What one server has told of a message. */
export type MessageEvent = Extract<ServerEvent, { kind: "message" }>;

/** How many paths may be incomplete at a time. */
const MAX_WAITING = 1_000;

interface Waiting {
  readonly event: MessageEvent;
  readonly seenAt: number;
  time: number;
  /** What each server has told, by its id. */
  readonly told: Map<string, MessageEvent>;
}

/** Paths that are not complete yet. */
export class Traces {
  readonly #waiting = new Map<string, Waiting>();
  readonly #waitMs: () => number;

  /**
   * Starts without paths.
   *
   * @param waitMs Returns how long other servers may take to tell of a message: milliseconds.
   */
  constructor(waitMs: () => number) {
    this.#waitMs = waitMs;
  }

  /**
   * Adds what a server has told.
   *
   * @param at The id of the server.
   * @param time When the message was there: milliseconds since 1970.
   * @param now The current time: milliseconds since 1970.
   */
  add(event: MessageEvent, at: string, time: number, now: number): void {
    const known = this.#waiting.get(event.id);
    if (!known) {
      if (this.#waiting.size >= MAX_WAITING) return;
      this.#waiting.set(event.id, { event, seenAt: now, time, told: new Map([[at, event]]) });
      return;
    }
    known.time = Math.min(known.time, time);
    // A message that waited is told twice: when it was stored, and when it was delivered.
    const earlier = known.told.get(at);
    known.told.set(
      at,
      earlier ? { ...event, from: event.from ?? earlier.from, to: event.to ?? earlier.to } : event,
    );
  }

  /** Returns the paths that are complete, or whose time is over. */
  take(now: number): Trace[] {
    const ready: Trace[] = [];
    for (const [id, waiting] of this.#waiting) {
      const stops = path(waiting);
      const isComplete = "user" in stops[0]! && "user" in stops.at(-1)!;
      if (!isComplete && now - waiting.seenAt < this.#waitMs()) continue;
      this.#waiting.delete(id);
      const { event: { count, bytes, recipient }, time } = waiting;
      ready.push({ id, time, stops, count, bytes, recipient });
    }
    return ready.sort((a, b) => a.time - b.time);
  }

  /** Forgets all paths that are not complete. */
  clear(): void {
    this.#waiting.clear();
  }
}

/** Returns the longest known path of a message. */
function path({ event, told }: Waiting): Stop[] {
  const previous = new Map<string, string>();
  const next = new Map<string, string>();
  for (const [at, { from, to }] of told) {
    if (from !== undefined) {
      previous.set(at, from);
      next.set(from, at);
    }
    if (to !== undefined) {
      next.set(at, to);
      previous.set(to, at);
    }
  }
  const [anywhere] = told.keys();
  const servers = [anywhere!];
  const seen = new Set(servers);
  const extend = (steps: Map<string, string>, from: string, add: (server: string) => void) => {
    for (let at = steps.get(from); at !== undefined && !seen.has(at); at = steps.get(at)) {
      seen.add(at);
      add(at);
    }
  };
  extend(previous, anywhere!, (server) => servers.unshift(server));
  extend(next, anywhere!, (server) => servers.push(server));
  const stops: Stop[] = servers.map((server) => ({ server }));
  // A server that has told nothing may have got it from another one.
  if (told.has(servers[0]!)) stops.unshift({ user: event.sender });
  if (told.has(servers.at(-1)!)) stops.push({ user: event.recipient });
  return stops;
}
