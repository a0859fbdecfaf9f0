/**
 * The routing core makes all decisions of a messaging server. It does no I/O: no sockets, timers,
 * clocks or randomness. The host tells it what happened, and it writes to connections. This file
 * creates the components and passes events to them. It does not know what they decide: each
 * component is in its own folder. `dispatch.ts` says which component handles which frame.
 *
 * @module
 */
import {
  ErrorCode,
  Frame,
  isLoopback,
  MAX_PAYLOAD_BYTES,
  NetlabError,
  ProtocolError,
  readFrames,
  writeMoveRequest,
} from "@netlab/protocol/codec";
import { BackPressure } from "./connection/back_pressure.ts";
import { Connection } from "./connection/connection.ts";
import type { Context } from "./host.ts";
import { Directory } from "./mesh/directory.ts";
import { Dispatch } from "./dispatch.ts";
import { everyLinkOne } from "./mesh/topology/link_costs.ts";
import type { ServerCore } from "./frame_rule.ts";
import { FastPaths } from "./routing/fast_paths.ts";
import { Handoff } from "./durable/handoff.ts";
import { Inbound } from "./durable/inbound.ts";
import { LegacyServers } from "./legacy/legacy_servers.ts";
import { LocalDelivery } from "./routing/local_delivery.ts";
import { Locations } from "./mesh/locations.ts";
import { LIMITS } from "./limits.ts";
import type { Logger } from "./logger.ts";
import { Mailbox } from "./mailbox/mailbox.ts";
import { memoryStore } from "./mailbox/message_store.ts";
import { Mesh } from "./mesh/mesh.ts";
import { MessageLog } from "./message_log.ts";
import { nameFactors, NameTable } from "./dedup/tables/name_table.ts";
import { Outbound } from "./durable/outbound.ts";
import { Peer } from "./mesh/peer.ts";
import { ReceiptQueries } from "./durable/receipt_queries.ts";
import { Receipts } from "./durable/receipts.ts";
import { Router } from "./routing/router.ts";
import type { RoutingCoreOptions } from "./routing_core_options.ts";
import { SeenNames } from "./dedup/seen_names.ts";
import { SeenMessages } from "./dedup/seen_messages.ts";
import { Topology } from "./mesh/topology/topology.ts";
import type { Transport } from "./connection/transport.ts";
import { User } from "./users/user.ts";
import { UserRegistry } from "./users/registry.ts";

/** How long a connection may stay unregistered without sending anything: milliseconds. */
const UNREGISTERED_MS = 60_000;
/** How often the core looks for such connections: milliseconds. */
const CHECK_EVERY_MS = 1_000;
/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;

/** A messaging server without sockets. Call {@linkcode RoutingCore.tick} every 250 ms. */
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
  readonly #fastPaths: FastPaths;
  readonly #dispatch: Dispatch;
  /** Connections that this server did not dial. */
  readonly #accepted = new Set<Connection>();
  /** Names whose users changed since the last flush. */
  readonly #changedNames = new Set<string>();
  #routesChanged = false;
  #isCommitting = false;
  #checkedAt = 0;
  #tickedAt: number;

  /** Creates a server with no users and no links. */
  constructor(options: RoutingCoreOptions) {
    const { id, address, host, logger, now, limits = {}, store = memoryStore } = options;
    const messageLog = new MessageLog(logger, options.logMessages ?? false);
    const context = this.#context = { id, address, host, logger, messageLog, now };
    this.#tickedAt = now;
    const factors = nameFactors(host.random);
    /** By recipient name: a user of this server, or the next hop to another server. */
    const routes = new NameTable<User | Peer>(factors);
    const topology = this.topology = new Topology(id);
    const names = new SeenNames(LIMITS.seenNames.default, store.durable);
    const moved = (name: string) => {
      names.add(name);
      routes.delete(new TextEncoder().encode(name));
    };
    const directory = new Directory(id, moved, logger);
    const locations = this.locations = new Locations(id, directory, topology);
    const onChange = (name: string) => void this.#changedNames.add(name);
    const mesh = this.mesh = new Mesh(
      context,
      options,
      topology,
      directory,
      options.costs ?? everyLinkOne,
      this.#backPressure,
      names,
      {
        usersChanged: (changed) => {
          for (const name of changed) this.#changedNames.add(name);
        },
        routesChanged: () => {
          this.#routesChanged = true;
          routes.clear();
        },
        // When two parts of a network find each other, both may have a user with the same name. Messages
        // and receipts may wait for the users of the other part.
        reachGrew: (servers) => {
          for (const { name } of this.users.local()) this.#changedNames.add(name);
          for (const server of servers) {
            for (const { name } of directory.users(server)) this.#changedNames.add(name);
          }
        },
        foundLegacy: (connection) => this.#legacy.adopt(connection),
        networkChanged: () => {
          this.#dispatch.tellCapabilities();
          options.onNetwork?.(this.mesh.network.id);
        },
      },
    );
    const users = new UserRegistry(context, directory, locations, topology, mesh, onChange);
    this.users = users;
    const legacy = this.#legacy = new LegacyServers(context, directory, mesh, locations, onChange);
    const mailbox = this.#mailbox = new Mailbox({ store, limits, names, factors });
    const receipts = this.#receipts = new Receipts(context, users, locations, mesh);
    const seen = new SeenMessages(factors, host.random);
    const localDelivery = new LocalDelivery(context, this.#backPressure, seen, factors);
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
      factors,
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
    this.#fastPaths = new FastPaths(routes, seen);
  }

  /** This server's id, a UUID. */
  get id(): string {
    return this.#context.id;
  }

  /** The address at which others reach this server: `host:port`. */
  get address(): string {
    return this.#context.address;
  }

  /** The logger of the server. */
  get logger(): Logger {
    return this.#context.logger;
  }

  servers(asker?: Connection): string[] {
    const others = this.mesh.addressesFor(asker);
    const all = [this.#context.address, ...others, ...this.#legacy.addresses()];
    return asker?.isElsewhere ? all.filter((address) => !isLoopback(address)) : all;
  }

  /** Returns what this server says it can do: words of `Capability`. */
  capabilities(): string[] {
    return this.#dispatch.capabilities();
  }

  /** Sets the current time: milliseconds since 1970. An earlier time than before has no effect. */
  setTime(now: number): void {
    this.#context.now = Math.max(now, this.#context.now);
  }

  /** Does the work that is due at the time `now`: milliseconds since 1970. Call it every 250 ms. */
  tick(now: number): void {
    this.setTime(now);
    if (now - this.#tickedAt > MAX_TICK_GAP_MS) this.#slept(now - this.#tickedAt);
    this.#tickedAt = now;
    this.mesh.tick();
    this.#legacy.tick();
    this.users.tick();
    this.#backPressure.tick(this.#context.now);
    this.#outbound.tick();
    this.#receipts.tick();
    if (now - this.#checkedAt >= CHECK_EVERY_MS) {
      this.#checkedAt = now;
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
   * Registers a connection that another party has opened.
   *
   * @param remoteHost The party's host, in the form used in addresses.
   * @returns The connection to pass to the other methods.
   */
  accepted(transport: Transport, remoteHost: string): Connection {
    const connection = new Connection(transport, remoteHost, undefined, this.#context.now);
    this.#accepted.add(connection);
    return connection;
  }

  /**
   * Routes ephemeral messages directly from the buffer in which they were read, up to the first
   * message that needs the router. It may modify the buffer. Calling this method is optional: it
   * changes nothing but the speed.
   *
   * @returns The offset of the first frame that must be passed to {@linkcode RoutingCore.received}.
   */
  run(connection: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (this.#context.messageLog.enabled) return start;
    const at = this.#fastPaths.run(connection, bytes, start, end);
    if (at > start) this.#heard(connection);
    return at;
  }

  /** Handles a frame. The frame is valid until this method returns. */
  received(connection: Connection, frame: Frame): void {
    this.#heard(connection);
    try {
      this.#dispatch.handle(connection, frame);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      this.#reject(connection, error);
    }
  }

  /** Sends what was gathered. Call it after all frames that arrived together were passed to the core. */
  flush(): void {
    this.mesh.flush();
    // A name may now belong to a legacy server's user, because its holder's server is unreachable.
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
      // One transaction covers what all connections sent in this event loop turn.
      this.#isCommitting = true;
      this.#context.host.soon(() => this.commit());
    }
    this.#finish();
  }

  /** Writes new messages to the store, then sends their receipts and the messages. */
  commit(): void {
    this.#isCommitting = false;
    this.#outbound.commit();
    this.#finish();
  }

  /** Continues what waited for a connection. Call it when the connection has sent everything. */
  drained(connection: Connection): void {
    this.#backPressure.release(connection, this.#context.now);
    this.#outbound.drained();
    this.#finish();
  }

  /** Sends the error of a protocol violation. A fatal one closes the connection. */
  violated(connection: Connection, error: ProtocolError): void {
    this.#reject(connection, error);
  }

  /** Handles the end of a connection, or of its reading half. A second call has no effect. */
  closed(connection: Connection): void {
    // Most ends are reported twice. A second report for a dialled connection is harmless.
    if (!this.#accepted.delete(connection) && connection.dialled === undefined) return;
    this.#backPressure.release(connection, this.#context.now);
    this.users.leave(connection);
    this.mesh.closed(connection);
    this.#legacy.closed(connection);
    this.flush();
  }

  /**
   * Prepares the server to leave. It refuses new users, asks its users to move to other servers,
   * and hands its stored messages off to another server. It does nothing if no other server is
   * reachable.
   */
  drain(): void {
    if (this.topology.routes().size === 0) return;
    this.users.closed = true;
    for (const { connection, out, readsText } of this.users.local()) {
      if (!readsText) writeMoveRequest(out, this.mesh.addressesFor(connection));
    }
    this.#outbound.commit();
    this.#handoff.begin();
  }

  /** Whether draining is complete: no session is left that could move, and no message to hand off. */
  get isDrained(): boolean {
    if (!this.users.closed) return true;
    for (const { readsText } of this.users.local()) if (!readsText) return false;
    return this.#mailbox.messages.size === 0;
  }

  /** The number of messages that are lost if the server closes now. */
  get unsaved(): number {
    return this.#mailbox.durable ? 0 : this.#mailbox.usage.messages;
  }

  /** Closes the server: tells its sessions, ends its links and sends pending data. */
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

  /** Handles the time for which this server did not run. What was sent meanwhile has not been read yet. */
  #slept(ms: number): void {
    for (const connection of this.#accepted) connection.heardAt = this.#context.now;
    this.users.slept(ms);
  }

  /** Settles messages and sends the receipts. */
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
    // The link to a server that sends malformed frames is closed.
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
