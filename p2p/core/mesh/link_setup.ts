/**
 * How links between servers begin: registrations of servers, and what they can do. Owns which links exist, and
 * which one of two links to a server is kept. Does not know when a link is dead.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  Information,
  NetlabError,
  PeerAbility,
  ProtocolError,
  readCapabilities,
  readNetwork,
  readPeerRegistration,
  writeInformationRequest,
} from "@netlab/protocol/codec";
import type { Access } from "../access/access.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Discovery } from "./addresses/discovery.ts";
import { LIMITS } from "../limits.ts";
import type { OwnNetwork } from "./own_network.ts";
import { Peer, Probe } from "./peer.ts";
import type { Presence } from "./presence/presence.ts";
import type { Probes } from "./probes.ts";
import type { LinkStates } from "./topology/link_states.ts";
import type { RouteChanges } from "./topology/route_changes.ts";

/** A new link takes as long as so many small frames: it gets link states, and the names that users have had. */
const LINK_UNITS = 1_000;
/** After this time, both ends have agreed on the link that they keep: milliseconds. */
const PROVEN_MS = 10_000;
/** A link works if something arrived on it within this time: milliseconds. It is four heartbeats. */
const ALIVE_MS = 1_000;

/** What {@linkcode LinkSetup} uses. */
export interface LinkSetupParts {
  /** The network that this server belongs to. */
  readonly network: OwnNetwork;
  /** Knows the addresses of other servers. */
  readonly discovery: Discovery;
  /** The connections that are not links yet, or not any more. */
  readonly probes: Probes;
  /** Knows which servers have proven their key. */
  readonly access: Access;
  /** The servers to which there is a link, by id. New ones are added. */
  readonly peers: Map<string, Peer>;
  /** Announces links. */
  readonly states: LinkStates;
  /** Announces users. */
  readonly presence: Presence;
  /** Reports changes of routes. */
  readonly routeChanges: RouteChanges;
  /** This server's network has become part of an older one. */
  networkChanged(): void;
}

/** Sets up the links of one server. */
export class LinkSetup {
  readonly #context: Context;
  readonly #parts: LinkSetupParts;

  /** Creates the setup of one server's links. */
  constructor(context: Context, parts: LinkSetupParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Handles the capabilities of a server or of a dialled party. */
  capabilities(connection: Connection, frame: Frame): void {
    if (frame.subtype !== Information.Capabilities) return;
    const { party } = connection;
    const capabilities = readCapabilities(frame.payload);
    if (party instanceof Probe) this.#parts.probes.answered(connection, party, capabilities);
    if (!(party instanceof Peer)) return;
    const isFirst = party.capabilities.size === 0;
    party.setCapabilities(capabilities);
    if (isFirst) this.#parts.presence.sendNames(party);
    this.#adopt(readNetwork(capabilities));
  }

  #adopt(network: string | undefined): void {
    if (this.#parts.network.adopt(network)) this.#parts.networkChanged();
  }

  /**
   * Handles a server that registers: links to it.
   *
   * @throws {NetlabError} Those of `Access.checkServer`, {@linkcode ErrorCode.OtherNetwork} if it belongs to another network,
   *   {@linkcode ErrorCode.AlreadyRegistered} if the connection is registered, {@linkcode ErrorCode.AlreadyLinked}
   *   or {@linkcode ErrorCode.TooManyLinks} if there must be no further link.
   */
  registered(connection: Connection, frame: Frame): void {
    const { server, address, network, abilities = 0 } = readPeerRegistration(frame.payload);
    const { party } = connection;
    const { discovery, probes, access, network: own } = this.#parts;
    if (!(party instanceof Probe) && !connection.isUnregistered) {
      throw new ProtocolError(
        ErrorCode.AlreadyRegistered,
        "Cannot register as a server: this connection is registered already",
      );
    }
    if (!own.accepts(network)) {
      probes.closed(connection);
      throw own.refusal(this.#context.address, address, network);
    }
    access.checkServer(connection, server);
    const { dialled } = connection;
    const refusal = this.#obstacleTo(server, dialled);
    if (refusal) {
      if (dialled !== undefined) discovery.linked(dialled, server);
      probes.closed(connection);
      throw refusal;
    }
    probes.linked(connection);
    // This server answers even itself, so that the dialling end learns where the address leads.
    const readsTls = (abilities & PeerAbility.Tls) !== 0;
    if (connection.isUnregistered) probes.register(connection, readsTls);
    if (server === this.#context.id) {
      if (dialled !== undefined) discovery.isSelf(dialled);
      connection.close();
      return;
    }
    if (connection.isUnregistered) {
      writeInformationRequest(connection.out, Information.Capabilities);
    }
    const peer = new Peer(connection, server, address, this.#context.now, abilities);
    if (party instanceof Probe) peer.setCapabilities(party.capabilities);
    connection.party = peer;
    discovery.linked(address, server, connection);
    if (dialled !== undefined) discovery.linked(dialled, server);
    this.#up(peer);
    this.#adopt(network);
  }

  /**
   * Returns why there must be no further link to a server. While a link works, nobody else may pass for that
   * server and replace it.
   */
  #obstacleTo(server: string, dialled: string | undefined): NetlabError | undefined {
    const { now, address, id } = this.#context;
    const { peers } = this.#parts;
    const other = peers.get(server);
    if (other) {
      const isProven = now - other.linkedAt >= PROVEN_MS;
      if (!isProven || now - other.connection.heardAt > ALIVE_MS) return undefined;
      const reason = `Cannot link to ${address}: it has a link to the server with this id already`;
      return new NetlabError(ErrorCode.AlreadyLinked, reason, { fatal: true });
    }
    const most = LIMITS.links.default;
    if (dialled !== undefined || peers.size < most || server === id) return undefined;
    const reason = `Cannot link to ${address}: it has ${most} links, as many as it may`;
    return new NetlabError(ErrorCode.TooManyLinks, reason, { fatal: true });
  }

  /**
   * Keeps one of two links to a server: the newer one if one side dialled both, as the older must be
   * dead; otherwise the one dialled by the server with the lower id. Both ends choose the same. The other
   * link is half closed so that data in flight still arrives.
   */
  #up(peer: Peer): void {
    const { peers, probes, presence, states, routeChanges } = this.#parts;
    const other = peers.get(peer.server);
    if (other) {
      const iDial = this.#context.id < peer.server;
      const { dialled } = peer.connection;
      const sameSide = (other.connection.dialled === undefined) === (dialled === undefined);
      const loser = sameSide || (dialled !== undefined) === iDial ? other : peer;
      if (loser === other) {
        peers.set(peer.server, peer);
        routeChanges.replaced();
      }
      routeChanges.compareSoon();
      probes.limit(loser.connection);
      loser.connection.end();
      if (loser === peer) return;
    } else {
      peers.set(peer.server, peer);
      routeChanges.compareSoon();
      const { server, address } = peer;
      this.#context.logger.info("linked to {address}", { event: "link.up", address });
      this.#context.events.add({ kind: "linkUp", server, address }, this.#context.now);
      states.look();
    }
    // What is sent to a new peer grows with the network.
    peer.connection.charge(LINK_UNITS);
    presence.sendClock(peer);
    states.greet(peer);
    presence.sendDigest(peer);
    presence.sendNames(peer);
  }
}
