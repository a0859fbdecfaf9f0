/**
 * The mesh: the links between servers. Owns when a link is dead. Does not know users. `link_setup.ts` owns which links exist, `presence.ts` and `link_states.ts` what servers announce.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  FrameType,
  type FrameWriter,
  Information,
  isLoopback,
  LinkStateKind,
  NetlabError,
  type PresenceChanges,
  type ProtectedName,
  readStatementDestination,
  StatementKind,
  type UserRecord,
  writeHeartbeat,
} from "@netlab/protocol/codec";
import { Discovery, type DiscoveryOptions } from "./addresses/discovery.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection/connection.ts";
import { LinkStates } from "./topology/link_states.ts";
import { OwnNetwork } from "./own_network.ts";
import { LinkSetup } from "./link_setup.ts";
import { Peer } from "./peer.ts";
import { type ServerLimits, withDefaults } from "../server_limits.ts";
import { Presence } from "./presence/presence.ts";
import { Probes } from "./probes.ts";
import {
  forwardTo,
  type NetworkParts,
  type Obstacle,
  type ServerNetwork,
} from "./server_network.ts";
import { Statements } from "./statements/statements.ts";
import { RouteChanges } from "./topology/route_changes.ts";
import { Sources } from "./topology/sources.ts";
import { Testimony } from "./topology/testimony.ts";
import type { Topology } from "./topology/topology.ts";

/** How often a heartbeat is sent on every link: milliseconds. With a tick every 250 ms, every tick. */
const HEARTBEAT_EVERY_MS = 200;
/** A link is dead after this silence: milliseconds. With the tick, a failure is noticed within 3 s. */
const SILENT_MS = 2_500;
/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;

/**
 * How often users are forgotten whose server announces no links: milliseconds. Their list may arrive from a peer
 * after this server has forgotten theirs.
 */
const SWEEP_MS = 60_000;

/** How long it may take until a route leads to a server that has just become known: milliseconds. */
const ROUTE_MS = 2_000;

/** Options of a {@linkcode Mesh}. */
export interface MeshOptions extends DiscoveryOptions {
  /** How many links the server makes by itself. */
  limits?: ServerLimits;
}

/** The links of one server: a network of servers that are connected directly. */
export class Mesh implements ServerNetwork {
  /** Knows the addresses of other servers. */
  readonly discovery: Discovery;
  /** The network that this server belongs to. */
  readonly network: OwnNetwork;
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #parts: NetworkParts;
  readonly #peers = new Map<string, Peer>();
  readonly #probes: Probes;
  /** What servers sign; `undefined` on an open network. */
  readonly #statements: Statements | undefined;
  readonly #states: LinkStates;
  readonly #sources: Sources;
  readonly #presence: Presence;
  /** Which peers are believed about which servers. */
  readonly testimony: Testimony;
  readonly #routeChanges: RouteChanges;
  readonly #setup: LinkSetup;
  #tickedAt: number;
  #sweptAt: number;

  /** Creates a server without links. The first tick dials the addresses in the options. */
  constructor(options: MeshOptions, parts: NetworkParts) {
    const { ownLinks } = withDefaults(options.limits ?? {});
    const { context, topology, directory, costs, names, access, events } = parts;
    this.#parts = parts;
    this.#context = context;
    this.#topology = topology;
    this.#tickedAt = this.#sweptAt = context.now;
    this.network = new OwnNetwork(options.network ?? context.id);
    this.discovery = new Discovery(
      context,
      options,
      (address, namedBy) => this.#probes.dial(address, namedBy),
      (server) => this.#peers.has(server),
      (server) => this.#topology.get(server) !== undefined,
      (server, underWay) =>
        this.#peers.size + underWay < ownLinks || server === undefined ||
        (!topology.reaches(server) && context.now - topology.knownAt(server) >= ROUTE_MS),
    );
    this.#probes = new Probes(context, this.network, this.discovery, access, {
      peer: (server) => this.#peers.get(server),
      foundLegacy: (connection) => events.foundLegacy(connection),
    });
    const { tokens } = context.host;
    const statements = this.#statements = tokens &&
      new Statements(context, tokens.signing, () => this.network.id);
    const testimony = this.testimony = new Testimony(
      context,
      topology,
      this.#peers,
      (server) => this.discovery.isGiven(server),
    );
    const sources = this.#sources = new Sources(topology, this.#peers);
    this.#states = new LinkStates(
      context,
      topology,
      costs,
      this.#peers,
      testimony,
      sources,
      statements,
    );
    this.#presence = new Presence(
      context,
      directory,
      this.#peers,
      names,
      testimony,
      sources,
      (changed) => events.usersChanged(changed),
      (server) => topology.get(server) !== undefined,
      statements,
    );
    this.#routeChanges = new RouteChanges(context, topology, costs, {
      ...events,
      routesChanged: () => {
        this.#states.reconsider();
        events.routesChanged();
      },
      reached: (server) => testimony.reached(server),
      lost: (server) => {
        testimony.lost(server);
        sources.lost(server);
      },
      turned: (server) => {
        // What servers behind it announce came from other peers, or was not believed, until now.
        const peer = this.#peers.get(server);
        if (peer) this.#presence.sendDigest(peer);
      },
    });
    this.#setup = new LinkSetup(context, {
      network: this.network,
      discovery: this.discovery,
      probes: this.#probes,
      access,
      peers: this.#peers,
      states: this.#states,
      presence: this.#presence,
      routeChanges: this.#routeChanges,
      networkChanged: () => events.networkChanged(),
    });
  }

  /** Returns the servers to which there is a link. */
  peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** The number of servers to which there is a link. */
  get peerCount(): number {
    return this.#peers.size;
  }

  /** Returns the next hop on the route to a server; `undefined` if there is no route. */
  nextHop(server: string): Peer | undefined {
    const route = this.#topology.route(server);
    return route && this.#peers.get(route.next);
  }

  forward(server: string, frame: Frame, from: Connection): Peer | Obstacle {
    return forwardTo(this.nextHop(server), frame, from, this.#parts);
  }

  /**
   * Returns the addresses of all reachable servers but this one, the nearest first: `host:port` each. Leaves out
   * loopback addresses that would lead `asker` somewhere else.
   */
  addressesFor(asker?: Connection): string[] {
    const addresses: string[] = [];
    for (const [server, { next }] of this.#topology.routes()) {
      const { address } = this.#topology.get(server)!;
      const hop = this.#peers.get(next)?.connection;
      if (isLoopback(address) && (asker?.isElsewhere || hop?.isElsewhere)) continue;
      addresses.push(address);
    }
    return addresses;
  }

  /** Tells all servers that a name is protected, or not any more. */
  publishProtected(record: ProtectedName): void {
    this.#presence.publishProtected([record]);
  }

  /** Every server registers what it likes: servers that find two users with one name settle that later. */
  reserve(_user: UserRecord, done: () => void): void {
    done();
  }

  /** Has nothing to give back. */
  release(): void {}

  /** Announces a change of this server's users to all servers. */
  publish(changes: PresenceChanges): void {
    this.#presence.publish(changes);
  }

  /** Dials the addresses that are due, sends heartbeats, and ends links that are dead. */
  tick(): void {
    const now = this.#context.now;
    const sinceTick = now - this.#tickedAt;
    const stalled = sinceTick > MAX_TICK_GAP_MS;
    if (stalled) this.#topology.slept(sinceTick);
    this.#tickedAt = now;
    for (const peer of this.#peers.values()) {
      const { connection } = peer;
      if (stalled) connection.heardAt = now;
      const silentMs = now - connection.heardAt;
      peer.failureDetector.look(silentMs);
      if (silentMs > SILENT_MS) {
        this.#context.logger.warn("no heartbeat from {address}: closing the link", {
          event: "link.silent",
          address: peer.address,
        });
        this.closed(connection);
        connection.abort();
      } else if (now - connection.aliveAt >= HEARTBEAT_EVERY_MS) {
        connection.aliveAt = now;
        writeHeartbeat(peer.out);
      }
    }
    this.#probes.tick();
    this.#states.look();
    this.#states.tick();
    for (const server of this.#topology.forget(now)) {
      this.#presence.forget(server);
    }
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      this.#presence.forgetUnknown();
    }
    for (const server of this.#topology.routes().keys()) {
      const next = this.nextHop(server);
      if (next) this.#presence.askIfUnknown(next, server);
    }
    this.#presence.tick();
    this.#sources.tick();
    this.#routeChanges.tick();
    this.discovery.tick();
  }

  /** Announces the costs of links that have changed, at the next flush. */
  costsChanged(): void {
    this.#states.look();
  }

  /** Announces changes of links and reports changes of routes. */
  flush(): void {
    this.#presence.flush();
    this.#states.tell();
    this.#routeChanges.flush();
  }

  get signs(): boolean {
    return this.#statements !== undefined;
  }

  tell(server: string, next: Peer, write: (out: FrameWriter) => void): void {
    if (this.#statements) this.#statements.forOne(server, write);
    else write(next.out);
  }

  flushStatements(): void {
    if (!this.#statements) return;
    this.#presence.flush();
    this.#statements.flush((server) => this.nextHop(server)?.out);
  }

  stated(peer: Peer, frame: Frame, handle: (inner: Frame, origin: string) => void): void {
    const { connection } = peer;
    if (frame.subtype === StatementKind.ForOne) {
      const to = readStatementDestination(frame.payload);
      if (to === this.#context.id) this.#statements!.take(peer, frame, handle);
      else this.forward(to, frame, connection);
      return;
    }
    const opened = this.#statements!.open(peer, frame);
    if (opened?.inner.type === FrameType.Presence) this.#presence.stated(peer, opened);
    else if (opened) {
      const state = this.#states.stated(peer, opened);
      if (state) this.discovery.learn(state.address, connection, state.server);
    }
  }

  /** Handles a frame of type 2/3, 8 or 9, or the response to a probe. */
  received(connection: Connection, frame: Frame): void {
    const { party } = connection;
    if (frame.type === FrameType.InformationResponse) {
      if (frame.subtype === Information.Servers) return this.#probes.listed(connection, frame);
      return this.#setup.capabilities(connection, frame);
    }
    if (frame.type === FrameType.Registration) return this.#setup.registered(connection, frame);
    if (party instanceof Peer) {
      if (frame.type === FrameType.Presence) return this.#presence.received(party, frame);
      if (frame.type === FrameType.LinkState) {
        if (frame.subtype === LinkStateKind.Heartbeat) return;
        if (frame.subtype === LinkStateKind.Links) {
          const state = this.#states.received(party, frame);
          if (state) this.discovery.learn(state.address, connection, state.server);
          return;
        }
      }
    }
    throw new NetlabError(
      ErrorCode.UnknownType,
      `Cannot take a frame of type ${frame.type}/${frame.subtype} from a server: it is not known here`,
    );
  }

  /** Handles the end of a connection. */
  closed(connection: Connection): void {
    const { party } = connection;
    this.#probes.closed(connection);
    if (!(party instanceof Peer)) return;
    this.#presence.closed(party);
    this.#states.closed(party);
    if (this.#peers.get(party.server) !== party) return;
    this.#peers.delete(party.server);
    this.#routeChanges.compareSoon();
    this.#states.look();
    this.discovery.unlinked(party.server, party.address);
    this.#context.logger.info("lost the link to {address}", {
      event: "link.down",
      address: party.address,
    });
    const { server, address } = party;
    this.#context.events.add({ kind: "linkDown", server, address }, this.#context.now);
  }

  /** Sends more of what waits for a link. Call it when a connection has sent everything. */
  drained({ party }: Connection): void {
    if (party instanceof Peer) this.#presence.drained(party);
  }

  /** Ends all links. */
  close(): void {
    for (const { connection } of this.#peers.values()) connection.close();
    this.#probes.close();
  }
}
