/**
 * The links between servers: bringing them up, keeping one to each server, and noticing that one is
 * dead. Owns which links there are; what is told over them of links and users is in files of their own,
 * and messages are none of its business.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type Frame,
  FrameType,
  Information,
  LinkStateKind,
  NetlabError,
  type PresenceChanges,
  ProtocolError,
  readCapabilities,
  readPeerRegistration,
  type UserRecord,
  writeHeartbeat,
  writeInformationRequest,
  writePeerRegistration,
} from "@netlab/protocol/codec";
import type { Directory } from "./directory.ts";
import { Discovery } from "./discovery.ts";
import type { Context } from "../host.ts";
import type { Transport } from "../transport.ts";
import { Connection } from "../connection.ts";
import type { LinkCosts } from "./link_costs.ts";
import { LinkStates } from "./link_states.ts";
import { Presence } from "./presence.ts";
import type { Route, Topology } from "./topology.ts";
import { RouteLog } from "./route_log.ts";

/** A message that went over this many links between servers has lost its way. */
export const MAX_HOPS = 32;

/** How often a sign of life goes over every link: milliseconds; with the tick, every 250. */
const ALIVE_EVERY_MS = 200;
/** A link on which nothing came in for this long is dead; with the tick, noticed within 3 s. */
const SILENT_MS = 2_500;
/** How long what was dialled may take to say what it is, and a link to end: milliseconds. */
const PROBE_MS = 3_000;
/** When the core was not told the time for this long, nobody is blamed for silence: milliseconds. */
const STALLED_MS = 500;
/** When much news of other servers' links comes, ways are computed this often: milliseconds. */
const LOOK_EVERY_MS = 20;

/** What the rest of the core wants to hear from the mesh. */
export interface MeshEvents {
  /** Users of other servers came, went or moved. */
  usersChanged(users: Iterable<UserRecord>): void;
  /** Ways to other servers may have changed. */
  routesChanged(): void;
  /** Servers came into reach. */
  reachGrew(): void;
  /** What was dialled turned out to be a legacy server. */
  foundLegacy(link: Connection): void;
}

/** This server's place among the others. */
export class Mesh {
  /** Which addresses there are. */
  readonly discovery: Discovery;
  readonly #context: Context;
  readonly #topology: Topology;
  readonly #events: MeshEvents;
  readonly #peers = new Map<string, Connection>();
  readonly #expiring = new Set<Connection>();
  readonly #states: LinkStates;
  readonly #presence: Presence;
  readonly #routeLog: RouteLog;
  /** The ways as they were when the rest of the core was told last. */
  #routes: ReadonlyMap<string, Route>;
  /** A link has taken the place of another one to the same server. */
  #replaced = false;
  /** The ways are looked at now: a link of this server came or went, or it was the time for it. */
  #lookNow = true;
  #lookedAt = -Infinity;
  #tickedAt: number;

  /** A server without links, which dials `addresses` at the first tick. */
  constructor(
    context: Context,
    addresses: readonly string[],
    topology: Topology,
    directory: Directory,
    costs: LinkCosts,
    events: MeshEvents,
  ) {
    this.#context = context;
    this.#topology = topology;
    this.#events = events;
    this.#tickedAt = context.now;
    this.discovery = new Discovery(
      context,
      addresses,
      (address) => this.#probe(address),
      (server) => this.#peers.has(server),
      (server) => this.#topology.get(server) !== undefined,
    );
    this.#states = new LinkStates(context, topology, costs, this.#peers);
    this.#presence = new Presence(
      context,
      directory,
      this.#peers,
      (users) => events.usersChanged(users),
    );
    this.#routeLog = new RouteLog(context, topology, costs);
    this.#routes = topology.routes();
  }

  /** The links to other servers. */
  peers(): Iterable<Connection> {
    return this.#peers.values();
  }

  /** The link over which messages for a server go; `undefined` when no way leads there. */
  nextHop(server: string): Connection | undefined {
    const route = this.#topology.route(server);
    return route && this.#peers.get(route.next);
  }

  /** Tells all servers of a change among the users of this one. */
  publish(changes: PresenceChanges): void {
    this.#presence.publish(changes);
  }

  /** Dials what is due, shows signs of life, and gives up links that show none. */
  tick(): void {
    const now = this.#context.now;
    const sinceTick = now - this.#tickedAt;
    const stalled = sinceTick > STALLED_MS;
    if (stalled) this.#topology.slept(sinceTick);
    this.#tickedAt = now;
    for (const peer of this.#peers.values()) {
      if (stalled) peer.heardAt = now;
      peer.pulse.look(now - peer.heardAt);
      if (now - peer.heardAt > SILENT_MS) {
        this.#context.logger.warn("{address} is silent, giving up the link", {
          event: "link.silent",
          address: peer.address,
        });
        this.closed(peer);
        peer.abort();
      } else if (now - peer.aliveAt >= ALIVE_EVERY_MS) {
        peer.aliveAt = now;
        writeHeartbeat(peer.out);
      }
    }
    for (const link of this.#expiring) {
      if (now > link.deadline) {
        this.closed(link);
        link.abort();
      }
    }
    this.#lookNow = true;
    this.#states.look();
    for (const server of this.#topology.forget(now)) {
      this.#presence.forget(server);
    }
    for (const server of this.#topology.routes().keys()) {
      const link = this.nextHop(server);
      if (link) this.#presence.askIfUnknown(link, server);
    }
    this.#routeLog.tick();
    this.discovery.tick();
  }

  /** What links cost may have changed. */
  costsChanged(): void {
    this.#states.look();
  }

  /** The turn ends: what changed about links is told, and what follows from that for the ways. */
  turn(): void {
    this.#states.tell();
    const { now } = this.#context;
    if (!this.#lookNow && now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookNow = false;
    const before = this.#routes;
    const routes = this.#topology.routes();
    if (routes === before && !this.#replaced) return;
    this.#routes = routes;
    this.#lookedAt = now;
    let changed = this.#replaced;
    this.#replaced = false;
    let grown = false;
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
      grown ||= known === undefined;
    }
    if (changed) this.#events.routesChanged();
    if (grown) this.#events.reachGrew();
  }

  /** A frame of types 2/3, 8 or 9, or the answer to a probe, came in. */
  received(link: Connection, frame: Frame): void {
    switch (frame.type) {
      case FrameType.InformationResponse:
        return this.#capabilities(link, frame);
      case FrameType.Registration:
        return this.#registered(link, frame);
      case FrameType.Presence:
        return this.#presence.received(link, frame);
      case FrameType.LinkState:
        if (frame.subtype === LinkStateKind.Heartbeat) return;
        if (frame.subtype === LinkStateKind.Links) {
          const state = this.#states.received(link, frame);
          if (state) this.discovery.learn(state.address, state.server);
          return;
        }
    }
    throw new NetlabError(
      ErrorCode.UnknownType,
      `Cannot take a frame of type ${frame.type}/${frame.subtype} from a server: it is not known here`,
    );
  }

  /** A link has ended. */
  closed(link: Connection): void {
    if (this.#expiring.delete(link) && link.role === "probe") this.discovery.failed(link.dialled!);
    if (this.#peers.get(link.server) !== link) return;
    this.#peers.delete(link.server);
    this.#lookNow = true;
    this.#states.look();
    this.discovery.unlinked(link.server);
    this.#context.logger.info("lost the link to {address}", {
      event: "link.down",
      address: link.address,
    });
  }

  /** Ends all links. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    for (const link of this.#expiring) link.abort();
  }

  #probe(address: string): void {
    const context = this.#context;
    context.host.dial(address, {
      connected: (port: Transport) => {
        const link = new Connection(port, hostOf(address), address, context.now);
        link.role = "probe";
        this.#expire(link);
        writeInformationRequest(port.out, Information.Capabilities);
        return link;
      },
      failed: (reason: string) => {
        context.logger.debug("dialled in vain: {reason}", { address, reason });
        this.discovery.failed(address);
      },
    });
  }

  /** Gives a link three seconds to say what it is, or to end. */
  #expire(link: Connection): void {
    link.deadline = this.#context.now + PROBE_MS;
    this.#expiring.add(link);
  }

  #capabilities(link: Connection, frame: Frame): void {
    if (frame.subtype !== Information.Capabilities) return;
    link.capabilities = readCapabilities(frame.payload);
    link.readsBatches = link.capabilities.has(Capability.Batch);
    if (link.role !== "probe") return;
    const { capabilities } = link;
    if (capabilities.size === 0) {
      this.#expiring.delete(link);
      this.#events.foundLegacy(link);
    } else if (capabilities.has(Capability.Peer)) {
      writePeerRegistration(link.out, this.#registration());
    } else {
      this.closed(link);
      link.close();
    }
  }

  #registered(link: Connection, frame: Frame): void {
    const { server, address } = readPeerRegistration(frame.payload);
    if (link.role !== "probe" && link.role !== "stranger") {
      throw new ProtocolError(
        ErrorCode.AlreadyRegistered,
        "Cannot register as a server: this connection is registered already",
      );
    }
    this.#expiring.delete(link);
    // Even when it is this server itself: the end that dialled learns so where the address leads.
    if (link.role === "stranger") writePeerRegistration(link.out, this.#registration());
    if (server === this.#context.id) {
      if (link.dialled !== undefined) this.discovery.isSelf(link.dialled);
      link.close();
      return;
    }
    if (link.role === "stranger") writeInformationRequest(link.out, Information.Capabilities);
    link.role = "peer";
    link.server = server;
    link.address = address;
    this.discovery.linked(address, server);
    if (link.dialled !== undefined) this.discovery.linked(link.dialled, server);
    this.#up(link);
  }

  /**
   * Of two links to one server the newer stays when the same side dialled both, since the older must
   * be dead; else the one that the server with the lower id dialled. Both ends decide alike. The one
   * that goes is only half closed: what is under way on it still counts.
   */
  #up(link: Connection): void {
    const other = this.#peers.get(link.server);
    if (other) {
      const iDial = this.#context.id < link.server;
      const sameSide = (other.dialled === undefined) === (link.dialled === undefined);
      const goes = sameSide || (link.dialled !== undefined) === iDial ? other : link;
      if (goes === other) this.#peers.set(link.server, link);
      this.#replaced ||= goes === other;
      this.#lookNow = true;
      this.#expire(goes);
      goes.end();
      if (goes === link) return;
    } else {
      this.#peers.set(link.server, link);
      this.#lookNow = true;
      this.#context.logger.info("linked to {address}", { event: "link.up", address: link.address });
      this.#states.look();
    }
    this.#states.greet(link);
    this.#presence.sendDigest(link);
  }

  #registration(): { server: string; address: string } {
    return { server: this.#context.id, address: this.#context.address };
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
