/**
 * The routing core: everything that a messaging server decides, without a socket, timer, clock or source
 * of randomness. It is told what happened, and writes to connections. Puts the parts of the core together
 * and passes them what happens; what each part does is in its own folder, and `dispatch.ts` says which part
 * handles which frame.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  formatLoad,
  Frame,
  MAX_PAYLOAD_BYTES,
  NetlabError,
  ProtocolError,
  readFrames,
  writeMoveRequest,
} from "@netlab/protocol/codec";
import { BackPressure } from "./back_pressure.ts";
import { BatchFastPath } from "./routing/batch_fast_path.ts";
import { Connection } from "./connection.ts";
import type { Context } from "./host.ts";
import { Directory } from "./mesh/directory.ts";
import { Dispatch } from "./dispatch.ts";
import { everyLinkOne } from "./mesh/link_costs.ts";
import type { ServerCore } from "./frame_rule.ts";
import { Handoff } from "./durable/handoff.ts";
import { Inbound } from "./durable/inbound.ts";
import { LegacyServers } from "./legacy/legacy_servers.ts";
import { LocalDelivery } from "./routing/local_delivery.ts";
import { Locations } from "./mesh/locations.ts";
import type { Logger } from "./logger.ts";
import { Mailbox } from "./mailbox/mailbox.ts";
import { memoryStore } from "./mailbox/message_store.ts";
import { Mesh } from "./mesh/mesh.ts";
import { MessageFastPath } from "./routing/message_fast_path.ts";
import { MessageLog } from "./message_log.ts";
import { nameFactors, NameTable } from "./dedup/name_table.ts";
import { Outbound } from "./durable/outbound.ts";
import { Peer } from "./mesh/peer.ts";
import { ReceiptQueries } from "./durable/receipt_queries.ts";
import { Receipts } from "./durable/receipts.ts";
import { Router } from "./routing/router.ts";
import type { RoutingCoreOptions } from "./routing_core_options.ts";
import { SeenMessages } from "./dedup/seen_messages.ts";
import { Topology } from "./mesh/topology.ts";
import type { Transport } from "./transport.ts";
import { User } from "./users/user.ts";
import { UserRegistry } from "./users/registry.ts";

/** A connection that has not registered may be silent for this long: milliseconds. */
const UNREGISTERED_MS = 60_000;
/** How often such connections are looked for: milliseconds. */
const LOOK_EVERY_MS = 1_000;

const encoder = new TextEncoder();

/** A messaging server without its sockets. Call {@linkcode RoutingCore.tick} every 250 ms or so. */
export class RoutingCore implements ServerCore {
  /** This server's users. */
  readonly users: UserRegistry;
  /** Where the users of all servers are. */
  readonly locations: Locations;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** The routes to other servers. */
  readonly topology: Topology;
  readonly #context: Context;
  readonly #backPressure = new BackPressure();
  readonly #legacy: LegacyServers;
  readonly #mailbox: Mailbox;
  readonly #receipts: Receipts;
  readonly #outbound: Outbound;
  readonly #handoff: Handoff;
  readonly #messageFastPath: MessageFastPath;
  readonly #batchFastPath: BatchFastPath;
  /** By the names of recipients: the users of this server, and the next hops to others. */
  readonly #routes: NameTable<User | Peer>;
  readonly #dispatch: Dispatch;
  /** Connections that were not dialled. */
  readonly #accepted = new Set<Connection>();
  /** Names about which something changed since the last flush. */
  readonly #changedNames = new Set<string>();
  #routesChanged = false;
  #isCommitting = false;
  #lookedAt = 0;

  /** A server that knows no other server and no user. */
  constructor(options: RoutingCoreOptions) {
    const { id, address, host, logger, now, limits = {}, store = memoryStore } = options;
    const messageLog = new MessageLog(logger, options.logMessages ?? false);
    const context: Context = { id, address, host, logger, messageLog, now };
    this.#context = context;
    const factors = nameFactors(host.random);
    const routes = this.#routes = new NameTable(factors);
    const topology = this.topology = new Topology(id);
    const directory = new Directory(id, (name) => routes.delete(encoder.encode(name)));
    const locations = this.locations = new Locations(id, directory, topology);
    const onChange = (name: string) => void this.#changedNames.add(name);
    const costs = options.costs ?? everyLinkOne;
    const backPressure = this.#backPressure;
    const mesh = this.mesh = new Mesh(
      context,
      options.peers,
      topology,
      directory,
      costs,
      backPressure,
      {
        usersChanged: (users) => {
          for (const { name } of users) this.#changedNames.add(name);
        },
        routesChanged: () => {
          this.#routesChanged = true;
          routes.clear();
        },
        // Two halves of a network that find each other may both have users of one name.
        reachGrew: () => {
          for (const { name } of this.users.local()) this.#changedNames.add(name);
        },
        foundLegacy: (connection) => this.#legacy.adopt(connection),
      },
    );
    const users = new UserRegistry(context, directory, locations, topology, mesh, onChange);
    this.users = users;
    const legacy = new LegacyServers(context, directory, mesh, locations, onChange);
    this.#legacy = legacy;
    const mailbox = this.#mailbox = new Mailbox({ store, limits, factors });
    const receipts = this.#receipts = new Receipts(context, users, locations, mesh);
    const seen = new SeenMessages(factors, host.random);
    const localDelivery = new LocalDelivery(context, backPressure, seen, factors, host.random);
    const router = new Router(context, {
      users,
      locations,
      mesh,
      legacy,
      localDelivery,
      receipts,
      routes,
      takeSingles: (connection, frames) => this.#takeSingles(connection, frames),
    });
    const handoff = this.#handoff = new Handoff(context, { mailbox, mesh, topology, receipts });
    const inbound = new Inbound(context, {
      users,
      mesh,
      mailbox,
      localDelivery,
      router,
      legacy,
      receipts,
      handoff,
      onReceipt: () => this.#finish(),
    });
    const outbound = this.#outbound = new Outbound(context, {
      mailbox,
      users,
      locations,
      mesh,
      topology,
      localDelivery,
      inbound,
      handoff,
      receipts,
    });
    const queries = new ReceiptQueries(context, {
      mesh,
      topology,
      mailbox,
      localDelivery,
      receipts,
    });
    const parts = { router, inbound, outbound, receipts, queries, legacy, locations };
    this.#dispatch = new Dispatch(this, parts, options.rules ?? new Map());
    this.#messageFastPath = new MessageFastPath(routes, seen);
    this.#batchFastPath = new BatchFastPath(routes, seen);
  }

  /** This server's id, a UUID. */
  get id(): string {
    return this.#context.id;
  }

  /** Where others reach this server, `host:port`. */
  get address(): string {
    return this.#context.address;
  }

  /** Takes the log lines of the server. */
  get logger(): Logger {
    return this.#context.logger;
  }

  /** The addresses of all servers within reach, this one's first: `host:port` each. */
  servers(): string[] {
    const addresses = [this.#context.address];
    for (const server of this.topology.routes().keys()) {
      addresses.push(this.topology.get(server)!.address);
    }
    addresses.push(...this.#legacy.addresses());
    return addresses;
  }

  /** What this server says it can do: words of `Capability`. */
  capabilities(): string[] {
    const words: string[] = [Capability.Session, Capability.Peer, Capability.Batch];
    words.push(...this.#dispatch.capabilities(), formatLoad(this.users.count));
    return words;
  }

  /** Sets the time: milliseconds since 1970. An earlier time than before has no effect. */
  setTime(now: number): void {
    this.#context.now = Math.max(now, this.#context.now);
  }

  /** Does what is due at the time `now`: milliseconds since 1970. */
  tick(now: number): void {
    this.setTime(now);
    this.mesh.tick();
    this.#legacy.tick();
    this.users.tick();
    this.#backPressure.tick(this.#context.now);
    this.#outbound.tick();
    this.#receipts.tick();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      for (const connection of this.#accepted) {
        if (connection.isUnregistered && now - connection.heardAt > UNREGISTERED_MS) {
          connection.close();
        }
      }
    }
    this.#dispatch.tick(this.#context.now);
    this.flush();
  }

  /**
   * A party has connected.
   *
   * @param remoteHost The party's host, as it is written in addresses.
   */
  accepted(transport: Transport, remoteHost: string): Connection {
    const connection = new Connection(transport, remoteHost, undefined, this.#context.now);
    this.#accepted.add(connection);
    return connection;
  }

  /**
   * Takes ephemeral messages from the buffer in which they were read, as many as nothing is unusual about.
   * It may write where those lie. Calling it is an optimization: it makes no other difference.
   *
   * @returns Where the first frame begins that it leaves to {@linkcode RoutingCore.received}.
   */
  run(connection: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (this.#context.messageLog.enabled) return start;
    let at = start;
    for (let before = -1; at > before;) {
      before = at;
      at = this.#messageFastPath.run(connection, bytes, at, end);
      at = this.#batchFastPath.run(connection, bytes, at, end);
    }
    if (at > start) this.#heard(connection);
    return at;
  }

  /** A frame came in. It is valid until this returns. */
  received(connection: Connection, frame: Frame): void {
    this.#heard(connection);
    try {
      this.#dispatch.handle(connection, frame);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      this.#reject(connection, error);
    }
  }

  /** All frames that came in together have been handed to the core: what was gathered is sent. */
  flush(): void {
    this.mesh.flush();
    // A name whose user was at a server that is gone may belong to a legacy server's user now.
    if (this.#routesChanged) this.#legacy.reachChanged();
    if (this.#changedNames.size > 0) {
      this.#legacy.changed(this.#changedNames);
      const names = [...this.#changedNames];
      this.#changedNames.clear();
      this.users.resolve(names);
      for (const name of names) {
        this.#outbound.userChanged(name);
        this.#receipts.userChanged(name);
      }
    }
    if (this.#routesChanged) {
      this.#routesChanged = false;
      this.#outbound.routesChanged();
    }
    this.#outbound.settle();
    if (!this.#mailbox.durable) this.#outbound.commit();
    else if (this.#mailbox.dirty && !this.#isCommitting) {
      // One transaction, and one wait for the disk, for all that came from all connections.
      this.#isCommitting = true;
      this.#context.host.soon(() => this.commit());
    }
    this.#finish();
  }

  /** Writes new messages down, and tells and sends what follows from that. */
  commit(): void {
    this.#isCommitting = false;
    this.#outbound.commit();
    this.#finish();
  }

  /** Nothing waits to be written on a connection any more. */
  drained(connection: Connection): void {
    this.#backPressure.release(connection, this.#context.now);
    this.#outbound.drained();
    this.#finish();
  }

  /** The other side broke the protocol: it is told, and the connection ends. */
  violated(connection: Connection, error: ProtocolError): void {
    this.#reject(connection, error);
  }

  /** A connection has ended, or its other side will send no more. Calling it twice does nothing. */
  closed(connection: Connection): void {
    // Most ends are reported twice: of one half, and of both. Dialled connections are few.
    if (!this.#accepted.delete(connection) && connection.dialled === undefined) return;
    this.#backPressure.release(connection, this.#context.now);
    this.users.leave(connection);
    this.mesh.closed(connection);
    this.#legacy.closed(connection);
    this.flush();
  }

  /**
   * Prepares to leave: takes no new users, asks those that are here to move to other servers, and hands
   * the stored messages off to one of them. Does nothing when there is no other server.
   */
  drain(): void {
    const routes = [...this.topology.routes()].sort(([, a], [, b]) => a.cost - b.cost);
    if (routes.length === 0) return;
    this.users.closed = true;
    const servers = routes.map(([server]) => this.topology.get(server)!.address);
    for (const { out, readsText } of this.users.local()) {
      if (!readsText) writeMoveRequest(out, servers);
    }
    this.#outbound.commit();
    this.#handoff.begin();
  }

  /** Whether no session is left that could move, and no message that could be handed off. */
  get isDrained(): boolean {
    if (!this.users.closed) return true;
    for (const { readsText } of this.users.local()) if (!readsText) return false;
    return this.#mailbox.size === 0;
  }

  /** Closes the server: sessions are told, links end, and all that is pending is sent. */
  close(): void {
    const error = new NetlabError(
      ErrorCode.ServerClosing,
      `Cannot go on: the server ${this.#context.address} is closing`,
      { fatal: true },
    );
    for (const connection of [...this.#accepted]) {
      const { party } = connection;
      if (party instanceof User && !party.readsText) connection.sendError(error);
      else connection.close();
    }
    this.mesh.close();
    this.#legacy.close();
    this.#outbound.close();
  }

  /** Settles what can be settled, and sends the receipts. */
  #finish(): void {
    this.#outbound.settle();
    this.#receipts.flush();
  }

  #takeSingles(connection: Connection, frames: Uint8Array): void {
    readFrames(
      frames,
      0,
      frames.length,
      MAX_PAYLOAD_BYTES,
      new Frame(),
      (frame) => this.received(connection, frame),
      (bytes, start, end) => this.run(connection, bytes, start, end),
    );
  }

  #heard(connection: Connection): void {
    connection.heardAt = this.#context.now;
    if (connection.party instanceof User) this.users.heard(connection.party);
  }

  #reject(connection: Connection, error: NetlabError): void {
    // A server that sends what cannot be read is not to be trusted with more.
    const fatal = error.fatal ||
      (connection.party instanceof Peer && error instanceof ProtocolError);
    this.#context.logger.debug("refused what {from} sent: {message}", {
      from: connection.label,
      message: error.message,
      code: error.code,
    });
    connection.sendError(fatal ? new NetlabError(error.code, error.message, { fatal }) : error);
  }
}
