/**
 * A large network behind a real page: a hundred servers that exist only as answers. It speaks real frames over the real
 * WebSocket. Owns what each server tells.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type Frame,
  FrameType,
  type Happening,
  Information,
  NetlabError,
  NIL_UUID,
  readEventsRequest,
  readStatusRequest,
  readUsersRequest,
  Registration,
  type ServerEvent,
  type ServerStatus,
  StatusKind,
  writeError,
  writeInformationResponse,
  writeServerEvents,
  writeServerStatus,
  writeServerUsers,
} from "@netlab/protocol/codec";
import { type ByteConnection, FrameConnection } from "@netlab/protocol/connection";
import * as p2p from "@netlab/p2p/sources";
import type { WebHost } from "@netlab/web";

/** How many messages a server tells of in a second: as many as real ones. */
const MESSAGES_PER_SECOND = 50;
/** How many users a page has. */
const PAGE = 200;

/** The size of the network. */
export interface NetworkSize {
  readonly servers: number;
  readonly users: number;
  /** How many links each server has. */
  readonly links: number;
}

/** What else a network may have. */
export interface NetworkExtras {
  /** The names of the first users. */
  readonly names?: readonly string[];
  /** What the first server tells besides messages. */
  readonly events?: readonly Happening[];
  /** The token without which it tells nothing. */
  readonly token?: string;
}

interface User {
  readonly name: string;
  readonly server: number;
}

/** A network that exists only as answers. */
export class SimulatedNetwork implements WebHost {
  readonly address = addressOf(0);
  readonly sources = () => Promise.resolve(new Map([["p2p", p2p]]));
  readonly queries = { status: (server?: string) => Promise.resolve(this.#status(server)) };
  tellPages(): void {}

  /** How many connections of pages are open. */
  connections = 0;
  /** How many requests the page has made, by their subtypes. */
  readonly requests = new Map<number, number>();
  readonly #size: NetworkSize;
  readonly #users: readonly User[];
  readonly #startedAt = performance.now();
  readonly #toldAt = new Map<string, number>();
  #sequence = 1;
  #random = 1;

  readonly #extras: NetworkExtras;

  constructor(size: NetworkSize, extras: NetworkExtras = {}) {
    this.#size = size;
    this.#extras = extras;
    this.#users = Array.from({ length: size.users }, (_, at) => ({
      name: extras.names?.[at] ?? `user${at}`,
      server: at % size.servers,
    }));
  }

  checkWatcher(): Promise<void> {
    return Promise.resolve();
  }

  attach(bytes: ByteConnection): void {
    const connection = new FrameConnection(bytes);
    this.connections++;
    connection.run({ frame: (frame) => this.#answer(connection, frame) }).catch(() => {})
      .finally(() => this.connections--);
  }

  /** How many requests the pages have made. */
  get total(): number {
    return this.requests.values().reduce((sum, count) => sum + count, 0);
  }

  #answer(connection: FrameConnection, { type, subtype, payload }: Frame): void {
    const { out } = connection;
    if (type === FrameType.InformationRequest) {
      const capabilities = [Capability.Status, "network=simulated"];
      if (this.#extras.token !== undefined) capabilities.push(Capability.Tokens);
      writeInformationResponse(out, Information.Capabilities, capabilities);
    }
    if (type === FrameType.Registration) this.#checkToken(connection, payload);
    if (type !== FrameType.Status) return;
    this.requests.set(subtype, (this.requests.get(subtype) ?? 0) + 1);
    const { number, target } = readStatusRequest(payload);
    const server = target === NIL_UUID ? idOf(0) : target;
    if (subtype === StatusKind.StatusRequest) {
      writeServerStatus(out, { number, ...this.#status(server) });
    } else if (subtype === StatusKind.EventsRequest) {
      const { since } = readEventsRequest(payload);
      const events = since === 0 ? this.#first(server) : this.#messages(server);
      const next = since + events.length + 1;
      writeServerEvents(out, { number, server, next, lost: 0, events });
    } else {
      const { after } = readUsersRequest(payload);
      const start = this.#users.findIndex(({ name }) => name === after) + 1;
      const some = this.#users.slice(start, start + PAGE);
      const isLast = start + PAGE >= this.#users.length;
      const next = isLast ? "" : some.at(-1)!.name;
      const users = some.map(({ name, server }) => ({
        name,
        server: idOf(server),
        kind: 2,
        sinceMs: 60_000,
      }));
      writeServerUsers(out, { number, server, total: this.#users.length, next, users });
    }
  }

  #checkToken(connection: FrameConnection, payload: Uint8Array): void {
    const isRight = new TextDecoder().decode(payload) === this.#extras.token;
    if (isRight) connection.out.frame(FrameType.Registration, Registration.Token);
    else {
      const error = new NetlabError(
        ErrorCode.TokenInvalid,
        "Cannot use the token: it is another one",
      );
      writeError(connection.out, error);
      void connection.close();
    }
  }

  #first(server: string): ServerEvent[] {
    const { events = [] } = this.#extras;
    return numberOf(server) !== 0
      ? []
      : events.map((event) => ({ sequence: this.#sequence++, agoMs: 0, ...event }));
  }

  /** Returns the messages since the last request, each to a user of another server. */
  #messages(server: string): ServerEvent[] {
    const now = performance.now();
    const passed = Math.min(2_000, now - (this.#toldAt.get(server) ?? now));
    this.#toldAt.set(server, now);
    const at = numberOf(server);
    const { servers } = this.#size;
    return Array.from({ length: Math.round(passed * MESSAGES_PER_SECOND / 1_000) }, () => {
      const to = (at + 1 + this.#below(servers - 1)) % servers;
      return {
        kind: "message",
        sequence: this.#sequence++,
        agoMs: this.#below(500),
        id: crypto.randomUUID(),
        sender: this.#users[at]!.name,
        recipient: this.#users[to]!.name,
        count: 1,
        bytes: 100,
        from: undefined,
        to: idOf(to),
        hop: 0,
      } as const;
    });
  }

  #status(server = idOf(0)): ServerStatus {
    const { servers, links, users } = this.#size;
    const at = numberOf(server);
    const uptimeMs = Math.floor(performance.now() - this.#startedAt) + 100_000;
    const sent = uptimeMs;
    const linked = new Set<number>();
    for (let step = 1; linked.size < Math.min(links, servers - 1); step++) {
      linked.add((at + step) % servers);
      linked.add((at - step + servers) % servers);
    }
    const others = Array.from({ length: servers }, (_, to) => to).filter((to) => to !== at);
    const time = (to: number, from = at) => 1 + (from + to) % 17;
    const first = [...linked][0]!;
    return {
      server,
      address: addressOf(at),
      network: "simulated",
      version: "0.1.0",
      system: "rtt",
      uptimeMs,
      isDraining: false,
      users: Math.ceil(users / servers),
      connections: 80,
      totals: {
        messagesReceived: sent,
        messagesDelivered: sent,
        messagesForwarded: sent,
        messagesStored: 0,
        messagesRefused: 0,
        duplicates: 0,
        bytesRead: sent * 100,
        bytesWritten: sent * 100,
        requestsRefused: 0,
      },
      queues: { outgoingBytes: 0, inFlight: 0 },
      mailbox: { messages: at, bytes: at * 100, recipients: 1, oldestMs: 1_000 },
      limitsHit: [],
      links: [...linked].map((to) => ({
        server: idOf(to),
        address: addressOf(to),
        rttMs: time(to),
        costMs: time(to),
        queuedBytes: 0,
        upMs: 1_000,
        nextHopFor: 1,
      })),
      routes: others.map((to) => ({
        server: idOf(to),
        address: addressOf(to),
        nextHop: idOf(linked.has(to) ? to : first),
        hops: linked.has(to) ? 1 : 2,
        costMs: linked.has(to) ? time(to) : time(first) + time(to, first),
      })),
      leftOut: 0,
      memory: { rssBytes: 100_000_000, heapBytes: 30_000_000 },
      pages: "",
    };
  }

  /** Returns a number below another one: the same numbers in every run. */
  #below(end: number): number {
    this.#random = (this.#random * 48_271) % 0x7fff_ffff;
    return this.#random % end;
  }
}

function idOf(server: number): string {
  return `00000000-0000-4000-8000-${String(server).padStart(12, "0")}`;
}

function numberOf(id: string): number {
  return Number(id.slice(-12));
}

function addressOf(server: number): string {
  return `127.0.0.1:${5_001 + server}`;
}
