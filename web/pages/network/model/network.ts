/**
 * What the page knows of a network. Owns what follows from the answers of servers: who is part of the network, how they
 * are linked, and what is told. Asks nobody and draws nothing.
 *
 * @module
 */
import type { EventsAnswer, ServerEvent, ServerStatus } from "@netlab/protocol/codec";
import { describe, describeTrace, EventList } from "./event_list.ts";
import { History } from "./history.ts";
import { byName, shortNames } from "./names.ts";
import { explainRoute, type RouteExplanation } from "./routes.ts";
import { type Figure, FIGURES, roundTrips, Server } from "./server.ts";
import { type Trace, Traces } from "./traces.ts";
import { Users } from "./users.ts";

/** How long a server stays visible that is gone: milliseconds. */
const GONE_MS = 60_000;
/** How often the answers of servers are joined to links: milliseconds. There may be thousands. */
const LINKS_MS = 500;
/** Messages that are older are not shown on their way: milliseconds. */
const OLD_MS = 5_000;

/** A link, as both of its ends see it. */
export interface Link {
  /** The ids of both servers, in their order. */
  readonly ends: readonly [string, string];
  /** The lower of both round-trip times: milliseconds; `undefined` if nobody has measured. */
  readonly rttMs: number | undefined;
  /** Bytes that wait at both ends. */
  readonly queuedBytes: number;
}

/** A network. */
export class Network {
  /** All servers, also those that were part of it within the last minute, by their ids. */
  readonly servers = new Map<string, Server>();
  readonly users = new Users();
  readonly events = new EventList();
  /** The figures of all servers together. */
  readonly history: History<Figure> = new History(FIGURES);
  /** The id of the server that answers now. */
  own: string | undefined;
  /** The id of the network, once it is known. */
  id: string | undefined;
  /** Grows when servers or links come or go. */
  shape = 0;
  /** The last news of servers, for those who hear the page. */
  announcement = "";
  readonly #traces: Traces;
  #links: readonly Link[] | undefined;
  /** Whether it is known who is part of the network. Others are news. */
  #hasBegun = false;
  #areLinksOutdated = false;
  #linksAt = 0;
  #linksShape = -1;
  #nameOf: ((address: string) => string) | undefined;
  #historyAt = 0;
  /** The number of the next event of each server that has told some. The first answers are what was before. */
  readonly #told = new Map<string, number>();

  /**
   * Creates a network of which nothing is known.
   *
   * @param pollMs Returns how often each server is asked for its events: milliseconds.
   */
  constructor(pollMs: () => number) {
    this.#traces = new Traces(() => 2 * pollMs() + 300);
  }

  /**
   * Handles the status of a server.
   *
   * @param isOwn Whether it is the server at the other end of the connection, which knows who can be reached.
   */
  learnStatus(status: ServerStatus, isOwn: boolean, now: number): void {
    this.id ??= status.network;
    const server = this.#found(status.server, status.address, now);
    const { state, status: before, address } = server;
    server.answered(status, now);
    if (server.address !== address) this.#nameOf = undefined;
    if (server.state === "draining" && state !== "draining") {
      this.announcement = `${this.nameOf(server.id)} is about to leave`;
    }
    if (isOwn) this.#reach(status, now);
    this.#areLinksOutdated = true;
    if (endsOf(before) !== endsOf(status)) this.shape++;
  }

  /** Handles a server that has not answered. */
  failed(id: string, state: "silent" | "old", now: number): void {
    const server = this.servers.get(id);
    if (server?.isThere) server.enter(state, now);
  }

  /** Handles the loss of the connection. */
  lost(now: number): void {
    if (this.own !== undefined) this.failed(this.own, "silent", now);
    this.own = undefined;
    this.#traces.clear();
  }

  /** Returns the number of the next event that a server has not told. */
  nextEvent(id: string): number {
    return this.#told.get(id) ?? 0;
  }

  /** Handles the events of a server. */
  learnEvents({ server, events, lost, next }: EventsAnswer, now: number): void {
    const isFirst = !this.#told.has(server);
    this.#told.set(server, next);
    for (const event of events) {
      const time = now - event.agoMs;
      if (event.kind === "message") {
        if (event.agoMs < OLD_MS) this.#traces.add(event, server, time, now);
        continue;
      }
      if (!isFirst) this.#apply(event, server, time);
      this.events.add({ time, at: server, ...describe(event)! });
    }
    if (lost > 0) {
      this.#tell(server, [`has forgotten ${lost} events`], now, true);
    }
  }

  /** Returns the paths of messages that are known by now, and tells of them. */
  takeTraces(now: number): Trace[] {
    const traces = this.#traces.take(now).map((trace) => this.#asKnown(trace));
    for (const trace of traces) {
      const at = trace.stops.find((stop) => "server" in stop) as { server: string };
      this.events.add({
        time: trace.time,
        at: at.server,
        group: "messages",
        isBad: false,
        parts: describeTrace(trace),
      });
    }
    return traces;
  }

  /** Forgets servers that are gone for long, and adds up the figures. Call it several times a second. */
  tick(now: number): void {
    for (const server of this.servers.values()) {
      if (!server.isThere && now - server.since > GONE_MS) this.#forget(server.id);
    }
    if (this.#areLinksOutdated && now - this.#linksAt >= LINKS_MS) {
      this.#links = undefined;
      this.#linksAt = now;
    }
    if (now - this.#historyAt < 1_000) return;
    this.#historyAt = now;
    const there = this.there;
    // Before all servers have told something, there are no figures of all.
    const isComplete = there.every(({ state }) => state !== "found");
    if (there.length === 0 || (!isComplete && this.history.first === Infinity)) return;
    const sum = (read: (server: Server) => number | undefined) => {
      const values = there.map(read).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
    };
    const { median, slowest } = roundTrips(this.statuses.values());
    this.history.add(now, {
      received: sum(({ rates }) => rates?.messagesReceived),
      delivered: sum(({ rates }) => rates?.messagesDelivered),
      forwarded: sum(({ rates }) => rates?.messagesForwarded),
      stored: sum(({ status }) => status?.mailbox.messages),
      rtt: median,
      slowest,
    });
  }

  /** The servers that are part of the network. */
  get there(): Server[] {
    return [...this.servers.values()].filter(({ isThere }) => isThere);
  }

  /** All servers that are shown, in the order of their names. */
  get sorted(): Server[] {
    return [...this.servers.values()].sort((a, b) => byName(a.address, b.address));
  }

  /** The last answers of the servers that are part of the network, by their ids. */
  get statuses(): Map<string, ServerStatus> {
    const statuses = new Map<string, ServerStatus>();
    for (const { id, status, state } of this.servers.values()) {
      if (status && (state === "up" || state === "draining")) statuses.set(id, status);
    }
    return statuses;
  }

  /** The links between servers that are part of the network. */
  get links(): readonly Link[] {
    if (this.#linksShape !== this.shape) this.#links = undefined;
    if (!this.#links) {
      this.#links = this.#joinLinks();
      this.#linksShape = this.shape;
      this.#areLinksOutdated = false;
    }
    return this.#links;
  }

  /** Returns the name of a server. */
  readonly nameOf = (id: string): string => {
    const server = this.servers.get(id);
    if (!server) return id.slice(0, 8);
    this.#nameOf ??= shortNames([...this.servers.values()].map(({ address }) => address));
    return this.#nameOf(server.address);
  };

  /** Explains the route between two servers. */
  explain(from: string, to: string): RouteExplanation {
    return explainRoute(this.statuses, from, to);
  }

  /** Leaves out the recipient if nobody knows it: the message is stored. */
  #asKnown(trace: Trace): Trace {
    const last = trace.stops.at(-1)!;
    const isStored = "user" in last && this.users.size > 0 && !this.users.get(last.user) &&
      !this.users.isFull;
    return isStored ? { ...trace, stops: trace.stops.slice(0, -1) } : trace;
  }

  #reach({ server: own, routes }: ServerStatus, now: number): void {
    this.own = own;
    const reached = new Set([own]);
    for (const { server, address } of routes) {
      reached.add(server);
      this.#found(server, address, now);
    }
    this.#hasBegun = true;
    for (const server of this.there) {
      if (reached.has(server.id)) continue;
      const hasLeft = server.state === "draining";
      server.enter(hasLeft ? "left" : "gone", now);
      const words = hasLeft ? "has left" : "is gone: no route leads to it";
      this.announcement = `${this.nameOf(server.id)} ${hasLeft ? "has left" : "is gone"}`;
      this.#tell(server.id, [words], now, !hasLeft);
      this.shape++;
    }
  }

  /** Returns a server that is part of the network. */
  #found(id: string, address: string, now: number): Server {
    const known = this.servers.get(id);
    if (known?.isThere) return known;
    for (const other of this.servers.values()) {
      // A server that starts again has another id.
      if (!other.isThere && other.address === address) this.#forget(other.id);
    }
    const server = new Server(id, address, now);
    this.servers.set(id, server);
    this.#nameOf = undefined;
    this.shape++;
    if (this.#hasBegun) {
      this.announcement = `${this.nameOf(id)} is part of the network`;
      this.#tell(id, ["is part of the network"], now);
    }
    return server;
  }

  #forget(id: string): void {
    this.servers.delete(id);
    this.#told.delete(id);
    this.#nameOf = undefined;
    this.shape++;
  }

  #tell(at: string, parts: string[], now: number, isBad = false): void {
    this.events.add({ time: now, at, group: "servers", isBad, parts });
  }

  #apply(event: ServerEvent, at: string, time: number): void {
    if (event.kind === "joined") this.users.joined(event.user, at, time);
    else if (event.kind === "left") this.users.left(event.user, at);
    else if (event.kind === "moved") this.users.joined(event.user, event.server, time);
  }

  #joinLinks(): Link[] {
    const links = new Map<string, Link>();
    for (const [id, status] of this.statuses) {
      for (const { server, rttMs, queuedBytes } of status.links) {
        if (!this.servers.get(server)?.isThere) continue;
        const ends: [string, string] = id < server ? [id, server] : [server, id];
        const key = ends.join();
        const known = links.get(key);
        links.set(key, {
          ends,
          rttMs: Math.min(known?.rttMs ?? Infinity, rttMs ?? Infinity),
          queuedBytes: (known?.queuedBytes ?? 0) + queuedBytes,
        });
      }
    }
    return [...links.values()].map((link) =>
      link.rttMs === Infinity ? { ...link, rttMs: undefined } : link
    );
  }
}

/** Returns the ids of the servers to which a server is linked, as one text. */
function endsOf(status: ServerStatus | undefined): string | undefined {
  return status?.links.map(({ server }) => server).sort().join();
}
