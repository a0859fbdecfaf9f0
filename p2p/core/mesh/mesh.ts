/**
 * The links between servers. Owns which links exist, when a link is dead, and the rules for forwarding
 * frames. Does not know users. `presence.ts` and `link_states.ts` own what servers announce.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  FrameType,
  Information,
  isLoopback,
  LinkStateKind,
  NetlabError,
  type PeerRegistration,
  type PresenceChanges,
  ProtocolError,
  readCapabilities,
  readNetwork,
  readPeerRegistration,
  writeHeartbeat,
  writeInformationRequest,
  writePeerRegistration,
} from "@netlab/protocol/codec";
import type { BackPressure } from "../connection/back_pressure.ts";
import type { Directory } from "./directory.ts";
import { Discovery, type DiscoveryOptions } from "./discovery.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection/connection.ts";
import type { LinkCosts } from "./topology/link_costs.ts";
import { LinkStates } from "./topology/link_states.ts";
import { OwnNetwork } from "./own_network.ts";
import { Peer, Probe } from "./peer.ts";
import { Presence } from "./presence.ts";
import { Probes } from "./probes.ts";
import type { Route, Topology } from "./topology/topology.ts";
import type { SeenNames } from "../dedup/seen_names.ts";
import { RouteLog } from "./topology/route_log.ts";

/** How many links between servers a frame may cross. A frame that has crossed more is in a loop. */
export const MAX_HOPS = 32;

/** How often a heartbeat is sent on every link: milliseconds. With a tick every 250 ms, every tick. */
const HEARTBEAT_EVERY_MS = 200;
/** A link is dead after this silence: milliseconds. With the tick, a failure is noticed within 3 s. */
const SILENT_MS = 2_500;
/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;
/** How often routes are computed while other servers announce changes: milliseconds. */
const COMPARE_EVERY_MS = 20;

/**
 * How often users are forgotten whose server announces no links: milliseconds. Their list may arrive from a peer
 * after this server has forgotten theirs.
 */
const SWEEP_MS = 60_000;

/** Why a frame could not be forwarded. */
export type Obstacle =
  /** The server cannot be reached. */
  | "no-route"
  /** The frame has crossed {@linkcode MAX_HOPS} links. */
  | "hop-limit"
  /** The route leads back to where the frame came from. */
  | "split-horizon"
  /** Too much data waits on the link. */
  | "congested";

/** Events that the mesh reports to the rest of the core. */
export interface MeshEvents {
  /** Users of other servers joined, left or moved, or these names are new to this server. */
  usersChanged(names: Iterable<string>): void;
  /** Routes to other servers may have changed. */
  routesChanged(): void;
  /** These servers are reachable and were not before. */
  reachGrew(servers: readonly string[]): void;
  /** A dialled party is a legacy server. */
  foundLegacy(connection: Connection): void;
  /** This server's network has become part of an older one. */
  networkChanged(): void;
}

/** The links of one server, and the forwarding over them. */
export class Mesh {
  /** Knows the addresses of other servers. */
  readonly discovery: Discovery;
  /** The network that this server belongs to. */
  readonly network: OwnNetwork;
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #events: MeshEvents;
  readonly #backPressure: BackPressure;
  readonly #peers = new Map<string, Peer>();
  readonly #probes: Probes;
  readonly #states: LinkStates;
  readonly #presence: Presence;
  readonly #routeLog: RouteLog;
  /** The routes that were last reported to the rest of the core. */
  #routes: ReadonlyMap<string, Route>;
  /** Whether a link has replaced another one to the same server since the last flush. */
  #replaced = false;
  /** Whether the next flush compares routes. */
  #compareNow = true;
  #comparedAt = -Infinity;
  #tickedAt: number;
  #sweptAt: number;

  /** Creates a server without links. The first tick dials the addresses in the options. */
  constructor(
    context: Context,
    options: DiscoveryOptions,
    topology: Topology,
    directory: Directory,
    costs: LinkCosts,
    backPressure: BackPressure,
    names: SeenNames,
    events: MeshEvents,
  ) {
    this.#context = context;
    this.#topology = topology;
    this.#backPressure = backPressure;
    this.#events = events;
    this.#tickedAt = this.#sweptAt = context.now;
    this.network = new OwnNetwork(options.network ?? context.id);
    this.discovery = new Discovery(
      context,
      options,
      (address) => this.#probes.dial(address),
      (server) => this.#peers.has(server),
      (server) => this.#topology.get(server) !== undefined,
    );
    this.#probes = new Probes(context, this.network, this.discovery, {
      peer: (server) => this.#peers.get(server),
      foundLegacy: (connection) => events.foundLegacy(connection),
    });
    this.#states = new LinkStates(context, topology, costs, this.#peers);
    this.#presence = new Presence(
      context,
      directory,
      this.#peers,
      names,
      (changed) => events.usersChanged(changed),
    );
    this.#routeLog = new RouteLog(context, topology, costs);
    this.#routes = topology.routes();
  }

  /** Returns the servers to which there is a link. */
  peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** Returns the next hop on the route to a server; `undefined` if there is no route. */
  nextHop(server: string): Peer | undefined {
    const route = this.#topology.route(server);
    return route && this.#peers.get(route.next);
  }

  /**
   * Forwards a frame that arrived on a connection to the next hop on the route to a server. Every frame
   * for another server passes here, except the messages on a fast path, which keeps the same rules: the
   * hop limit, split horizon and back-pressure. Back-pressure applies to messages only, because receipts
   * must not get lost.
   *
   * @param from The connection on which the frame arrived.
   * @returns The next hop, or the reason why the frame was not forwarded.
   */
  forward(server: string, frame: Frame, from: Connection): Peer | Obstacle {
    const next = this.nextHop(server);
    if (!next) return "no-route";
    const hops = from.party instanceof Peer ? frame.reserved + 1 : 1;
    if (hops > MAX_HOPS) return "hop-limit";
    if (next.connection === from) return "split-horizon";
    if (frame.type === FrameType.Message) {
      const { now } = this.#context;
      if (!this.#backPressure.mayWrite(from, next.connection, now)) return "congested";
    }
    next.out.forward(frame, hops);
    return next;
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
    this.#compareNow = true;
    this.#states.look();
    for (const server of this.#topology.forget(now)) {
      this.#presence.forget(server);
    }
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      this.#presence.forgetAllBut((server) => this.#topology.get(server) !== undefined);
    }
    for (const server of this.#topology.routes().keys()) {
      const next = this.nextHop(server);
      if (next) this.#presence.askIfUnknown(next, server);
    }
    this.#routeLog.tick();
    this.discovery.tick();
  }

  /** Announces the costs of links that have changed, at the next flush. */
  costsChanged(): void {
    this.#states.look();
  }

  /** Announces changes of links and reports changes of routes. */
  flush(): void {
    this.#states.tell();
    const { now } = this.#context;
    if (!this.#compareNow && now - this.#comparedAt < COMPARE_EVERY_MS) return;
    this.#compareNow = false;
    const before = this.#routes;
    const routes = this.#topology.routes();
    if (routes === before && !this.#replaced) return;
    this.#routes = routes;
    this.#comparedAt = now;
    let changed = this.#replaced;
    this.#replaced = false;
    const grown: string[] = [];
    for (const [server, route] of before) {
      if (routes.has(server)) continue;
      changed = true;
      this.#routeLog.lost(server, route);
    }
    for (const [server, route] of routes) {
      const known = before.get(server);
      if (known === route) continue;
      changed = true;
      this.#routeLog.changed(server, known, route);
      if (known === undefined) grown.push(server);
    }
    if (changed) this.#events.routesChanged();
    if (grown.length > 0) this.#events.reachGrew(grown);
  }

  /** Handles a frame of type 2/3, 8 or 9, or the response to a probe. */
  received(connection: Connection, frame: Frame): void {
    const { party } = connection;
    if (frame.type === FrameType.InformationResponse) {
      if (frame.subtype === Information.Servers) return this.#probes.listed(connection, frame);
      return this.#capabilities(connection, frame);
    }
    if (frame.type === FrameType.Registration) return this.#registered(connection, frame);
    if (party instanceof Peer) {
      if (frame.type === FrameType.Presence) return this.#presence.received(party, frame);
      if (frame.type === FrameType.LinkState) {
        if (frame.subtype === LinkStateKind.Heartbeat) return;
        if (frame.subtype === LinkStateKind.Links) {
          const state = this.#states.received(party, frame);
          if (state) this.discovery.learn(state.address, connection.remoteHost, state.server);
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
    if (!(party instanceof Peer) || this.#peers.get(party.server) !== party) return;
    this.#peers.delete(party.server);
    this.#compareNow = true;
    this.#states.look();
    this.discovery.unlinked(party.server);
    this.#context.logger.info("lost the link to {address}", {
      event: "link.down",
      address: party.address,
    });
  }

  /** Ends all links. */
  close(): void {
    for (const { connection } of this.#peers.values()) connection.close();
    this.#probes.close();
  }

  #capabilities(connection: Connection, frame: Frame): void {
    if (frame.subtype !== Information.Capabilities) return;
    const { party } = connection;
    const capabilities = readCapabilities(frame.payload);
    if (party instanceof Probe) this.#probes.answered(connection, party, capabilities);
    if (!(party instanceof Peer)) return;
    const isFirst = party.capabilities.size === 0;
    party.setCapabilities(capabilities);
    if (isFirst) this.#presence.sendNames(party);
    this.#adopt(readNetwork(capabilities));
  }

  #adopt(network: string | undefined): void {
    if (this.network.adopt(network)) this.#events.networkChanged();
  }

  #registered(connection: Connection, frame: Frame): void {
    const { server, address, network } = readPeerRegistration(frame.payload);
    const { party } = connection;
    if (!(party instanceof Probe) && !connection.isUnregistered) {
      throw new ProtocolError(
        ErrorCode.AlreadyRegistered,
        "Cannot register as a server: this connection is registered already",
      );
    }
    if (!this.network.accepts(network)) {
      this.closed(connection);
      throw this.network.refusal(this.#context.address, address, network);
    }
    this.#probes.linked(connection);
    // This server answers even itself, so that the dialling end learns where the address leads.
    if (connection.isUnregistered) writePeerRegistration(connection.out, this.#registration());
    if (server === this.#context.id) {
      if (connection.dialled !== undefined) this.discovery.isSelf(connection.dialled);
      connection.close();
      return;
    }
    if (connection.isUnregistered) {
      writeInformationRequest(connection.out, Information.Capabilities);
    }
    const peer = new Peer(connection, server, address);
    if (party instanceof Probe) peer.setCapabilities(party.capabilities);
    connection.party = peer;
    this.discovery.linked(address, server, connection.remoteHost);
    if (connection.dialled !== undefined) this.discovery.linked(connection.dialled, server);
    this.#up(peer);
    this.#adopt(network);
  }

  /**
   * Keeps one of two links to a server: the newer one if one side dialled both, as the older must be
   * dead; otherwise the one dialled by the server with the lower id. Both ends choose the same. The other
   * link is half closed so that data in flight still arrives.
   */
  #up(peer: Peer): void {
    const other = this.#peers.get(peer.server);
    if (other) {
      const iDial = this.#context.id < peer.server;
      const { dialled } = peer.connection;
      const sameSide = (other.connection.dialled === undefined) === (dialled === undefined);
      const loser = sameSide || (dialled !== undefined) === iDial ? other : peer;
      if (loser === other) this.#peers.set(peer.server, peer);
      this.#replaced ||= loser === other;
      this.#compareNow = true;
      this.#probes.limit(loser.connection);
      loser.connection.end();
      if (loser === peer) return;
    } else {
      this.#peers.set(peer.server, peer);
      this.#compareNow = true;
      this.#context.logger.info("linked to {address}", { event: "link.up", address: peer.address });
      this.#states.look();
    }
    this.#presence.sendClock(peer);
    this.#states.greet(peer);
    this.#presence.sendDigest(peer);
    this.#presence.sendNames(peer);
  }

  #registration(): PeerRegistration {
    const { id, address } = this.#context;
    return { server: id, address, network: this.network.id };
  }
}
