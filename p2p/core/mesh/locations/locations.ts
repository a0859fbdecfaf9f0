/**
 * Finds where a user can be reached: the locations in the directory that have a route. Owns which of
 * several locations is used. Knows no connections.
 *
 * @module
 */
import type { Directory } from "../directory.ts";
import type { Topology } from "../topology/topology.ts";
import type { Location } from "./located_names.ts";
import { holdsName } from "./same_name.ts";

/** The users of all servers that can be reached from one server. */
export class Locations {
  readonly #self: string;
  readonly #directory: Directory;
  readonly #topology: Topology;

  /** Creates the view of `directory` from the server with the id `self`. */
  constructor(self: string, directory: Directory, topology: Topology) {
    this.#self = self;
    this.#directory = directory;
    this.#topology = topology;
  }

  /** Returns the names of all users who can be reached. */
  names(): Set<string> {
    return new Set(this.eachName());
  }

  /**
   * Returns the names of all users who can be reached, one by one. Users may join and leave meanwhile: then a name
   * may be missing or come twice.
   */
  *eachName(): Iterable<string> {
    for (const { user: { name } } of this.each()) yield name;
  }

  /**
   * Returns the users of servers, by id, who can be reached, one by one, each at one server only.
   *
   * @param servers Those of which users are wanted: without them, all.
   */
  *each(servers?: readonly string[]): Iterable<Location> {
    for (const server of servers ?? [this.#self, ...this.#topology.routes().keys()]) {
      for (const { name } of this.#directory.users(server)) {
        for (const first of this.#withinReach(name)) {
          if (first.server === server) yield first;
          break;
        }
      }
    }
  }

  /**
   * Returns the location to which messages for a user are sent. A server where a user holds the name is
   * preferred to servers that only list it for a legacy server, of which the one with the cheapest route is
   * used. Of several servers that hold the name, it is this one, and otherwise the one that was known first:
   * while that one announces the user and can be reached, another server's word changes nothing.
   *
   * @returns `undefined` if no user with this name can be reached.
   */
  locate(name: string): Location | undefined {
    let best: Location | undefined;
    let bestCost = Infinity;
    for (const location of this.#withinReach(name)) {
      const { server, user } = location;
      const cost = server === this.#self ? 0 : this.#topology.route(server)!.cost;
      const holds = holdsName(user);
      const isBetter = best === undefined || holds !== holdsName(best.user)
        ? best === undefined || holds
        : holds && cost !== 0 && bestCost !== 0
        ? location.order < best.order
        : cost < bestCost;
      if (!isBetter) continue;
      best = location;
      bestCost = cost;
    }
    return best;
  }

  /** Returns the reachable locations where a user holds the name. */
  *holders(name: string): Iterable<Location> {
    for (const location of this.#withinReach(name)) if (holdsName(location.user)) yield location;
  }

  /** Returns a reachable user who holds a name that looks like this one. */
  lookAlike(name: string): Location | undefined {
    for (const other of this.#directory.located.lookAlikes(name)) {
      for (const location of this.holders(other)) return location;
    }
  }

  /** Returns whether a server, by its id, can be reached and has a user who holds the name. */
  isHeldAt(name: string, server: string): boolean {
    const user = this.#directory.at(server, name);
    return user !== undefined && holdsName(user) && this.#topology.reaches(server);
  }

  /** Returns whether a user with this name may be shown and found: see `Directory.accepts`. */
  accepts(name: string): boolean {
    return this.#directory.accepts(name);
  }

  /** Returns whether no reachable user holds the name. */
  isFree(name: string): boolean {
    for (const _ of this.holders(name)) return false;
    return true;
  }

  /**
   * Returns the ids of all reachable servers, including this one, next to which a legacy server lists the
   * name. Several legacy servers may list it, and netlab cannot know which of them is right.
   */
  *serversListing(name: string): Iterable<string> {
    for (const { server, user } of this.#withinReach(name)) if (!holdsName(user)) yield server;
  }

  *#withinReach(name: string): Iterable<Location> {
    for (const location of this.#directory.located.find(name)) {
      if (this.#topology.reaches(location.server)) yield location;
    }
  }
}
