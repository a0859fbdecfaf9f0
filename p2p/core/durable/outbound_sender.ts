/**
 * Sends the durable messages of this server to their recipients in order, and sends them again when the
 * route or the recipient's location changes. Owns how much may be in flight. Does not know how messages
 * are accepted or settled.
 *
 * @module
 */
import {
  MessageFields,
  MessageKind,
  NIL_UUID,
  type Receipt,
  writeOutboundMessage,
} from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import { DueTimes } from "../mailbox/due_times.ts";
import type { Context } from "../host.ts";
import type {
  DurableCopy,
  LocalDelivery,
  LocalMessage,
  MessageIdentity,
} from "../routing/local_delivery.ts";
import { FrameRuns } from "../routing/frame_run.ts";
import type { Handoff } from "./handoff.ts";
import { HERE, type Stop } from "../message_log.ts";
import { holdsName } from "../mesh/locations/same_name.ts";
import type { Inbound } from "./inbound.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { identify, type MailboxEntry, type RecipientQueue } from "../mailbox/recipient_queue.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import type { Peer } from "../mesh/peer.ts";
import { PAUSE_BYTES, REFUSE_BYTES } from "../connection/back_pressure.ts";
import type { Route, Topology } from "../mesh/topology/topology.ts";
import type { User } from "../users/user.ts";
import type { UserRegistry } from "../users/registry.ts";

/** The most messages for one user that may be in flight. */
const MAX_IN_FLIGHT = 1_000;
/**
 * The most bytes for one user that may be in flight: half of what the recipient's server takes before it
 * refuses.
 */
const MAX_IN_FLIGHT_BYTES = REFUSE_BYTES / 2;
/**
 * How long a recipient may answer nothing before the messages in flight are sent again: milliseconds. It doubles
 * each time, because their program may need long for a message. Any answer starts it anew, because on a slow
 * link each message waits for those before it.
 */
const ANSWER_MS = 10_000;
/** The longest such time: milliseconds. */
const MAX_ANSWER_MS = 160_000;

/** How much later than that it may be sent again: milliseconds. */
const ANSWER_STEP_MS = 250;

const NO_SERVERS: readonly string[] = [];
const NO_BYTES = new Uint8Array(0);
/** The id of the message that is being delivered. */
const WORDS = new Int32Array(4);

/** The components that an {@linkcode OutboundSender} uses. */
export interface OutboundSenderParts {
  /** The stored messages. */
  readonly mailbox: Mailbox;
  /** This server's users. */
  readonly users: UserRegistry;
  /** Where all users are. */
  readonly locations: Locations;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The routes to other servers. */
  readonly topology: Topology;
  /** Delivers to this server's users. */
  readonly localDelivery: LocalDelivery;
  /** Delivers to legacy programs. */
  readonly inbound: Inbound;
  /** Knows whether this server is about to leave. */
  readonly handoff: Handoff;
  /** Called with the receipt for a message that was delivered here before. */
  readonly onDuplicate: (entry: MailboxEntry, receipt: Receipt) => void;
  /** Called with the receipt for a message to a legacy program: sent, refused, or delivered before. */
  readonly onReceipt: (receipt: Receipt) => void;
}

/** Sends the messages of one server's recipient queues. */
export class OutboundSender {
  readonly #context: Context;
  readonly #parts: OutboundSenderParts;
  readonly #fields = new MessageFields();
  /** Queues that wait until the next check, or until the connection in the key has sent its data. */
  readonly #later = new Map<Connection | undefined, Set<RecipientQueue>>();
  /** When the messages in flight of each queue were last answered, and how often they were sent again since. */
  readonly #answers = new WeakMap<
    RecipientQueue,
    { readonly at: number; readonly repeats: number }
  >();
  /** When the answer to the oldest message in flight of each queue is overdue. */
  readonly #due = new DueTimes<RecipientQueue>(ANSWER_STEP_MS);
  /** The routes at the last check. */
  #routes: ReadonlyMap<string, Route> = new Map();

  /** Creates the sender of one server. */
  constructor(context: Context, parts: OutboundSenderParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Sends waiting messages of a user in order, up to the limit of messages in flight. */
  send(queue: RecipientQueue): void {
    if (!queue.hasWaiting) return;
    const { users, locations, mesh, mailbox, handoff } = this.#parts;
    const location = locations.locate(queue.name);
    if (!location) {
      // While this server leaves, its messages stay in memory until the successor has stored them.
      if (!handoff.isLeaving) mailbox.spill(queue);
      return;
    }
    const { server } = location;
    const isHere = server === this.#context.id;
    const user = isHere ? users.get(queue.name) : undefined;
    if (user && !user.readsText) return this.#toSession(queue, user);
    const next = isHere ? undefined : mesh.nextHop(server);
    if (!isHere && !next) return this.#wait(queue);
    const connection = user?.connection ?? next?.connection;
    const others = holdsName(location.user) ? NO_SERVERS : this.#othersListing(queue.name, server);
    for (let entry; (entry = this.#next(queue, connection));) {
      const previous = queue.lastSentId;
      queue.sent(entry, server, this.#context.now);
      if (next) this.#toServer(entry, previous, server, next);
      else this.#toLegacy(entry, user);
      // The first server that sends it to a legacy server settles it. Receipts from the others have no
      // effect.
      for (const other of others) this.#copyTo(entry, other);
    }
    this.#await(queue);
  }

  /** Sends waiting messages of a user after others were answered. */
  answered(queue: RecipientQueue): void {
    this.#answers.set(queue, { at: this.#context.now, repeats: 0 });
    this.send(queue);
  }

  /** Sends all unacknowledged messages again in order. */
  sendAgain(queue: RecipientQueue): void {
    queue.wait();
    this.send(queue);
  }

  /** Sends all unacknowledged messages again in order, at the next check. */
  sendLater(queue: RecipientQueue): void {
    queue.wait();
    this.#wait(queue);
  }

  /** Sends messages again whose route changed. */
  routesChanged(): void {
    const routes = this.#parts.topology.routes();
    const before = this.#routes;
    this.#routes = routes;
    for (const queue of [...this.#due.items]) {
      for (const { sentTo } of queue.entries()) {
        if (sentTo === undefined) break;
        if (sentTo === this.#context.id) continue;
        if (routes.get(sentTo) === before.get(sentTo)) continue;
        this.sendAgain(queue);
        break;
      }
    }
  }

  /** Sends messages of the queues that waited for a connection. Call it when it has sent everything. */
  drained(connection: Connection | undefined): void {
    const queues = this.#later.get(connection);
    if (!queues) return;
    this.#later.delete(connection);
    for (const queue of queues) this.send(queue);
  }

  /** Sends messages of the queues that waited, and sends unanswered messages again. */
  look(): void {
    // Connections may have ended meanwhile.
    for (const connection of [...this.#later.keys()]) this.drained(connection);
    const { now } = this.#context;
    for (const queue of this.#due.take(now)) {
      const { first: oldest } = queue;
      if (oldest?.sentTo === undefined) continue;
      if (this.#dueAt(queue, oldest) <= now) {
        const { at = 0, repeats = 0 } = this.#answers.get(queue) ?? {};
        this.#answers.set(queue, { at, repeats: repeats + 1 });
        this.sendAgain(queue);
      }
      this.#await(queue);
    }
  }

  /** Sets when the answer to the oldest message in flight is overdue, unless it is set. */
  #await(queue: RecipientQueue): void {
    const { first: oldest } = queue;
    if (oldest?.sentTo === undefined || this.#due.has(queue)) return;
    this.#due.set(queue, this.#dueAt(queue, oldest));
  }

  /** Returns when messages in flight must be sent again, unless one is answered: milliseconds since 1970. */
  #dueAt(queue: RecipientQueue, { acceptedAt, sentAfterMs }: MailboxEntry): number {
    const { at = 0, repeats = 0 } = this.#answers.get(queue) ?? {};
    const waitMs = Math.min(ANSWER_MS * 2 ** repeats, MAX_ANSWER_MS);
    return Math.max(acceptedAt + sentAfterMs, at) + waitMs;
  }

  /** Returns the other servers next to which a legacy server lists the name. */
  #othersListing(name: string, server: string): string[] {
    return [...this.#parts.locations.serversListing(name)].filter((other) => other !== server);
  }

  #copyTo(entry: MailboxEntry, server: string): void {
    const next = this.#parts.mesh.nextHop(server);
    if (next && next.out.length <= PAUSE_BYTES) this.#toServer(entry, NIL_UUID, server, next);
  }

  #toServer(entry: MailboxEntry, previous: string, destination: string, next: Peer): void {
    this.#context.counters.messagesForwarded++;
    this.#log(entry, next);
    const { message } = entry;
    const outbound = { origin: this.#context.id, destination, previous, message };
    writeOutboundMessage(next.out, outbound, MessageKind.Outbound, 1);
  }

  /** Delivers a message to a legacy client, or to the legacy servers next to this one. */
  #toLegacy({ recipient, message }: MailboxEntry, user: User | undefined): void {
    const fields = this.#fields.read(message, 0, message.length);
    if (user) this.#context.messageLog.message(fields, HERE);
    const inbound = { recipient, fields, previous: NIL_UUID, origin: undefined };
    this.#parts.inbound.deliver(inbound, this.#parts.onReceipt, undefined);
  }

  /** Delivers waiting messages to a session of this server. Adjacent messages are copied together. */
  #toSession(queue: RecipientQueue, user: User): void {
    const { localDelivery, onDuplicate } = this.#parts;
    const { now, id } = this.#context;
    const stored = new SessionMessage(user);
    queue.deliveredTo = user;
    for (let entry; (entry = this.#next(queue, user.connection));) {
      queue.sent(entry, id, now);
      this.#log(entry, HERE);
      if (localDelivery.deliver(user, stored.set(entry), undefined) === "duplicate") {
        onDuplicate(entry, localDelivery.receiptFor(entry.id));
      }
    }
    stored.runs.flush();
    this.#await(queue);
  }

  /** Returns the first waiting message if it may be sent now. */
  #next(queue: RecipientQueue, to: Connection | undefined): MailboxEntry | undefined {
    const isFull = queue.inFlight >= MAX_IN_FLIGHT || queue.inFlightBytes >= MAX_IN_FLIGHT_BYTES;
    if (isFull || !queue.hasWaiting) return;
    if (!to || to.out.length <= PAUSE_BYTES) return this.#parts.mailbox.next(queue);
    this.#wait(queue, to);
  }

  #wait(queue: RecipientQueue, connection?: Connection): void {
    const queues = this.#later.get(connection);
    if (queues) queues.add(queue);
    else this.#later.set(connection, new Set([queue]));
  }

  #log(entry: MailboxEntry, next: Stop): void {
    const { messageLog } = this.#context;
    if (!messageLog.enabled) return;
    const { message } = entry;
    messageLog.message(this.#fields.read(message, 0, message.length), next);
  }
}

/**
 * A stored message for one session, in the form that local delivery takes. One object serves for many
 * messages.
 */
class SessionMessage implements LocalMessage, DurableCopy, MessageIdentity {
  /** The frames to write to the session. */
  readonly runs: FrameRuns;
  readonly fields: MessageIdentity = this;
  readonly durable: DurableCopy = this;
  readonly origin = undefined;
  readonly previous: string = NIL_UUID;
  readonly idWords: Int32Array = WORDS;
  bytes: Uint8Array = NO_BYTES;
  sender = 0;
  end = 0;
  readonly #user: User;
  #entry: MailboxEntry | undefined;

  constructor(user: User) {
    this.#user = user;
    this.runs = new FrameRuns(user.out);
  }

  /** Makes this object stand for another message. */
  set(entry: MailboxEntry): this {
    this.#entry = entry;
    identify(entry, this);
    return this;
  }

  get id(): string {
    return this.#entry!.id;
  }

  get isThere(): boolean {
    return this.#user.hasUnacknowledged && this.#user.isUnacknowledged(this.id);
  }

  readonly write = (): void => this.runs.add(this.#entry!);
}
