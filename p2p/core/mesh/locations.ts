/**
 * Where a user can be reached: what the directory says, as far as routes lead there. Owns which of several
 * places counts; knows no connection.
 *
 * @module
 */
import { UserKind } from "@netlab/protocol/codec";
import { type Directory, holdsName, isSameUser, type Location } from "./directory.ts";
import type { Topology } from "./topology.ts";

/** The users of all servers within reach, seen from one server. */
export class Locations {
  readonly #self: string;
  readonly #directory: Directory;
  readonly #topology: Topology;

  /** The users in `directory`, seen from the server with the id `self`. */
  constructor(self: string, directory: Directory, topology: Topology) {
    this.#self = self;
    this.#directory = directory;
    this.#topology = topology;
  }

  /** The names of all users who can be written to, each once. */
  names(): Set<string> {
    const names = new Set<string>();
    for (const server of [this.#self, ...this.#topology.routes().keys()]) {
      for (const user of this.#directory.users(server)) names.add(user.name);
    }
    return names;
  }

  /**
   * The place where messages for a user go. A server where a user holds the name comes before servers
   * that only list it for a legacy server. Of several places of one session the newest counts, otherwise
   * the one with the cheapest route. `undefined` when no user of that name can be reached.
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
        : user.kind === UserKind.Session && isSameUser(best.user, user)
        ? location.order > best.order
        : cost < bestCost;
      if (!isBetter) continue;
      best = location;
      bestCost = cost;
    }
    return best;
  }

  /** The places within reach where a user holds the name. */
  *holders(name: string): Iterable<Location> {
    for (const location of this.#withinReach(name)) if (holdsName(location.user)) yield location;
  }

  /** Whether no user within reach holds the name. */
  isFree(name: string): boolean {
    for (const _ of this.holders(name)) return false;
    return true;
  }

  /**
   * The ids of all servers within reach next to which a legacy server lists the name, this one among
   * them. Several legacy servers may list a name, and only the user knows which of them is right.
   */
  *serversListing(name: string): Iterable<string> {
    for (const { server, user } of this.#withinReach(name)) if (!holdsName(user)) yield server;
  }

  *#withinReach(name: string): Iterable<Location> {
    for (const location of this.#directory.find(name)) {
      if (this.#topology.reaches(location.server)) yield location;
    }
  }
}
