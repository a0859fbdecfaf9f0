/**
 * The routing core: everything that a messaging server decides, without a socket, a timer, a clock or
 * randomness. It is told what happened and writes to connections through a small host. Puts the
 * parts together; what each part does stands in its own file, and which takes what in the frame rules.
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
import type { Logger } from "./logger.ts";
import { Inbound } from "./durable/inbound.ts";
import { BatchFastPath } from "./routing/batch_fast_path.ts";
import { Outbound } from "./durable/outbound.ts";
import { Directory } from "./mesh/directory.ts";
import { MessageFastPath } from "./routing/message_fast_path.ts";
import { LegacyServers } from "./legacy/legacy_servers.ts";
import { OwnRules, unknownType } from "./dispatch.ts";
import type { FrameRule, ServerCore } from "./frame_rule.ts";
import { LocalDelivery } from "./routing/local_delivery.ts";
import type { Context, Host } from "./host.ts";
import type { Transport } from "./transport.ts";
import { Connection } from "./connection.ts";
import { everyLinkOne, type LinkCosts } from "./mesh/link_costs.ts";
import { memoryStore, type MessageStore } from "./mailbox/message_store.ts";
import { Mailbox, type MailboxLimits } from "./mailbox/mailbox.ts";
import { Mesh } from "./mesh/mesh.ts";
import { MessageLog } from "./message_log.ts";
import { nameFactors, NameTable } from "./dedup/name_table.ts";
import { ReceiptQueries } from "./durable/receipt_queries.ts";
import { Receipts } from "./durable/receipts.ts";
import { Router } from "./routing/router.ts";
import { SeenMessages } from "./dedup/seen_messages.ts";
import { Handoff } from "./durable/handoff.ts";
import { Topology } from "./mesh/topology.ts";
import { Users } from "./users/registry.ts";

/** A connection that has not said who it is may be silent for this long: milliseconds. */
const UNREGISTERED_MS = 60_000;
/** How often those are looked for: milliseconds. */
const LOOK_EVERY_MS = 1_000;

const encoder = new TextEncoder();

/** What a {@linkcode RoutingCore} is made from. */
export interface RoutingCoreOptions {
  /** This server's id: a UUID, new at every start. */
  id: string;
  /** Where others reach this server, `host:port`. */
  address: string;
  /** The addresses that are dialled from the start. */
  peers: readonly string[];
  /** What the world does for the core. */
  host: Host;
  /** Whom the core tells what it does. */
  logger: Logger;
  /**
   * Whether every message is logged at level debug: sender, recipient, size and next hop, never the text.
   * Messages take no fast path then.
   *
   * @default {false}
   */
  logMessages?: boolean;
  /** The time: milliseconds since 1970. */
  now: number;
  /**
   * Where messages are written down.
   *
   * @default {nowhere: they are kept in memory}
   */
  store?: MessageStore;
  /** How much is kept for users who are away, and for how long. */
  limits?: MailboxLimits;
  /**
   * What links cost.
   *
   * @default {one each}
   */
  costs?: LinkCosts;
  /** Rules for further frame types, by type; they come before the core's own. */
  rules?: ReadonlyMap<number, FrameRule>;
}

/** A messaging server without its sockets. Call {@linkcode RoutingCore.tick} every 250 ms or so. */
export class RoutingCore implements ServerCore {
  /** The users of this server and of all others. */
  readonly users: Users;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** Which way leads to which server. */
  readonly topology: Topology;
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #legacy: LegacyServers;
  readonly #mailbox: Mailbox;
  readonly #receipts: Receipts;
  readonly #delivery: Outbound;
  readonly #handoff: Handoff;
  readonly #relay: Router;
  readonly #messageFastPath: MessageFastPath;
  readonly #batches: BatchFastPath;
  /** By the names of recipients: their connections, or the links toward them. */
  readonly #routes: NameTable<Connection>;
  readonly #durable: boolean;
  readonly #rules: ReadonlyMap<number, FrameRule>;
  readonly #accepted = new Set<Connection>();
  readonly #changed = new Set<string>();
  #routesChanged = false;
  #committing = false;
  #lookedAt = 0;

  /** A server that knows nobody. */
  constructor(options: RoutingCoreOptions) {
    const { id, address, host, logger, now } = options;
    const messageLog = new MessageLog(logger, options.logMessages ?? false);
    const context: Context = { id, address, host, logger, messageLog, now };
    this.#context = context;
    this.topology = new Topology(id);
    const factors = nameFactors(host.random);
    this.#routes = new NameTable(factors);
    this.#directory = new Directory(id, (name) => this.#routes.delete(encoder.encode(name)));
    const costs = options.costs ?? everyLinkOne;
    this.mesh = new Mesh(context, options.peers, this.topology, this.#directory, costs, {
      usersChanged: (users) => {
        for (const { name } of users) this.#changed.add(name);
      },
      // Two halves of a network that find each other may both have users of one name.
      routesChanged: () => {
        this.#routesChanged = true;
        this.#routes.clear();
      },
      reachGrew: () => {
        for (const name of this.users.localNames()) this.#changed.add(name);
      },
      foundLegacy: (connection) => this.#legacy.adopt(connection),
    });
    const { mesh, topology } = this;
    const onChange = (name: string) => void this.#changed.add(name);
    const users = new Users(context, this.#directory, topology, mesh, onChange);
    const legacy = new LegacyServers(context, this.#directory, mesh, users, onChange);
    this.#legacy = legacy;
    const store = options.store ?? memoryStore;
    this.#durable = store.durable;
    const { limits = {} } = options;
    const mailbox = new Mailbox({ store, limits, factors });
    const receipts = new Receipts(context, users, mesh);
    const seen = new SeenMessages(factors, host.random);
    const localDelivery = new LocalDelivery(seen, factors, host.random);
    const handoff = new Handoff(context, { mailbox, mesh, topology, receipts });
    const parts = { mailbox, users, mesh, topology, localDelivery, legacy, receipts, handoff };
    const arrival = new Inbound(context, { ...parts, onAnswers: () => this.#finish() });
    const delivery = new Outbound(context, { ...parts, arrival });
    this.users = users;
    this.#mailbox = mailbox;
    this.#receipts = receipts;
    this.#delivery = delivery;
    this.#handoff = handoff;
    const questions = new ReceiptQueries(context, parts);
    this.#relay = new Router(context, {
      ...parts,
      routes: this.#routes,
      takeSingles: (connection, frames) => this.#takeSingles(connection, frames),
    });
    this.#messageFastPath = new MessageFastPath(this.#routes, seen);
    this.#batches = new BatchFastPath(this.#routes, seen);
    const own = new OwnRules(this, { ...parts, relay: this.#relay, arrival, delivery, questions });
    this.#rules = new Map([...own, ...(options.rules ?? [])]);
  }

  /** This server's id, a UUID. */
  get id(): string {
    return this.#context.id;
  }

  /** Where others reach this server, `host:port`. */
  get address(): string {
    return this.#context.address;
  }

  /** Whom the core tells what it does. */
  get logger(): Logger {
    return this.#context.logger;
  }

  /** The addresses of all servers within reach, this one first. */
  servers(): string[] {
    const addresses = [this.#context.address];
    for (const server of this.topology.routes().keys()) {
      addresses.push(this.topology.get(server)!.address);
    }
    addresses.push(...this.#legacy.addresses());
    return addresses;
  }

  /** What this server says it can do. */
  capabilities(): string[] {
    const words: string[] = [Capability.Session, Capability.Peer, Capability.Batch];
    for (const rule of this.#rules.values()) if (rule.capability) words.push(rule.capability);
    words.push(formatLoad(this.users.count));
    return words;
  }

  /** The time is `now`: milliseconds since 1970, never less than before. */
  setTime(now: number): void {
    this.#context.now = Math.max(now, this.#context.now);
  }

  /** Time has passed: what is due is done. */
  tick(now: number): void {
    this.setTime(now);
    this.mesh.tick();
    this.#legacy.tick();
    this.users.tick();
    this.#relay.tick();
    this.#delivery.tick();
    this.#receipts.tick();
    if (now - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = now;
      for (const connection of this.#accepted) {
        if (connection.role === "stranger" && now - connection.heardAt > UNREGISTERED_MS) {
          connection.close();
        }
      }
    }
    for (const rule of this.#rules.values()) rule.tick?.(this, this.#context.now);
    this.turn();
  }

  /** Somebody has connected; `remoteHost` is where from, as it stands in addresses. */
  accepted(port: Transport, remoteHost: string): Connection {
    const connection = new Connection(port, remoteHost, undefined, this.#context.now);
    this.#accepted.add(connection);
    return connection;
  }

  /**
   * Takes messages that nobody keeps straight from the buffer in which they were read, as many as are in
   * order; it may write wherever those stood. Returns where the first frame begins that it leaves to
   * {@linkcode RoutingCore.received}. To call it is faster than not to, and makes no other difference.
   */
  run(connection: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (this.#context.messageLog.enabled) return start;
    let at = start;
    for (let before = -1; at > before;) {
      before = at;
      at = this.#batches.run(
        connection,
        bytes,
        this.#messageFastPath.run(connection, bytes, at, end),
        end,
      );
    }
    if (at > start) this.#heard(connection);
    return at;
  }

  /** A frame came in; it is valid until this returns. */
  received(connection: Connection, frame: Frame): void {
    this.#heard(connection);
    try {
      const rule = this.#rules.get(frame.type);
      if (!rule) throw unknownType(frame);
      if (!rule.allowed(connection)) throw notAllowed(connection, frame);
      rule.handle(connection, frame, this);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      this.#reject(connection, error);
    }
  }

  /** All frames that came together have been handed over: what was gathered goes out. */
  turn(): void {
    this.mesh.turn();
    // Who was a user of a server that is gone may be a legacy server's by now.
    if (this.#routesChanged) this.#legacy.reachChanged();
    if (this.#changed.size > 0) {
      this.#legacy.changed(this.#changed);
      const changed = [...this.#changed];
      this.#changed.clear();
      this.users.resolve(changed);
      for (const name of changed) {
        this.#delivery.userChanged(name);
        this.#receipts.userChanged(name);
      }
    }
    if (this.#routesChanged) {
      this.#routesChanged = false;
      this.#delivery.routesChanged();
    }
    this.#delivery.settle();
    if (!this.#durable) this.#delivery.commit();
    else if (this.#mailbox.dirty && !this.#committing) {
      // One transaction, and one wait for the disk, for all that came from all connections.
      this.#committing = true;
      this.#context.host.soon(() => this.commit());
    }
    this.#finish();
  }

  /** Writes down what is to be kept, and tells and sends what follows from that. */
  commit(): void {
    this.#committing = false;
    this.#delivery.commit();
    this.#finish();
  }

  /** Nothing waits to be written on a connection any more. */
  drained(connection: Connection): void {
    if (connection.heldUp) this.#relay.release(connection);
    this.#delivery.drained();
    this.#finish();
  }

  /** The other side broke the protocol, and the connection ends behind these last words. */
  violated(connection: Connection, error: ProtocolError): void {
    this.#reject(connection, error);
  }

  /** A connection has ended, or its other side will send no more. Telling it twice does nothing. */
  closed(connection: Connection): void {
    // Most ends are told twice: of the half, and of the whole. Those that were dialled are few.
    if (!this.#accepted.delete(connection) && connection.dialled === undefined) return;
    this.#relay.release(connection);
    this.users.leave(connection);
    if (connection.hasUnacknowledged) connection.unacknowledged.clear();
    this.mesh.closed(connection);
    this.#legacy.closed(connection);
    this.turn();
  }

  /**
   * Prepares to leave: takes no new users, asks those that are here to move to other servers, and hands
   * over what is kept to one of them. Does nothing when there is no other server.
   */
  drain(): void {
    const routes = [...this.topology.routes()].sort(([, a], [, b]) => a.cost - b.cost);
    if (routes.length === 0) return;
    this.users.closed = true;
    const servers = routes.map(([server]) => this.topology.get(server)!.address);
    for (const connection of this.users.connections()) {
      if (connection.role === "session") writeMoveRequest(connection.out, servers);
    }
    this.#delivery.commit();
    this.#handoff.begin();
  }

  /** Whether nobody is left who could move, and nothing that could be handed over. */
  get isDrained(): boolean {
    if (!this.users.closed) return true;
    for (const connection of this.users.connections()) {
      if (connection.role === "session") return false;
    }
    return this.#mailbox.size === 0;
  }

  /** Signs off: users are told, links are ended, all that is pending goes out. */
  close(): void {
    const error = new NetlabError(
      ErrorCode.ServerClosing,
      `Cannot go on: the server ${this.#context.address} is closing`,
      { fatal: true },
    );
    for (const connection of [...this.#accepted]) {
      if (connection.role === "session") connection.tell(error);
      else connection.close();
    }
    this.mesh.close();
    this.#legacy.close();
    this.#delivery.commit();
    this.#tellOfRest();
  }

  /** Says what becomes of the messages that are still stored here. */
  #tellOfRest(): void {
    const { size: count } = this.#mailbox;
    if (count === 0) return;
    const [messages, are, them, stay] = count === 1
      ? ["1 message", "is", "it", "stays"]
      : [`${count} messages`, "are", "them", "stay"];
    if (this.#durable) {
      return this.logger.info(`${messages} ${stay} in the data folder until the next start`, {
        event: "storage.left",
        count,
      });
    }
    this.logger.warn(
      `${messages} in memory ${are} lost: no other server could take ${them}; ` +
        `a server that is started with --data DIR keeps ${them}`,
      { event: "storage.lost", count },
    );
  }

  /** What this server answered itself counts, and what was gathered goes out. */
  #finish(): void {
    this.#delivery.settle();
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
    this.users.heard(connection);
  }

  #reject(connection: Connection, error: NetlabError): void {
    // A server that sends what cannot be read is not to be trusted with more.
    const fatal = error.fatal || (connection.role === "peer" && error instanceof ProtocolError);
    this.#context.logger.debug("refused what {from} sent: {message}", {
      from: connection.address || connection.name || connection.remoteHost,
      message: error.message,
      code: error.code,
    });
    connection.tell(fatal ? new NetlabError(error.code, error.message, { fatal }) : error);
  }
}

function notAllowed(connection: Connection, frame: Frame): NetlabError {
  return new NetlabError(
    ErrorCode.NotRegistered,
    `Cannot take a frame of type ${frame.type}/${frame.subtype} from this connection: ` +
      (connection.isUser ? "it is for servers" : "it must register first"),
  );
}
