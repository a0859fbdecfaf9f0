/**
 * Sends the lists of users that peers lack, as fast as each link takes them. Owns which lists wait for which peer,
 * and which changes wait until a list is complete. Does not know who needs a list, and what is in its frames.
 *
 * @module
 */
import type { FrameWriter } from "@netlab/protocol/codec";
import type { Peer } from "../peer.ts";

/** When more changes than this wait for the end of a list, it is sent again instead. */
const MAX_CHANGES = 1_000;

/** Writes one frame of a list, or a change of it. */
export type ListFrame = (out: FrameWriter) => void;

/** What waits for one peer. */
interface Waiting {
  /** The ids of the servers whose lists were not begun yet. */
  readonly servers: Set<string>;
  /** The list that is being sent. */
  current: { readonly server: string; readonly frames: Iterator<ListFrame> } | undefined;
  /** Changes to that list since it was begun. */
  changes: ListFrame[];
}

/** The lists that wait for the peers of one server. */
export class Snapshots {
  readonly #framesOf: (server: string) => Iterable<ListFrame>;
  readonly #clock: { readonly now: number };
  readonly #waiting = new Map<Peer, Waiting>();

  /**
   * Starts without lists.
   *
   * @param framesOf Returns the frames of the list of a server, by its id, as it is at the first of them.
   * @param clock The current time: milliseconds since 1970.
   */
  constructor(
    framesOf: (server: string) => Iterable<ListFrame>,
    clock: { readonly now: number },
  ) {
    this.#framesOf = framesOf;
    this.#clock = clock;
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

  /**
   * Sends changes of the users of a server to a peer that needs them, unless a list that waits will have them, or
   * after the list that they change.
   */
  sendChanges(peer: Peer, server: string, changes: ListFrame): void {
    if (peer.unneeded.has(server)) return;
    const waiting = this.#waiting.get(peer);
    if (waiting?.servers.has(server)) return;
    if (waiting?.current?.server !== server) {
      // Users who come and go without end must not fill a link on which messages wait.
      if (!peer.mayTell(this.#clock.now)) return this.send(peer, server);
      return peer.tell(() => changes(peer.out));
    }
    waiting.changes.push(changes);
    if (waiting.changes.length > MAX_CHANGES) this.#end(waiting).servers.add(server);
  }

  /** Continues for all peers. Call it several times a second. */
  tick(): void {
    for (const peer of this.#waiting.keys()) this.continue(peer);
  }

  /** Sends as much to a peer as it may be told now. Call it when the link has sent everything. */
  continue(peer: Peer): void {
    const waiting = this.#waiting.get(peer);
    if (!waiting) return;
    while (peer.mayTell(this.#clock.now)) {
      waiting.current ??= this.#begin(waiting);
      if (!waiting.current) return void this.#waiting.delete(peer);
      const { value, done } = waiting.current.frames.next();
      if (!done) peer.tell(() => value(peer.out));
      else {
        const { changes } = waiting;
        this.#end(waiting);
        for (const change of changes) change(peer.out);
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
      return { server, frames: this.#framesOf(server)[Symbol.iterator]() };
    }
  }

  #end(waiting: Waiting): Waiting {
    waiting.current = undefined;
    waiting.changes = [];
    return waiting;
  }
}
