/**
 * What servers tell each other about their users: changes as they come, digests of what each knows, and
 * snapshots of what one of them lacks. Owns the flooding and the asking; what came of it is the
 * directory's, and links come about elsewhere.
 *
 * @module
 */
import {
  type Frame,
  MAX_VERSIONS_PER_FRAME,
  type PresenceChanges,
  PresenceKind,
  type PresenceVersion,
  readPresenceChanges,
  readPresenceDigest,
  readPresenceSnapshot,
  type UserRecord,
  writePresenceChanges,
  writePresenceDigest,
  writePresenceSnapshot,
} from "@netlab/protocol/codec";
import type { Directory } from "./directory.ts";
import type { Context } from "../host.ts";
import type { Peer } from "./peer.ts";

/** How long to wait for a snapshot before it is asked for again: milliseconds. */
const GAP_MS = 500;

/** The users of all servers, told from link to link. */
export class Presence {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #usersChanged: (users: Iterable<UserRecord>) => void;
  readonly #gapsAskedAt = new Map<string, number>();

  /** Puts what the links in `peers` bring into the directory; `usersChanged` hears what was new. */
  constructor(
    context: Context,
    directory: Directory,
    peers: ReadonlyMap<string, Peer>,
    usersChanged: (users: Iterable<UserRecord>) => void,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#peers = peers;
    this.#usersChanged = usersChanged;
  }

  /** Tells all servers of a change among the users of this one. */
  publish(changes: PresenceChanges): void {
    this.#toPeers((peer) => writePresenceChanges(peer.out, changes));
  }

  /** Tells the other side which versions are known here, so that it sends what is newer. */
  sendDigest(peer: Peer): void {
    const versions = this.#directory.versions().slice(0, MAX_VERSIONS_PER_FRAME);
    writePresenceDigest(peer.out, versions);
  }

  /** A frame of type 8 came in. */
  received(peer: Peer, frame: Frame): void {
    switch (frame.subtype) {
      case PresenceKind.Digest:
        return this.#sendNewer(peer, readPresenceDigest(frame.payload));
      case PresenceKind.Changes: {
        const changes = readPresenceChanges(frame.payload);
        const merge = this.#directory.applyChanges(changes);
        if (merge === "gap") this.#askAfterGap(peer, changes.server);
        if (merge !== "applied") return;
        this.#toPeers((peer) => writePresenceChanges(peer.out, changes), peer);
        return this.#usersChanged(changes.changes);
      }
      case PresenceKind.Snapshot: {
        const snapshot = readPresenceSnapshot(frame.payload);
        if (this.#directory.applySnapshot(snapshot) !== "applied") return;
        this.#gapsAskedAt.delete(snapshot.server);
        this.#toPeers((peer) => this.#sendSnapshot(peer, snapshot.server), peer);
        return this.#usersChanged(this.#directory.users(snapshot.server));
      }
    }
  }

  /**
   * Asks for the users of a server within reach if they were forgotten here, or were not told of: nobody
   * sends what did not change.
   */
  askIfUnknown(peer: Peer, server: string): void {
    if (this.#directory.version(server) < 0) this.#askAfterGap(peer, server);
  }

  /** A server has been out of reach for so long that its users are forgotten. */
  forget(server: string): void {
    this.#directory.forget(server);
    this.#gapsAskedAt.delete(server);
  }

  /** Asks for what is missing before a change, unless the answer is under way already. */
  #askAfterGap(peer: Peer, server: string): void {
    const now = this.#context.now;
    if (now - (this.#gapsAskedAt.get(server) ?? -Infinity) < GAP_MS) return;
    this.#gapsAskedAt.set(server, now);
    this.sendDigest(peer);
  }

  /**
   * Sends what the other server lacks: it said which versions it has. Also of servers out of reach:
   * when they come back unchanged, nobody tells it.
   */
  #sendNewer(peer: Peer, versions: readonly PresenceVersion[]): void {
    const theirs = new Map(versions.map(({ server, version }) => [server, version]));
    for (const { server, version } of this.#directory.versions()) {
      if (version > (theirs.get(server) ?? -1)) this.#sendSnapshot(peer, server);
    }
  }

  #sendSnapshot(peer: Peer, server: string): void {
    for (const part of this.#directory.snapshot(server)) {
      writePresenceSnapshot(peer.out, part);
    }
  }

  #toPeers(write: (peer: Peer) => void, except?: Peer): void {
    for (const peer of this.#peers.values()) if (peer !== except) write(peer);
  }
}
