/**
 * The network of servers that reach each other over a bus: every other server is one hop away. Owns which servers
 * are alive. `bus_names.ts` owns the names of their users. Does no I/O.
 *
 * @module
 */
import { Connection } from "../connection/connection.ts";
import type { Directory } from "../mesh/directory.ts";
import { Peer } from "../mesh/peer.ts";
import {
  forwardTo,
  type KnownAddresses,
  type NetworkParts,
  type NotReserved,
  type Obstacle,
  type ServerNetwork,
} from "../mesh/server_network.ts";
import { RouteChanges } from "../mesh/topology/route_changes.ts";
import { Testimony } from "../mesh/topology/testimony.ts";
import {
  ErrorCode,
  type Frame,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  hostOf,
  isLoopback,
  NetlabError,
  type PresenceChanges,
  type ProtectedName,
  UserKind,
} from "@netlab/protocol/codec";
import type { Bus, BusEvents, Entry } from "./bus.ts";
import { BusNames } from "./bus_names.ts";
import {
  keyOf,
  readKey,
  readPartition,
  readServer,
  type ServerEntry,
  type UserEntry,
  writeValue,
} from "./entries.ts";
import { readProtected, writeProtected } from "./protected_entries.ts";

/** How often this server tells that it is alive: milliseconds. With a tick every 250 ms, every second tick. */
const BEAT_EVERY_MS = 450;
/** A server that is silent for longer cannot be reached: milliseconds. It is the same in the mesh. */
const SILENT_MS = 2_500;
/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;
/** After this time, the entries of a server that cannot be reached are removed: milliseconds. */
const FORGET_MS = 60_000;
/** How often the topology is told of servers again, before it forgets them: milliseconds. */
const REFRESH_MS = 60_000;
/** How many entries of such a server are removed in a quarter of a second. */
const FORGET_PER_TICK = 100;
/** The most bytes that are sent to another server in one piece: NATS takes 1 MiB unless it is told otherwise. */
const MAX_PIECE_BYTES = 512 * 1024;

/** Another server. */
interface Other {
  entry: ServerEntry | undefined;
  /** The revision of the entry. */
  revision: number;
  /** When it showed a sign of life: milliseconds since 1970. */
  heardAt: number;
  hasLeft: boolean;
  /** How often it has lost the bus. */
  losses: number;
  peer: Peer | undefined;
}

/** What a {@linkcode StarNetwork} needs in addition to the parts of a core. */
export interface StarOptions {
  /** The name of the network. */
  readonly network: string;
  /** Carries frames and the table. */
  readonly bus: Bus;
}

/** Whoever may use the bus is believed. */
class Trust extends Testimony {
  override isBelievedOnAge(): boolean {
    return true;
  }
}

/** A network over a bus. */
export class StarNetwork implements ServerNetwork, BusEvents {
  readonly network: { readonly id: string };
  readonly testimony: Testimony;
  /** Servers do not sign what they say: who may use the bus is believed. */
  readonly signs = false;
  readonly discovery: KnownAddresses = {
    announced() {},
    learn() {},
    isLegacy() {},
    failed() {},
  };
  /** Called when a server is gone, or a partition of what is stored has another server. */
  onPartitions: () => void = () => {};
  readonly #parts: NetworkParts;
  readonly #bus: Bus;
  readonly #names: BusNames;
  readonly #others = new Map<string, Other>();
  readonly #peers = new Map<string, Peer>();
  readonly #partitions = new Map<
    string,
    { readonly server: string | undefined; revision: number }
  >();
  readonly #routeChanges: RouteChanges;
  readonly #startedAt: number;
  /** Peers for whom frames wait. */
  readonly #writing = new Set<Peer>();
  #isSending = false;
  #self: ServerEntry | undefined;
  #selfState: "missing" | "writing" | "written" = "missing";
  #selfRevision = 0;
  #isBlocked = false;
  #refreshedAt: number;
  #version = 0;
  #beatAt = -Infinity;
  #tickedAt: number;

  /** Creates a network in which no other server is known. */
  constructor({ network, bus }: StarOptions, parts: NetworkParts) {
    const { context, topology, costs, events } = this.#parts = parts;
    this.network = { id: network };
    this.#bus = bus;
    this.#startedAt = this.#tickedAt = this.#refreshedAt = context.now;
    this.testimony = new Trust(context, topology, this.#peers, () => false);
    this.#names = new BusNames(bus, {
      self: context.id,
      reaches: (server) => topology.reaches(server),
      isGone: (server) => this.isGone(server),
      moved: (name, before, now) => this.#moved(name, before, now),
    });
    this.#routeChanges = new RouteChanges(context, topology, costs, {
      ...events,
      reached: (server) => this.testimony.reached(server),
      lost: (server) => this.testimony.lost(server),
      turned: () => {},
    });
    this.#link();
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  nextHop(server: string): Peer | undefined {
    return this.#peers.get(server);
  }

  forward(server: string, frame: Frame, from: Connection): Peer | Obstacle {
    return forwardTo(this.nextHop(server), frame, from, this.#parts);
  }

  addressesFor(asker?: Connection): string[] {
    return [...this.#peers.values()].map(({ address }) => address)
      .filter((address) => !(asker?.isElsewhere && isLoopback(address)));
  }

  reserve(
    user: Parameters<ServerNetwork["reserve"]>[0],
    done: (reason?: NotReserved) => void,
  ): void {
    this.#names.reserve(user, this.#parts.context.now, done);
  }

  release(user: Parameters<ServerNetwork["release"]>[0]): void {
    this.#names.release(user);
  }

  publish({ changes }: PresenceChanges): void {
    for (const user of changes) this.#names.publish(user, this.#parts.context.now);
  }

  publishProtected(record: ProtectedName): void {
    const key = keyOf("protected", record.name);
    const value = writeProtected(record);
    const write = (revision: number) =>
      this.#bus.write(key, value, revision, (written) => {
        if (written !== "conflict") return;
        this.#bus.read(key, (entry) => {
          const other = entry?.value && readProtected(entry.value);
          if (entry && !(other && other.version >= record.version)) write(entry.revision);
        });
      });
    write(0);
  }

  /**
   * Announces this server to the others.
   *
   * @param capabilities What it can do: words of `Capability`.
   */
  announce(capabilities: readonly string[]): void {
    this.#self = { address: this.#parts.context.address, capabilities };
    this.#writeSelf();
  }

  /** Returns whether a server, by its id, is gone: it has left, or has been silent for too long. */
  isGone(server: string): boolean {
    const { id, now } = this.#parts.context;
    if (server === id) return false;
    const other = this.#others.get(server);
    if (other?.hasLeft) return true;
    return now - Math.max(other?.heardAt ?? 0, this.#startedAt) > SILENT_MS;
  }

  /** Returns the partitions of what is stored, and the id of the server that delivers what is in each. */
  *partitions(): Iterable<readonly [partition: string, server: string]> {
    for (const [partition, { server }] of this.#partitions) {
      if (server !== undefined) yield [partition, server];
    }
  }

  /** Adds a partition that was found without an entry. The server that created it is said to have it. */
  found(partition: string, server: string): void {
    if (this.#partitions.get(partition)?.server !== undefined) return;
    this.#partitions.set(partition, { server, revision: 0 });
  }

  /**
   * Makes this server the one that has a partition, unless another server was faster.
   *
   * @param done Called with whether it has the partition.
   */
  take(partition: string, done: (isTaken: boolean) => void): void {
    const key = keyOf("partition", partition);
    const { id } = this.#parts.context;
    const revision = this.#partitions.get(partition)?.revision ?? 0;
    this.#bus.write(key, writeValue(id), revision, (written) => {
      if (typeof written === "object") {
        this.#partitions.set(partition, { server: id, revision: written.revision });
        return done(true);
      }
      // What failed may have been written all the same.
      this.#bus.read(key, (entry) => {
        if (!entry) return done(false);
        // The bus may have lost an entry that was there. Then it takes one that is new.
        const { value } = entry;
        const server = value ? readPartition(value) : this.#partitions.get(partition)?.server;
        const next = entry.revision === revision ? 0 : entry.revision;
        this.#partitions.set(partition, { server, revision: next });
        done(server === id);
      });
    });
  }

  /** Gives an empty partition up whose server is gone. */
  drop(partition: string): void {
    const { revision } = this.#partitions.get(partition) ?? {};
    if (revision === undefined) return;
    this.#bus.write(keyOf("partition", partition), undefined, revision, () => {});
  }

  tick(): void {
    const { now } = this.#parts.context;
    const sinceTick = now - this.#tickedAt;
    this.#tickedAt = now;
    if (sinceTick > MAX_TICK_GAP_MS) {
      for (const other of this.#others.values()) other.heardAt += sinceTick;
    }
    if (now - this.#beatAt >= BEAT_EVERY_MS) {
      this.#beatAt = now;
      this.#bus.beat();
    }
    for (const [server, other] of this.#others) {
      other.peer?.failureDetector.look(now - other.heardAt);
      if (other.peer && now - other.heardAt > SILENT_MS) {
        this.#parts.context.logger.warn("no heartbeat from {address}", {
          event: "link.silent",
          address: other.peer.address,
        });
        this.#unlink(server, other);
      }
    }
    this.#writeSelf();
    this.#names.tick(now);
    this.#forgetOne();
    if (now - this.#refreshedAt >= REFRESH_MS) {
      this.#refreshedAt = now;
      this.#link();
      this.#parts.topology.forget(now);
    }
    this.#routeChanges.tick();
  }

  costsChanged(): void {}

  flush(): void {
    this.#routeChanges.flush();
  }

  tell(_server: string, next: Peer, write: (out: FrameWriter) => void): void {
    write(next.out);
  }

  flushStatements(): void {}

  stated(): void {
    throw new NetlabError(
      ErrorCode.UnknownType,
      "Cannot take a signed frame: servers on this network do not sign",
    );
  }

  received(_connection: Connection, frame: Frame): void {
    if (frame.type === FrameType.Registration) {
      throw new NetlabError(
        ErrorCode.OtherNetwork,
        `Cannot link to ${this.#parts.context.address}: it reaches other servers over NATS; start the other ` +
          "server with the same --nats",
        { fatal: true },
      );
    }
    // Capabilities and presence are in the table.
  }

  closed(): void {}

  drained(): void {}

  close(): void {
    this.#bus.leave();
    const { id } = this.#parts.context;
    if (this.#self) this.#bus.write(keyOf("server", id), undefined, -1, () => {});
    this.#self = undefined;
  }

  frames(from: string, frames: Uint8Array): void {
    const other = this.#heard(from);
    if (other?.peer) this.#parts.events.arrived(other.peer.connection, frames);
  }

  beat(from: string, losses: number): void {
    const other = this.#others.get(from);
    // What was in flight to it is sent again over a new route.
    if (other?.peer && other.losses !== losses) this.#unlink(from, other);
    const heard = this.#heard(from);
    if (heard) heard.losses = losses;
  }

  lost(): void {
    for (const [server, other] of this.#others) this.#unlink(server, other);
    this.flush();
  }

  left(from: string): void {
    const other = this.#others.get(from);
    if (!other) return;
    other.hasLeft = true;
    this.#unlink(from, other);
    this.onPartitions();
  }

  changed(key: string, entry: Entry): void {
    const { kind, subject } = readKey(key) ?? {};
    if (subject === undefined) return;
    if (kind === "user") return this.#names.changed(subject, entry);
    if (kind === "server") return this.#serverChanged(subject, entry);
    if (kind === "partition") {
      const before = this.#partitions.get(subject);
      if (before?.revision === entry.revision) return;
      const server = entry.value && readPartition(entry.value);
      if (server === undefined) this.#partitions.delete(subject);
      else this.#partitions.set(subject, { server, revision: entry.revision });
      return this.onPartitions();
    }
    const record = entry.value && readProtected(entry.value);
    if (record) this.#parts.names.protected.take(record, false, this.#parts.context.now);
  }

  ready(): void {
    this.#isBlocked = false;
    this.#send();
  }

  #serverChanged(server: string, { value, revision }: Entry): void {
    const { id, now } = this.#parts.context;
    if (server === id) {
      // Another server may have taken this one for gone, and removed its entry.
      if (revision === this.#selfRevision) return;
      this.#selfRevision = revision;
      if (!value && this.#selfState === "written") this.#selfState = "missing";
      return;
    }
    const other = this.#other(server);
    if (revision === other.revision) return;
    other.revision = revision;
    other.entry = value && readServer(value);
    if (!other.entry) {
      other.hasLeft = true;
      this.#unlink(server, other);
      this.#parts.directory.forget(server);
      return this.onPartitions();
    }
    other.hasLeft = false;
    if (now - other.heardAt <= SILENT_MS && !other.hasLeft) this.#linkTo(server, other);
    // So that a new server learns soon that this one is alive.
    else this.#bus.beat();
  }

  /** Writes the entry of this server, unless it is there. */
  #writeSelf(): void {
    if (!this.#self || this.#selfState !== "missing") return;
    this.#selfState = "writing";
    const key = keyOf("server", this.#parts.context.id);
    this.#bus.write(key, writeValue(this.#self), this.#selfRevision, (written) => {
      if (typeof written === "object") {
        this.#selfRevision = written.revision;
        this.#selfState = "written";
        return this.#bus.beat();
      }
      this.#bus.read(key, (entry) => {
        if (entry) this.#selfRevision = entry.revision;
        this.#selfState = entry?.value ? "written" : "missing";
      });
    });
  }

  /** A sign of life of another server. */
  #heard(server: string): Other | undefined {
    const { id, now } = this.#parts.context;
    if (server === id) return undefined;
    const other = this.#other(server);
    other.heardAt = now;
    if (other.peer) other.peer.connection.heardAt = now;
    else if (other.entry && !other.hasLeft) this.#linkTo(server, other);
    return other;
  }

  #other(server: string): Other {
    let other = this.#others.get(server);
    if (!other) {
      other = {
        entry: undefined,
        revision: 0,
        heardAt: -Infinity,
        hasLeft: false,
        losses: 0,
        peer: undefined,
      };
      this.#others.set(server, other);
    }
    return other;
  }

  #linkTo(server: string, other: Other): void {
    const { context } = this.#parts;
    const { address, capabilities } = other.entry!;
    if (other.peer) return;
    const out = new FrameWriter({ onFirstByte: () => this.#sendSoon(peer) });
    const transport = { out, pause() {}, resume() {}, end() {}, close() {}, abort() {} };
    const connection = new Connection(transport, hostOf(address), address, context.now);
    const peer: Peer = new Peer(connection, server, address, context.now);
    peer.setCapabilities(new Set(capabilities));
    connection.party = peer;
    other.peer = peer;
    this.#peers.set(server, peer);
    context.logger.info("linked to {address}", { event: "link.up", address });
    this.#link();
  }

  #unlink(server: string, other: Other): void {
    const { peer } = other;
    if (!peer) return;
    other.peer = undefined;
    this.#peers.delete(server);
    this.#writing.delete(peer);
    this.#parts.context.logger.info("lost the link to {address}", {
      event: "link.down",
      address: peer.address,
    });
    this.#link();
    this.onPartitions();
  }

  /** Puts the servers that can be reached into the topology: each has a link to this one. */
  #link(): void {
    const { topology, context: { id, now, address } } = this.#parts;
    const version = ++this.#version;
    const servers = [...this.#peers.keys()];
    const links = servers.map((server) => ({ server, cost: 1 }));
    topology.replace({ server: id, version, address, links }, now, id, now);
    for (const [server, peer] of this.#peers) {
      const state = { server, version, address: peer.address, links: [{ server: id, cost: 1 }] };
      topology.replace(state, now, id, now);
    }
    // A server that is lost and found at once has a new route then.
    topology.routes();
    this.#routeChanges.compareSoon();
  }

  /** Changes the directory when a user of another server has joined, left or moved. */
  #moved(name: string, before: UserEntry | undefined, now: UserEntry | undefined): void {
    const { directory, names, context: { id }, events } = this.#parts;
    if (before && before.server !== id && before.server !== now?.server) {
      change(directory, before.server, { name, ...recordOf(before), kind: UserKind.Gone });
    }
    if (now && now.server !== id) change(directory, now.server, { name, ...recordOf(now) });
    names.seen.add(name);
    events.usersChanged([name]);
  }

  /** Removes the entries of a server that has been gone for long. The server with the lowest id does it. */
  #forgetOne(): void {
    const { context: { id, now }, directory } = this.#parts;
    if (now - this.#startedAt < FORGET_MS) return;
    for (const peer of this.#peers.keys()) if (peer < id) return;
    for (const [server, other] of this.#others) {
      if (other.peer || (!other.hasLeft && now - other.heardAt < FORGET_MS)) continue;
      if (!this.#names.forget(server, FORGET_PER_TICK)) return;
      if (other.entry) {
        this.#bus.write(keyOf("server", server), undefined, other.revision, () => {});
      } else {
        this.#others.delete(server);
        directory.forget(server);
      }
      return;
    }
  }

  #sendSoon(peer: Peer): void {
    this.#writing.add(peer);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#parts.context.host.soon(() => {
      this.#isSending = false;
      this.#send();
    });
  }

  /** Sends what waits for other servers, as much as the bus takes. */
  #send(): void {
    for (const peer of this.#writing) {
      if (this.#isBlocked) return;
      const { out, server } = peer;
      this.#writing.delete(peer);
      const bytes = out.take();
      for (const piece of pieces(bytes)) this.#isBlocked = !this.#bus.send(server, piece);
      out.recycle(bytes);
      this.#parts.events.drained(peer.connection);
    }
  }
}

function recordOf({ kind, session, since }: UserEntry): Omit<UserEntry, "server"> {
  return { kind, session, since };
}

/** Changes one user of another server. */
function change(directory: Directory, server: string, user: PresenceChanges["changes"][0]): void {
  if (directory.version(server) < 0) {
    directory.applySnapshot({ server, version: 0, part: 0, parts: 1, users: [] });
  }
  directory.applyChanges({ server, version: directory.version(server) + 1, changes: [user] });
}

/** Divides whole frames into pieces of whole frames that the bus takes. */
function* pieces(bytes: Uint8Array): Iterable<Uint8Array> {
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const next = at + HEADER_BYTES + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (next - start > MAX_PIECE_BYTES) {
      yield bytes.subarray(start, at);
      start = at;
    }
    at = next;
  }
  if (bytes.length > start) yield bytes.subarray(start);
}
