/**
 * How one server reaches the others: the interface that the rest of the core uses, and the rules for forwarding
 * that hold for every network. The mesh is one such network. Does not know how frames get to another server.
 *
 * @module
 */
import {
  type Frame,
  FrameType,
  type FrameWriter,
  type NetlabError,
  type PresenceChanges,
  type ProtectedName,
  type UserRecord,
} from "@netlab/protocol/codec";
import type { Access } from "../access/access.ts";
import type { BackPressure } from "../connection/back_pressure.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { Directory } from "./directory.ts";
import { Peer } from "./peer.ts";
import type { KnownNames } from "./presence/presence.ts";
import type { LinkCosts } from "./topology/link_costs.ts";
import type { RouteEvents } from "./topology/route_changes.ts";
import type { Testimony } from "./topology/testimony.ts";
import type { Topology } from "./topology/topology.ts";

/** How many links between servers a frame may cross. A frame that has crossed more is in a loop. */
export const MAX_HOPS = 32;

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

/** Why a name could not be reserved: another user has it, or the error says why. */
export type NotReserved = "taken" | NetlabError;

/** Events that a network reports to the rest of the core. */
export interface NetworkEvents extends RouteEvents {
  /** Users of other servers joined, left or moved, or these names are new to this server. */
  usersChanged(names: Iterable<string>): void;
  /** A dialled party is a legacy server. */
  foundLegacy(connection: Connection): void;
  /** This server's network has become part of an older one. */
  networkChanged(): void;
  /** Whole frames have arrived from a peer that has no connection of its own. They may be modified. */
  arrived(connection: Connection, frames: Uint8Array): void;
  /** A peer that has no connection of its own has been sent everything. */
  drained(connection: Connection): void;
}

/** The parts of a core that a network uses. */
export interface NetworkParts {
  /** What all components share. */
  readonly context: Context;
  /** The routes to other servers, which the network sets. */
  readonly topology: Topology;
  /** The users of all servers, to which the network adds those of others. */
  readonly directory: Directory;
  /** Which senders are paused. */
  readonly backPressure: BackPressure;
  /** The names that users have had, and those that are protected. */
  readonly names: KnownNames;
  /** What each role may send. */
  readonly access: Access;
  /** The costs of links. */
  readonly costs: LinkCosts;
  /** Gets the events of the network. */
  readonly events: NetworkEvents;
}

/** The addresses of other servers, as the components that learn some see them. */
export interface KnownAddresses {
  /** Adds the address at which a legacy server has announced itself. */
  announced(address: string, namedBy: Connection): void;
  /** Adds an address that a legacy server lists. */
  learn(address: string, namedBy: Connection, server?: string): void;
  /** Records that a legacy server is reached at an address. */
  isLegacy(address: string): void;
  /** Records that nobody is reached at an address now. */
  failed(address: string): void;
}

/** How one server reaches the others. */
export interface ServerNetwork {
  /** The network that this server belongs to. */
  readonly network: { readonly id: string };
  /** The addresses of other servers. */
  readonly discovery: KnownAddresses;
  /** Which peers are believed about which servers. */
  readonly testimony: Testimony;
  /** The number of servers that are one hop away. */
  readonly peerCount: number;
  /** Returns the servers that are one hop away. */
  peers(): Iterable<Peer>;
  /** Returns the next hop on the route to a server; `undefined` if there is no route. */
  nextHop(server: string): Peer | undefined;
  /**
   * Forwards a frame that arrived on a connection to the next hop on the route to a server. Every frame
   * for another server passes here, except the messages on a fast path, which keeps the same rules: the
   * hop limit, split horizon and back-pressure. Back-pressure applies to messages only, because receipts
   * must not get lost.
   *
   * @param from The connection on which the frame arrived.
   * @returns The next hop, or the reason why the frame was not forwarded.
   */
  forward(server: string, frame: Frame, from: Connection): Peer | Obstacle;
  /**
   * Returns the addresses of all reachable servers but this one, the nearest first: `host:port` each. Leaves out
   * loopback addresses that would lead `asker` somewhere else.
   */
  addressesFor(asker?: Connection): string[];
  /**
   * Reserves a name for a user of this server who is about to be admitted.
   *
   * @param done Called once, now or later: with the reason if the name was not reserved.
   */
  reserve(user: UserRecord, done: (reason?: NotReserved) => void): void;
  /** Gives back a name that was reserved for a user who was not admitted. */
  release(user: UserRecord): void;
  /** Announces a change of this server's users to all servers. */
  publish(changes: PresenceChanges): void;
  /** Tells all servers that a name is protected, or not any more. */
  publishProtected(record: ProtectedName): void;
  /** Does the work that is due. */
  tick(): void;
  /** Takes note that the costs of links have changed. */
  costsChanged(): void;
  /** Sends what was gathered, and reports changes of routes. */
  flush(): void;
  /** Whether servers sign what they say: on a network with keys. */
  readonly signs: boolean;
  /**
   * Writes a frame for a server to the next hop on the route to it; if servers sign, at the next
   * {@linkcode ServerNetwork.flushStatements}.
   */
  tell(server: string, next: Peer, write: (out: FrameWriter) => void): void;
  /** Signs and sends what waits, if servers sign. What users did comes before what is said of it. */
  flushStatements(): void;
  /**
   * Handles a frame of type 11, if servers sign: forwards it, or checks what it says.
   *
   * @param handle Called with each frame for this server, and the id of the server that has signed it.
   * @throws {ProtocolError} When it cannot be read, its signature is wrong, or it speaks for another server.
   */
  stated(peer: Peer, frame: Frame, handle: (inner: Frame, origin: string) => void): void;
  /** Handles a frame of type 2/3, 8 or 9, or the response to a probe. */
  received(connection: Connection, frame: Frame): void;
  /** Handles the end of a connection. */
  closed(connection: Connection): void;
  /** Sends more of what waits for a connection. Call it when the connection has sent everything. */
  drained(connection: Connection): void;
  /** Leaves the network. */
  close(): void;
}

/**
 * Forwards a frame to the next hop by the rules of {@linkcode ServerNetwork.forward}.
 *
 * @param next The next hop; `undefined` if there is no route.
 */
export function forwardTo(
  next: Peer | undefined,
  frame: Frame,
  from: Connection,
  { context, backPressure }: Pick<NetworkParts, "context" | "backPressure">,
): Peer | Obstacle {
  if (!next) return "no-route";
  // A peer is the first server on the way at least, whatever it writes.
  const hops = from.party instanceof Peer ? (frame.reserved || 1) + 1 : 1;
  if (hops > MAX_HOPS) return "hop-limit";
  if (next.connection === from) return "split-horizon";
  if (frame.type === FrameType.Message) {
    if (!backPressure.mayWrite(from, next.connection, context.now)) return "congested";
  }
  next.out.forward(frame, hops);
  return next;
}
