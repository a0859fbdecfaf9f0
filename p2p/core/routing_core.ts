/**
 * The routing core makes all decisions of a messaging server. It does no I/O: no sockets, timers,
 * clocks or randomness. The host tells it what happened, and it writes to connections. This file
 * passes events to the components. It does not know what they decide: each component is in its own
 * folder. `assembly/` creates the components, and `dispatch.ts` says which one handles which frame.
 *
 * @module
 */
import {
  ErrorCode,
  Frame,
  FrameType,
  isLoopback,
  isTlsAddress,
  MAX_PAYLOAD_BYTES,
  NetlabError,
  PresenceKind,
  ProtocolError,
  readFrames,
  type ServerStatus,
  StatementKind,
  writeMoveRequest,
} from "@netlab/protocol/codec";
import type { Access } from "./access/access.ts";
import { type CoreChanges, createParts } from "./assembly/core_parts.ts";
import type { RoutingCoreOptions } from "./assembly/routing_core_options.ts";
import { AcceptedConnections } from "./connection/accepted_connections.ts";
import { BackPressure } from "./connection/back_pressure.ts";
import { Connection } from "./connection/connection.ts";
import { TlsMismatches } from "./connection/tls_mismatches.ts";
import type { Transport } from "./connection/transport.ts";
import { Dispatch } from "./dispatch.ts";
import type { Handoff } from "./durable/handoff.ts";
import type { Outbound } from "./durable/outbound.ts";
import type { Receipts } from "./durable/receipts.ts";
import type { ServerCore } from "./frame_rule.ts";
import type { Context } from "./host.ts";
import type { LegacyServers } from "./legacy/legacy_servers.ts";
import type { Logger } from "./logger.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import type { StoredMessage } from "./mailbox/message_store.ts";
import type { Locations } from "./mesh/locations/locations.ts";
import type { ServerNetwork } from "./mesh/server_network.ts";
import { Peer } from "./mesh/peer.ts";
import type { Topology } from "./mesh/topology/topology.ts";
import { withDefaults } from "./server_limits.ts";
import { MessageLog } from "./message_log.ts";
import type { FastPaths } from "./routing/fast_paths.ts";
import type { OwnStatus } from "./status/own_status.ts";
import type { UserRegistry } from "./users/registry.ts";
import { Counters } from "./watch/counters.ts";
import { EventLog } from "./watch/event_log.ts";
import { User } from "./users/user.ts";

/** After a longer gap between ticks, silence is blamed on this server itself: milliseconds. */
const MAX_TICK_GAP_MS = 500;
/** How many names of users who joined, left or moved are looked at before other events are handled. */
const NAMES_PER_FLUSH = 1_000;

/** A messaging server without sockets. Call {@linkcode RoutingCore.tick} every 250 ms. */
export class RoutingCore implements ServerCore {
  /** This server's users. */
  readonly users: UserRegistry;
  /** Where the users of all servers are. */
  readonly locations: Locations;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The routes to other servers. */
  readonly topology: Topology;
  readonly #context: Context;
  readonly #access: Access;
  readonly #backPressure = new BackPressure();
  readonly #legacy: LegacyServers;
  readonly #mailbox: Mailbox;
  readonly #receipts: Receipts;
  readonly #outbound: Outbound;
  readonly #handoff: Handoff;
  readonly #fastPaths: FastPaths;
  readonly #status: OwnStatus;
  readonly #dispatch: Dispatch;
  readonly #tlsMismatches: TlsMismatches;
  /** Connections that this server did not dial. */
  readonly #accepted: AcceptedConnections;
  /** What changed since the last flush. */
  readonly #changes: CoreChanges = { names: new Set(), routes: false };
  #isCommitting = false;
  /** Whether the rest of the changes is handled soon. */
  #isFlushing = false;
  #tickedAt: number;

  /** Creates a server with no users and no links. */
  constructor(options: RoutingCoreOptions) {
    const { id, address, host, logger, now } = options;
    const counters = new Counters();
    const events = new EventLog();
    const messageLog = new MessageLog(options, events);
    this.#accepted = new AcceptedConnections(withDefaults(options.limits ?? {}));
    const told = { logger, messageLog, counters, events };
    const context = this.#context = { id, address, host, ...told, now };
    this.#tickedAt = now;
    const parts = createParts(context, options, this.#changes, this.#backPressure, {
      takeSingles: (connection, frames) => this.#takeSingles(connection, frames),
      finish: () => this.#finish(),
      committed: () => this.flush(),
      accepted: () => this.#accepted.size,
      drained: (connection) => this.drained(connection),
      refuse: (connection, error) => this.#reject(connection, error),
      tellCapabilities: () => this.#dispatch.tellCapabilities(),
      usersChanged: () => this.#dispatch.usersChanged(),
      serversChanged: () => this.#dispatch.serversChanged(),
    });
    this.#access = parts.access;
    this.users = parts.users;
    this.locations = parts.locations;
    this.mesh = parts.mesh;
    this.topology = parts.topology;
    this.#mailbox = parts.mailbox;
    this.#receipts = parts.receipts;
    this.#outbound = parts.outbound;
    this.#handoff = parts.handoff;
    this.#legacy = parts.legacy;
    this.#fastPaths = parts.fastPaths;
    this.#status = parts.ownStatus;
    const state = () => ({ routes: this.topology.routes(), now: context.now });
    this.#dispatch = new Dispatch(this, { ...parts, state }, options.rules ?? new Map());
    this.#tlsMismatches = new TlsMismatches(logger);
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

  /** Returns the status of this server, as others are told it. */
  status(): ServerStatus {
    return this.#status.get();
  }

  servers(asker?: Connection): string[] {
    const others = this.mesh.addressesFor(asker);
    const all = [this.#context.address, ...others, ...this.#legacy.addresses()];
    // Legacy programs would stumble over an address with `tls://`.
    return asker === undefined
      ? all
      : all.filter((address) =>
        !(asker.isElsewhere && isLoopback(address)) && (asker.isNetlab || !isTlsAddress(address))
      );
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
    this.#accepted.tick(now);
    this.#access.tick();
    this.#dispatch.tick(this.#context.now);
    this.#context.messageLog.tick(this.#context.now);
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
    this.#accepted.add(connection, this.#context.now);
    this.#access.accepted(connection);
    return connection;
  }

  /**
   * Makes a connection of the program itself, which watches servers. It may ask on every network, and is not counted.
   *
   * @returns The connection to pass to {@linkcode RoutingCore.received}.
   */
  watched(transport: Transport): Connection {
    const connection = new Connection(transport, "", undefined, this.#context.now);
    const subject = this.#context.address;
    const none = { expiresAt: Infinity, id: undefined, boundTo: undefined, key: undefined };
    connection.grant = { subject, role: "observer", ...none };
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
    const { type } = frame;
    const mayDeliver = type === FrameType.Message || type === FrameType.Receipt;
    if (!mayDeliver) connection.chargeFor(frame);
    try {
      this.#heard(connection);
      this.#dispatch.handle(connection, frame);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      if (mayDeliver) connection.chargeFor(frame);
      this.#reject(connection, error, isPassedOn(frame));
    }
  }

  /** Sends what was gathered. Call it after all frames that arrived together were passed to the core. */
  flush(): void {
    this.mesh.flush();
    // A name may now belong to a legacy server's user, because its holder's server is unreachable.
    const changes = this.#changes;
    if (changes.routes) this.#legacy.reachChanged();
    if (changes.names.size > 0) {
      const names: string[] = [];
      for (const name of changes.names) {
        if (names.length === NAMES_PER_FLUSH) break;
        changes.names.delete(name);
        names.push(name);
      }
      // A server that has just been reached may have very many users. Others must not wait for all of them.
      if (changes.names.size > 0) this.#flushSoon();
      this.#legacy.changed(names);
      this.users.resolve(names);
      for (const name of names) {
        this.#outbound.userChanged(name);
        this.#receipts.userChanged(name);
      }
    }
    if (changes.routes) {
      changes.routes = false;
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

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#context.host.soon(() => {
      this.#isFlushing = false;
      this.flush();
    });
  }

  /** Writes new messages to the store, then sends their receipts and the messages. */
  commit(): void {
    this.#isCommitting = false;
    this.#outbound.commit();
    this.#finish();
  }

  /** Takes messages over that another server has stored, and sends them. */
  adopt(messages: Iterable<StoredMessage>): void {
    this.#outbound.adopt(messages);
    this.#finish();
  }

  /** Continues what waited for a connection. Call it when the connection has sent everything. */
  drained(connection: Connection): void {
    this.#backPressure.release(connection, this.#context.now);
    this.#dispatch.drained(connection);
    this.mesh.drained(connection);
    this.#outbound.drained(connection);
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
    this.#dispatch.closed(connection);
    this.#backPressure.release(connection, this.#context.now);
    this.#access.closed(connection);
    this.users.leave(connection);
    this.mesh.closed(connection);
    this.#legacy.closed(connection);
    // A legacy server may have been in the lists of servers.
    if (connection.dialled !== undefined) this.#dispatch.serversChanged();
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
    this.#context.events.add({ kind: "draining" }, this.#context.now);
    for (const { connection, out, readsText } of this.users.local()) {
      if (!readsText) writeMoveRequest(out, this.mesh.addressesFor(connection));
    }
    this.#outbound.commit();
    if (!this.#mailbox.isShared) this.#handoff.begin();
  }

  /** Whether draining is complete: no session is left that could move, and no message to hand off. */
  get isDrained(): boolean {
    if (!this.users.closed) return true;
    for (const { readsText } of this.users.local()) if (!readsText) return false;
    return this.#mailbox.isShared || this.#mailbox.messages.size === 0;
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
    this.#accepted.slept(this.#context.now);
    this.users.slept(ms);
  }

  /** Settles messages and sends the receipts. */
  #finish(): void {
    this.#outbound.settle();
    this.#receipts.flush();
    this.mesh.flushStatements();
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

  /** Records that at least a part of a frame has arrived. On a slow link, a long one takes seconds. */
  arrived(connection: Connection): void {
    connection.heardAt = this.#context.now;
    if (connection.party instanceof User) this.users.arrived(connection.party);
  }

  #heard(connection: Connection): void {
    connection.heardAt = this.#context.now;
    if (connection.party instanceof User) this.users.heard(connection.party);
    else if (connection.isUnregistered) this.#accepted.heard(connection, this.#context.now);
  }

  #reject(connection: Connection, error: NetlabError, isPassedOn = false): void {
    // The link to a server that sends malformed frames is closed, but not to one that has only passed them on.
    const fatal = error.fatal ||
      (connection.party instanceof Peer && error instanceof ProtocolError && !isPassedOn);
    this.#context.logger.debug("refused what {from} sent: {message}", {
      from: connection.label,
      message: error.message,
      code: error.code,
    });
    const { counters, events, now } = this.#context;
    const { code, message: reason } = error;
    counters.requestsRefused++;
    counters.refused(code);
    events.add({ kind: "refused", who: connection.label, code, reason }, now);
    // The other side cannot read why, because it expects TLS.
    if (error.code === ErrorCode.TlsFailed) this.#tlsMismatches.found(connection, error);
    connection.sendError(fatal ? new NetlabError(error.code, error.message, { fatal }) : error);
  }
}

/** Returns whether a frame from a peer was passed on by it: others are not its fault. */
function isPassedOn({ type, subtype, reserved }: Frame): boolean {
  if (type === FrameType.Statement) return subtype === StatementKind.ForOne && reserved > 1;
  const countsLinks = type === FrameType.Message || type === FrameType.Receipt ||
    type === FrameType.Status ||
    (type === FrameType.Presence &&
      (subtype === PresenceKind.Claim || subtype === PresenceKind.Held));
  return countsLinks && reserved > 1;
}
