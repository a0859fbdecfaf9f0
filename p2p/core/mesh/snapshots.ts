/**
 * Sends the lists of users that peers lack, as fast as each link takes them. Owns which lists wait for which peer,
 * and which changes wait until a list is complete. Does not know who needs a list.
 *
 * @module
 */
import {
  type PresenceChanges,
  type PresenceSnapshot,
  writePresenceChanges,
  writePresenceSnapshot,
} from "@netlab/protocol/codec";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import type { Directory } from "./directory.ts";
import type { Peer } from "./peer.ts";

/** When more changes than this wait for the end of a list, it is sent again instead. */
const MAX_CHANGES = 1_000;

/** What waits for one peer. */
interface Waiting {
  /** The ids of the servers whose lists were not begun yet. */
  readonly servers: Set<string>;
  /** The list that is being sent. */
  current: { readonly server: string; readonly parts: Iterator<PresenceSnapshot> } | undefined;
  /** Changes to that list since it was begun. */
  changes: PresenceChanges[];
}

/** The lists that wait for the peers of one server. */
export class Snapshots {
  readonly #directory: Directory;
  readonly #waiting = new Map<Peer, Waiting>();

  /** Starts without lists. */
  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** Sends the users of a server to a peer that needs them, a long list piece by piece. */
  send(peer: Peer, server: string): void {
    if (peer.unneeded.has(server)) return;
    let waiting = this.#waiting.get(peer);
    if (!waiting) {
      waiting = { servers: new Set(), current: undefined, changes: [] };
      this.#waiting.set(peer, waiting);
    }
    waiting.servers.add(server);
    this.continue(peer);
  }

  /** Sends changes to a peer that needs them, unless a list that waits will have them, or after the list that they change. */
  sendChanges(peer: Peer, changes: PresenceChanges): void {
    if (peer.unneeded.has(changes.server)) return;
    const waiting = this.#waiting.get(peer);
    if (waiting?.servers.has(changes.server)) return;
    if (waiting?.current?.server !== changes.server) return writePresenceChanges(peer.out, changes);
    waiting.changes.push(changes);
    if (waiting.changes.length > MAX_CHANGES) this.#end(waiting).servers.add(changes.server);
  }

  /** Sends as much to a peer as the link takes. Call it when the link has sent everything. */
  continue(peer: Peer): void {
    const waiting = this.#waiting.get(peer);
    if (!waiting) return;
    while (peer.out.length <= PAUSE_BYTES) {
      waiting.current ??= this.#begin(waiting);
      if (!waiting.current) return void this.#waiting.delete(peer);
      const { value, done } = waiting.current.parts.next();
      if (!done) writePresenceSnapshot(peer.out, value);
      else {
        const { changes } = waiting;
        this.#end(waiting);
        for (const change of changes) writePresenceChanges(peer.out, change);
      }
    }
  }

  /** Forgets what waits for a peer whose link has ended. */
  closed(peer: Peer): void {
    this.#waiting.delete(peer);
  }

  #begin({ servers }: Waiting): Waiting["current"] {
    for (const server of servers) {
      servers.delete(server);
      return { server, parts: this.#directory.snapshot(server)[Symbol.iterator]() };
    }
  }

  #end(waiting: Waiting): Waiting {
    waiting.current = undefined;
    waiting.changes = [];
    return waiting;
  }
}
