/**
 * One server, as the page sees it. Owns how its state and its rates follow from its answers. Does not know other
 * servers.
 *
 * @module
 */
import type { ServerStatus, StatusTotals } from "@netlab/protocol/codec";
import { History } from "./history.ts";

/**
 * What is known of a server: it was heard of and not asked yet; it answers; it answers and is about to leave; there is a
 * route to it, but it does not answer; it is too old to answer; there is no route to it any more; there is none because
 * it has left.
 */
export type ServerState = "found" | "up" | "draining" | "silent" | "old" | "gone" | "left";

/** The figures that are kept for ten minutes. */
export const FIGURES = ["received", "delivered", "forwarded", "stored", "rtt", "slowest"] as const;

/** The name of a figure: messages in a second, stored messages, and round-trip times in milliseconds. */
export type Figure = typeof FIGURES[number];

/** A server of the network. */
export class Server {
  /** The id of the server: a UUID. */
  readonly id: string;
  /** Where others reach it: `host:port` or `tls://host:port`. */
  address: string;
  /** When the present state began: milliseconds since 1970. */
  since: number;
  /** Its last answer. */
  status: ServerStatus | undefined;
  /** How much its counters have grown between the last two answers: per second. */
  rates: StatusTotals | undefined;
  /** Its figures of the last ten minutes. */
  readonly history: History<Figure> = new History(FIGURES);
  #state: ServerState = "found";

  /** Creates a server that was heard of. */
  constructor(id: string, address: string, now: number) {
    this.id = id;
    this.address = address;
    this.since = now;
  }

  /** What is known of it. */
  get state(): ServerState {
    return this.#state;
  }

  /** Whether it is part of the network. */
  get isThere(): boolean {
    return this.#state !== "gone" && this.#state !== "left";
  }

  /** Sets the state. Returns whether it is another one. */
  enter(state: ServerState, now: number): boolean {
    if (state === this.#state) return false;
    this.#state = state;
    this.since = now;
    if (state !== "up" && state !== "draining") this.rates = undefined;
    return true;
  }

  /** Handles an answer. */
  answered(status: ServerStatus, now: number): void {
    const before = this.status;
    this.status = status;
    this.address = status.address;
    if (before) this.rates = ratesOf(before, status) ?? this.rates;
    this.enter(status.isDraining ? "draining" : "up", now);
    const times = roundTrips([status]);
    this.history.add(now, {
      received: this.rates?.messagesReceived,
      delivered: this.rates?.messagesDelivered,
      forwarded: this.rates?.messagesForwarded,
      stored: status.mailbox.messages,
      rtt: times.median,
      slowest: times.slowest,
    });
  }
}

/** Returns how much the counters of a server have grown per second; `undefined` if no time has passed. */
function ratesOf(before: ServerStatus, after: ServerStatus): StatusTotals | undefined {
  const seconds = (after.uptimeMs - before.uptimeMs) / 1_000;
  if (seconds <= 0) return undefined;
  const rates = Object.entries(after.totals).map(([name, count]) => {
    const grown = count - before.totals[name as keyof StatusTotals];
    return [name, Math.max(0, grown / seconds)];
  });
  return Object.fromEntries(rates) as StatusTotals;
}

/** Returns the round-trip times of all links of some servers: milliseconds. */
export function roundTrips(
  statuses: Iterable<ServerStatus>,
): { median: number | undefined; slowest: number | undefined } {
  const times: number[] = [];
  for (const { links } of statuses) {
    for (const { rttMs } of links) if (rttMs !== undefined) times.push(rttMs);
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1], slowest: times.at(-1) };
}
