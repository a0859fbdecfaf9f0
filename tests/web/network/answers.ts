/** Answers of servers for tests of the network page. */
import type { EventsAnswer, Happening, ServerStatus } from "@netlab/protocol/codec";

/** What a test says of a server. The rest is as for an idle server. */
export interface Told {
  /** The links: the name of the other server, and what the link costs. */
  readonly links?: Readonly<Record<string, number>>;
  /** The routes: the name of the other server, the next hop, and what the route costs. */
  readonly routes?: Readonly<Record<string, readonly [nextHop: string, costMs: number]>>;
  readonly uptimeMs?: number;
  readonly isDraining?: boolean;
  readonly received?: number;
  readonly port?: number;
  /** Whether the server counts links instead of measuring times. */
  readonly isCounting?: boolean;
}

/** Returns the id of the server with a name of one letter. */
export function id(name: string): string {
  return `00000000-0000-4000-8000-00000000000${name.toLowerCase()}`;
}

/** Returns the address of the server with a name of one letter. */
export function address(name: string): string {
  return `127.0.0.1:${5_001 + name.charCodeAt(0) - 65}`;
}

/** Returns the status of a server. */
export function status(name: string, told: Told = {}): ServerStatus {
  const { links = {}, routes, uptimeMs = 1_000, isDraining = false, received = 0 } = told;
  const costOf = (ms: number) => told.isCounting ? undefined : ms;
  const direct = Object.fromEntries(
    Object.entries(links).map(([to, ms]) => [to, [to, ms] as const]),
  );
  return {
    server: id(name),
    address: told.port === undefined ? address(name) : `127.0.0.1:${told.port}`,
    network: "lab",
    version: "0.1.0",
    system: told.isCounting ? "p2p" : "rtt",
    uptimeMs,
    isDraining,
    users: 0,
    connections: 0,
    totals: {
      messagesReceived: received,
      messagesDelivered: 0,
      messagesForwarded: 0,
      messagesStored: 0,
      messagesRefused: 0,
      duplicates: 0,
      bytesRead: 0,
      bytesWritten: 0,
      requestsRefused: 0,
    },
    queues: { outgoingBytes: 0, inFlight: 0 },
    mailbox: { messages: 0, bytes: 0, recipients: 0, oldestMs: 0 },
    limitsHit: [],
    links: Object.entries(links).map(([to, ms]) => ({
      server: id(to),
      address: address(to),
      rttMs: costOf(ms),
      costMs: costOf(ms),
      queuedBytes: 0,
      upMs: 0,
      nextHopFor: 1,
    })),
    routes: Object.entries(routes ?? direct).map(([to, [nextHop, ms]]) => ({
      server: id(to),
      address: address(to),
      nextHop: id(nextHop),
      hops: nextHop === to ? 1 : 2,
      costMs: costOf(ms),
    })),
    leftOut: 0,
    memory: { rssBytes: 0, heapBytes: 0 },
    pages: "",
  };
}

/** Returns the events of a server, which have just happened. */
export function events(name: string, happenings: readonly Happening[], first = 1): EventsAnswer {
  return {
    number: 0,
    server: id(name),
    next: first + happenings.length,
    lost: 0,
    events: happenings.map((happening, at) => ({ sequence: first + at, agoMs: 0, ...happening })),
  };
}

/** Returns what a server tells of a message. */
export function message(
  number: number,
  between: { from?: string; to?: string; recipient?: string } = {},
): Extract<Happening, { kind: "message" }> {
  const { from, to, recipient = "Bob" } = between;
  return {
    kind: "message",
    id: `00000000-0000-4000-9000-${String(number).padStart(12, "0")}`,
    sender: "Alice",
    recipient,
    count: 1,
    bytes: 5,
    from: from === undefined ? undefined : id(from),
    to: to === undefined ? undefined : id(to),
    hop: 0,
  };
}
