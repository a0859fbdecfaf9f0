/**
 * Exchanges presence between servers: changes as they happen, digests of the versions that a server
 * knows, and snapshots of the lists that a peer lacks. Owns the flooding and the requests. The directory
 * owns the merged result. Does not know how links are made.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type Frame,
  MAX_NAMES_PER_FRAME,
  MAX_PROTECTED_PER_FRAME,
  MAX_VERSIONS_PER_FRAME,
  type PresenceChanges,
  PresenceKind,
  type PresenceSnapshot,
  type PresenceVersion,
  type ProtectedName,
  ProtocolError,
  readClock,
  readPresenceChanges,
  readPresenceDigest,
  readPresenceNames,
  readPresenceSnapshot,
  readProtectedNames,
  type UserRecord,
  writeClock,
  writePresenceChanges,
  writePresenceDigest,
  writePresenceNames,
  writePresenceSnapshot,
  writeProtectedNames,
} from "@netlab/protocol/codec";
import type { ProtectedNames } from "../../dedup/protected_names.ts";
import { type Directory, MAX_PARTS } from "../directory.ts";
import { holdsName } from "../locations/same_name.ts";
import type { Context } from "../../host.ts";
import { LIMITS } from "../../limits.ts";
import type { Peer } from "../peer.ts";
import type { SeenNames } from "../../dedup/seen_names.ts";
import { SignedLists } from "./signed_lists.ts";
import { type ListFrame, Snapshots } from "./snapshots.ts";
import { type Opened, otherOrigin, type Statements } from "../statements/statements.ts";
import type { Sources } from "../topology/sources.ts";
import type { Testimony } from "../topology/testimony.ts";

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
  readonly #statements: Statements | undefined;
  /** The lists as their servers have signed them; `undefined` on an open network. */
  readonly #signed: SignedLists | undefined;

  /**
   * Creates the exchange with `peers`.
   *
   * @param names The names that users have had, and those that are protected.
   * @param usersChanged Called with the names of users that an update changed in the directory, and with
   *   names that are new to this server.
   * @param isKnown Returns whether a server, by its id, announces links. Users of others make room for those of
   *   such a server, and are forgotten soon: nobody would say when.
   * @param statements Signs for this server; `undefined` on an open network.
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
    statements: Statements | undefined,
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#statements = statements;
    const signed = this.#signed = statements && new SignedLists(context.id, directory, statements);
    this.#snapshots = new Snapshots(
      (server) =>
        signed
          ? signed.framesOf(server).map((frame): ListFrame => (out) => out.forward(frame, 0))
          : unsignedFrames(directory, server),
      context,
    );
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

  /** Announces a change of this server's users to all servers; on a network with keys, at the next flush. */
  publish(changes: PresenceChanges): void {
    if (this.#signed) return this.#signed.add(changes);
    const { server } = changes;
    const frame: ListFrame = (out) => writePresenceChanges(out, changes);
    this.#toPeers((peer) => this.#snapshots.sendChanges(peer, server, frame));
  }

  /** Signs and sends the changes of this server's users, on a network with keys. */
  flush(): void {
    const { id } = this.#context;
    const isSignedAgain = this.#signed?.flush((frame) => {
      this.#toPeers((peer) => {
        this.#snapshots.sendChanges(peer, id, (out) => out.forward(frame, 0));
      });
    });
    if (isSignedAgain) this.#toPeers((peer) => this.#snapshots.send(peer, id));
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

  /** Sends more of what waits, and verifies records of protected names that came from other servers. */
  tick(): void {
    this.#snapshots.tick();
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
        this.#convert(changes.changes, peer.clockAheadMs);
        if (this.#merge(peer, changes)) {
          this.#passChanges(peer, changes, (out) => writePresenceChanges(out, changes));
        }
        return;
      }
      case PresenceKind.Snapshot: {
        const snapshot = readPresenceSnapshot(frame.payload);
        if (!this.#testimony.speaksFor(peer, snapshot.server)) {
          return this.#sources.heard(peer, snapshot.server);
        }
        this.#makeRoomFor(snapshot.server);
        this.#convert(snapshot.users, peer.clockAheadMs);
        if (this.#directory.applySnapshot(snapshot) === "applied") this.#passList(peer, snapshot);
        return;
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
   * Handles a frame of type 8 that another server has signed, whoever has passed it on. Times are by the clock of that
   * server.
   *
   * @throws {ProtocolError} When it is about another server, or its signature is wrong.
   */
  stated(peer: Peer, { origin, inner, frame, verify }: Opened): void {
    const lists = this.#signed!;
    const clockAheadMs = this.#statements!.clockAheadMs.get(origin) ?? 0;
    if (inner.subtype === PresenceKind.Changes) {
      const changes = readPresenceChanges(inner.payload);
      if (changes.server !== origin) throw otherOrigin();
      const last = changes.version + changes.changes.length - 1;
      if (last <= this.#directory.version(origin)) return;
      verify();
      this.#makeRoomFor(origin);
      if (!lists.hasRoomFor(origin, frame.end - frame.start)) return;
      this.#convert(changes.changes, clockAheadMs);
      if (!this.#merge(peer, changes)) return;
      const copy = lists.addChanges(origin, frame);
      this.#passChanges(peer, changes, (out) => out.forward(copy, 0));
    } else if (inner.subtype === PresenceKind.Snapshot) {
      const snapshot = readPresenceSnapshot(inner.payload);
      if (snapshot.server !== origin) throw otherOrigin();
      if (snapshot.parts > MAX_PARTS || !lists.needs(snapshot)) return;
      verify();
      this.#makeRoomFor(origin);
      this.#convert(snapshot.users, clockAheadMs);
      const isNewer = snapshot.version > this.#directory.version(origin);
      if (isNewer && this.#directory.applySnapshot(snapshot) === "old") return;
      if (!lists.addPart(snapshot, frame)) return;
      if (isNewer) this.#passList(peer, snapshot);
      // The users are the same: what is new is only that their server has signed them together.
      else this.#toPeers((other) => this.#snapshots.send(other, origin), peer);
    } else throw notForAll();
  }

  /** Merges changes of another server's users, and asks for those that are missing. Returns whether any are new. */
  #merge(peer: Peer, changes: PresenceChanges): boolean {
    const merge = this.#directory.applyChanges(changes);
    if (merge === "gap") this.#askAfterGap(peer, changes.server);
    return merge === "applied";
  }

  #passChanges(peer: Peer, { server, changes }: PresenceChanges, frame: ListFrame): void {
    this.#toPeers((other) => this.#snapshots.sendChanges(other, server, frame), peer);
    this.#usersChanged(changes.map(({ name }) => name));
  }

  #passList(peer: Peer, { server }: PresenceSnapshot): void {
    this.#gapsAskedAt.delete(server);
    this.#toPeers((other) => this.#snapshots.send(other, server), peer);
    this.#usersChanged([...this.#directory.users(server)].map(({ name }) => name));
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
    this.#signed?.forget(server);
    this.#statements?.clockAheadMs.delete(server);
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
    for (const { server, version } of this.#signed ? [] : versions) {
      if (this.#directory.version(server) <= version) continue;
      if (server === this.#context.id || !this.#testimony.speaksFor(peer, server)) continue;
      this.#directory.doubt(server);
      this.#askAfterGap(peer, server);
    }
    this.#sendNewer(peer, versions);
  }

  /** Converts the times of records from a clock that is ahead to that of this server. */
  #convert(users: readonly UserRecord[], clockAheadMs: number): void {
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
    this.flush();
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

/** The frames of the list of a server on an open network. */
function* unsignedFrames(directory: Directory, server: string): Iterable<ListFrame> {
  for (const part of directory.snapshot(server)) yield (out) => writePresenceSnapshot(out, part);
}

function notForAll(): ProtocolError {
  return new ProtocolError(
    ErrorCode.Malformed,
    "Cannot read the statement: it must be a list of users or changes of one",
  );
}
