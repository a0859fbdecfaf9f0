/**
 * Exchanges presence between servers: changes as they happen, digests of the versions that a server
 * knows, and snapshots of the lists that a peer lacks. Owns the flooding and the requests. The directory
 * owns the merged result. Does not know how links are made.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  MAX_NAMES_PER_FRAME,
  MAX_PROTECTED_PER_FRAME,
  MAX_VERSIONS_PER_FRAME,
  type PresenceChanges,
  PresenceKind,
  type PresenceVersion,
  type ProtectedName,
  readClock,
  readPresenceChanges,
  readPresenceDigest,
  readPresenceNames,
  readPresenceSnapshot,
  readProtectedNames,
  type UserRecord,
  writeClock,
  writePresenceDigest,
  writePresenceNames,
  writeProtectedNames,
} from "@netlab/protocol/codec";
import type { ProtectedNames } from "../dedup/protected_names.ts";
import type { Directory } from "./directory.ts";
import { holdsName } from "./locations/same_name.ts";
import type { Context } from "../host.ts";
import { LIMITS } from "../limits.ts";
import type { Peer } from "./peer.ts";
import type { SeenNames } from "../dedup/seen_names.ts";
import { Snapshots } from "./snapshots.ts";
import type { Sources } from "./topology/sources.ts";
import type { Testimony } from "./topology/testimony.ts";

/** How long to wait for a snapshot before asking again: milliseconds. */
const ASK_AGAIN_MS = 500;

/** How many records of protected names are verified in a quarter of a second: each takes about 0.2 ms. */
const VERIFIED_PER_TICK = 50;

/** The names that servers tell each other. */
export interface KnownNames {
  /** The names that users have had. */
  readonly seen: SeenNames;
  /** The names that are protected by a secret. */
  readonly protected: ProtectedNames;
}

/** Exchanges the users of all servers with the peers. */
export class Presence {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #names: SeenNames;
  readonly #protected: ProtectedNames;
  /** Records of protected names that wait to be verified, and who sent them. */
  readonly #unverified: [record: ProtectedName, from: Peer][] = [];
  /** How many may be verified before the next tick. */
  #mayVerify = VERIFIED_PER_TICK;
  readonly #testimony: Testimony;
  readonly #sources: Sources;
  readonly #usersChanged: (names: Iterable<string>) => void;
  readonly #isKnown: (server: string) => boolean;
  readonly #gapsAskedAt = new Map<string, number>();
  readonly #snapshots: Snapshots;

  /**
   * Creates the exchange with `peers`.
   *
   * @param names The names that users have had, and those that are protected.
   * @param usersChanged Called with the names of users that an update changed in the directory, and with
   *   names that are new to this server.
   * @param isKnown Returns whether a server, by its id, announces links. Users of others make room for those of
   *   such a server, and are forgotten soon: nobody would say when.
   */
  constructor(
    context: Context,
    directory: Directory,
    peers: ReadonlyMap<string, Peer>,
    names: KnownNames,
    testimony: Testimony,
    sources: Sources,
    usersChanged: (names: Iterable<string>) => void,
    isKnown: (server: string) => boolean,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#snapshots = new Snapshots(directory);
    this.#peers = peers;
    this.#names = names.seen;
    this.#protected = names.protected;
    this.#testimony = testimony;
    this.#sources = sources;
    this.#usersChanged = usersChanged;
    this.#isKnown = isKnown;
  }

  /**
   * Sends the clock of this server. It must be the first frame of presence on a link, because the times in
   * all others are converted with it.
   */
  sendClock(peer: Peer): void {
    writeClock(peer.out, Math.round(this.#context.now));
  }

  /** Announces a change of this server's users to all servers. */
  publish(changes: PresenceChanges): void {
    this.#toPeers((peer) => this.#snapshots.sendChanges(peer, changes));
  }

  /** Sends more of what waits for a peer. Call it when the link has sent everything. */
  drained(peer: Peer): void {
    this.#snapshots.continue(peer);
  }

  /** Forgets what waits for a peer whose link has ended. */
  closed(peer: Peer): void {
    this.#snapshots.closed(peer);
  }

  /** Sends the versions that are known here, so that the peer sends what is newer, of the servers that it may speak for. */
  sendDigest(peer: Peer): void {
    this.#sources.tell(peer);
    const versions = this.#directory.versions().slice(0, MAX_VERSIONS_PER_FRAME);
    writePresenceDigest(peer.out, versions);
  }

  /** Sends the names that users have had, if the peer reads them. */
  sendNames(peer: Peer): void {
    if (!peer.capabilities.has(Capability.Names)) return;
    this.#writeNames(peer, this.#names.newest(LIMITS.sharedNames.default));
    this.#writeProtected(peer, [...this.#protected.all()]);
  }

  /** Tells all servers about protected names. */
  publishProtected(records: readonly ProtectedName[], except?: Peer): void {
    this.#toPeers((peer) => this.#writeProtected(peer, records), except);
  }

  /** Verifies the records of protected names that came from other servers, so many at a time. */
  tick(): void {
    this.#mayVerify = VERIFIED_PER_TICK;
    this.#verify();
  }

  #verify(): void {
    const records = this.#unverified.splice(0, this.#mayVerify);
    this.#mayVerify -= records.length;
    for (const [record, from] of records) {
      if (!this.#mayProtect(record.name, from)) continue;
      const taken = this.#protected.take(record, false, this.#context.now);
      if (taken === "added") this.publishProtected([record], from);
    }
  }

  /**
   * Returns whether a peer may say that a name is protected: not if a user has it at a server for which the peer
   * does not speak. Anybody could lock that user out otherwise.
   */
  #mayProtect(name: string, from: Peer): boolean {
    for (const { server, user } of this.#directory.located.find(name)) {
      if (!holdsName(user) || !this.#testimony.isReached(server)) continue;
      if (!this.#testimony.speaksFor(from, server)) return false;
    }
    return true;
  }

  /** Handles a frame of type 8. */
  received(peer: Peer, frame: Frame): void {
    switch (frame.subtype) {
      case PresenceKind.Clock:
        peer.clockAheadMs = readClock(frame.payload) - Math.round(this.#context.now);
        return;
      case PresenceKind.Unneeded:
        return this.#sources.received(peer, frame);
      case PresenceKind.Digest:
        return this.#digest(peer, readPresenceDigest(frame.payload));
      case PresenceKind.Changes: {
        const changes = readPresenceChanges(frame.payload);
        if (!this.#testimony.speaksFor(peer, changes.server)) {
          return this.#sources.heard(peer, changes.server);
        }
        this.#makeRoomFor(changes.server);
        this.#convert(changes.changes, peer);
        const merge = this.#directory.applyChanges(changes);
        if (merge === "gap") this.#askAfterGap(peer, changes.server);
        if (merge !== "applied") return;
        this.#toPeers((other) => this.#snapshots.sendChanges(other, changes), peer);
        return this.#usersChanged(changes.changes.map(({ name }) => name));
      }
      case PresenceKind.Snapshot: {
        const snapshot = readPresenceSnapshot(frame.payload);
        if (!this.#testimony.speaksFor(peer, snapshot.server)) {
          return this.#sources.heard(peer, snapshot.server);
        }
        this.#makeRoomFor(snapshot.server);
        this.#convert(snapshot.users, peer);
        if (this.#directory.applySnapshot(snapshot) !== "applied") return;
        this.#gapsAskedAt.delete(snapshot.server);
        this.#toPeers((other) => this.#snapshots.send(other, snapshot.server), peer);
        return this.#usersChanged(
          [...this.#directory.users(snapshot.server)].map(({ name }) => name),
        );
      }
      case PresenceKind.Names: {
        const names = readPresenceNames(frame.payload).filter((name) => this.#names.add(name));
        if (names.length === 0) return;
        this.#toPeers((other) => this.#writeNames(other, names), peer);
        return this.#usersChanged(names);
      }
      case PresenceKind.Protected:
        for (const record of readProtectedNames(frame.payload)) {
          if (this.#protected.knows(record)) continue;
          if (this.#unverified.length >= LIMITS.protectedNames.default) break;
          this.#unverified.push([record, peer]);
        }
        this.#verify();
    }
  }

  /**
   * Asks for the users of a reachable server if they are unknown here. A server sends only changes by
   * itself.
   */
  askIfUnknown(peer: Peer, server: string): void {
    if (this.#directory.version(server) < 0) this.#askAfterGap(peer, server);
  }

  /** Forgets the users of a server that has been unreachable for too long. */
  forget(server: string): void {
    this.#directory.forget(server);
    this.#gapsAskedAt.delete(server);
  }

  /** Forgets the users of all servers that are not known. */
  forgetUnknown(): void {
    for (const server of this.#directory.servers()) {
      if (server !== this.#context.id && !this.#isKnown(server)) this.forget(server);
    }
    for (const server of this.#gapsAskedAt.keys()) {
      if (!this.#isKnown(server)) this.#gapsAskedAt.delete(server);
    }
  }

  #makeRoomFor(server: string): void {
    if (!this.#directory.hasRoomFor(server) && this.#isKnown(server)) this.forgetUnknown();
  }

  /**
   * Answers a digest. A lower version than is known here, from the peer that may speak about that server, shows
   * that what is known here is false.
   */
  #digest(peer: Peer, versions: readonly PresenceVersion[]): void {
    for (const { server, version } of versions) {
      if (this.#directory.version(server) <= version) continue;
      if (server === this.#context.id || !this.#testimony.speaksFor(peer, server)) continue;
      this.#directory.doubt(server);
      this.#askAfterGap(peer, server);
    }
    this.#sendNewer(peer, versions);
  }

  /** Converts the times of records from the clock of a peer to that of this server. */
  #convert(users: readonly UserRecord[], { clockAheadMs }: Peer): void {
    const latest = Math.round(this.#context.now);
    for (const user of users) {
      user.since = Math.min(Math.max(0, user.since - clockAheadMs), latest);
    }
  }

  /** Asks for the updates that are missing, unless they were requested a moment ago. */
  #askAfterGap(peer: Peer, server: string): void {
    const now = this.#context.now;
    if (now - (this.#gapsAskedAt.get(server) ?? -Infinity) < ASK_AGAIN_MS) return;
    if (this.#gapsAskedAt.size >= LIMITS.servers.default) this.#gapsAskedAt.clear();
    this.#gapsAskedAt.set(server, now);
    this.sendDigest(peer);
  }

  /**
   * Sends the snapshots that are newer than the peer's versions. This includes unreachable servers: when
   * they return unchanged, they announce nothing.
   */
  #sendNewer(peer: Peer, versions: readonly PresenceVersion[]): void {
    const peerVersions = new Map(versions.map(({ server, version }) => [server, version]));
    for (const { server, version } of this.#directory.versions()) {
      if (version > (peerVersions.get(server) ?? -1)) this.#snapshots.send(peer, server);
    }
  }

  #writeNames(peer: Peer, names: readonly string[]): void {
    if (!peer.capabilities.has(Capability.Names)) return;
    for (let at = 0; at < names.length; at += MAX_NAMES_PER_FRAME) {
      writePresenceNames(peer.out, names.slice(at, at + MAX_NAMES_PER_FRAME));
    }
  }

  #writeProtected(peer: Peer, records: readonly ProtectedName[]): void {
    if (!peer.capabilities.has(Capability.Secret)) return;
    for (let at = 0; at < records.length; at += MAX_PROTECTED_PER_FRAME) {
      writeProtectedNames(peer.out, records.slice(at, at + MAX_PROTECTED_PER_FRAME));
    }
  }

  #toPeers(write: (peer: Peer) => void, except?: Peer): void {
    for (const peer of this.#peers.values()) if (peer !== except) write(peer);
  }
}
