/**
 * Routes ephemeral messages: to a user of this server, to the next server, to legacy servers, or back to
 * the sender as a reason why not. Knows nothing of durable messages. Owns who may send, the hop limit, and the hold on senders whose
 * recipients do not keep up; knows nothing of how links come about.
 *
 * @module
 */
import {
  BatchFields,
  ErrorCode,
  type Frame,
  FrameWriter,
  MessageFields,
  messageId,
  NetlabError,
  readName,
  type Receipt,
  splitBatch,
  writeHeartbeat,
} from "@netlab/protocol/codec";
import type { LegacyServers } from "../legacy/legacy_servers.ts";
import { holdsName } from "../mesh/directory.ts";
import type { LocalDelivery } from "./local_delivery.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection.ts";
import { MAX_HOPS, type Mesh } from "../mesh/mesh.ts";
import { HERE, toLegacy } from "../message_log.ts";
import { refused } from "../receipt.ts";
import type { NameTable } from "../dedup/name_table.ts";
import { SeenIds } from "../dedup/seen_ids.ts";
import type { Users } from "../users/registry.ts";

/** When so many bytes wait for one connection, the users who write to it are held up. */
export const PAUSE_BYTES: number = 1024 * 1024;
/** When so many wait, messages for it are refused: other servers' users cannot be held up. */
export const REFUSE_BYTES: number = 8 * 1024 * 1024;
/** How often a session that is held up gets a sign of life: milliseconds. */
const ALIVE_EVERY_MS = 1_000;

/** Tells senders that a message was refused. */
export interface RefusalSink {
  /** Tells a user, wherever they are, with the other receipts of this turn. */
  toUser(user: string, receipt: Receipt): void;
  /** What was gathered goes out. */
  flush(): void;
}

/** The parts of a core that the relay works with. */
export interface RouterParts {
  /** Who is where. */
  readonly users: Users;
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** The legacy servers next to this one. */
  readonly legacy: LegacyServers;
  /** The users of this server take messages here. */
  readonly localDelivery: LocalDelivery;
  /** Refusals go out here. */
  readonly receipts: RefusalSink;
  /** What is found out about recipients is remembered here, until something about them changes. */
  readonly routes: NameTable<Connection>;
  /** Takes frames that a batch was taken apart into, as if they had come in on that connection. */
  readonly takeSingles: (connection: Connection, frames: Uint8Array) => void;
}

/** Passes messages on. */
export class Router {
  readonly #context: Context;
  readonly #parts: RouterParts;
  readonly #fields = new MessageFields();
  readonly #batch = new BatchFields();
  readonly #singles = new FrameWriter();
  /** Messages for legacy users that were passed on. */
  readonly #spread = new SeenIds();
  /** Links that hold others up, or did for too long. */
  readonly #slow = new Set<Connection>();

  /** A relay for the users of one server. */
  constructor(context: Context, parts: RouterParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * A message came in, from a user, a server, or a legacy server.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} when its sender is not the user of the
   *   connection, {@linkcode ErrorCode.NotRegistered} when the connection may not send,
   *   {@linkcode ErrorCode.Malformed} when it is no message. It is dropped then.
   */
  message(connection: Connection, frame: Frame): void {
    const { users } = this.#parts;
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    if (connection.isUser) checkSender(connection, fields);
    else if (connection.role !== "peer") this.#checkStranger(connection, fields);
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = users.get(recipient);
    if (user) {
      this.#remember(fields, user);
      return this.#localDelivery(connection, fields, user);
    }
    const location = users.locate(recipient);
    if (location && !holdsName(location.user)) {
      const places = [...users.serversListing(recipient)];
      // One place elsewhere is like any other user's.
      if (places.length > 1 || places[0] === this.#context.id) {
        return this.#toLegacy(connection, frame, fields, places);
      }
    }
    const hops = hopsOf(connection, frame);
    const next = location && this.#parts.mesh.nextHop(location.server);
    if (!next) {
      return this.#refuse(
        connection,
        fields,
        ErrorCode.NoSuchUser,
        `Cannot deliver to ${recipient}: nobody of that name is on the network`,
      );
    }
    this.#remember(fields, next);
    if (hops > MAX_HOPS) {
      return this.#refuse(
        connection,
        fields,
        ErrorCode.TooManyHops,
        `Cannot deliver to ${recipient}: the message went over ${MAX_HOPS} servers without arriving`,
      );
    }
    if (next === connection) {
      return this.#refuse(
        connection,
        fields,
        ErrorCode.TooManyHops,
        `Cannot deliver to ${recipient}: the way there is changing; send it again`,
      );
    }
    if (!this.#hasRoom(connection, next, fields, recipient)) return;
    next.out.forward(frame, hops);
    this.#context.messageLog.message(fields, next.address);
  }

  /**
   * A batch came in, from a user or a server. Whoever reads batches gets it whole, if all is in order;
   * otherwise it is taken apart, and each message is what decides about it. Errors as for a single
   * message, once for all of them.
   */
  batch(connection: Connection, frame: Frame): void {
    const fields = this.#batch.read(frame.bytes, frame.start, frame.end);
    if (connection.isUser) checkSender(connection, fields);
    else if (connection.role !== "peer") throw mustRegister();
    if (this.#passWhole(connection, frame, fields)) return;
    splitBatch(fields, this.#singles, frame.reserved);
    const singles = this.#singles.take();
    this.#parts.takeSingles(connection, singles);
    this.#singles.recycle(singles);
  }

  #passWhole(connection: Connection, frame: Frame, fields: BatchFields): boolean {
    const { users, localDelivery } = this.#parts;
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = users.get(recipient);
    const to = user ?? this.#toHolder(recipient);
    const hops = hopsOf(connection, frame);
    if (!to?.readsBatches || (to === connection && !user) || (hops > MAX_HOPS && !user)) {
      return false;
    }
    this.#remember(fields, to);
    if (!this.#mayWrite(connection, to)) return false;
    if (user && !localDelivery.batch(user, fields, frame)) return false;
    if (!user) to.out.forward(frame, hops);
    this.#context.messageLog.batch(fields, user ? HERE : to.address);
    return true;
  }

  /** The link toward whoever holds a name at another server; `undefined` when nobody does. */
  #toHolder(recipient: string): Connection | undefined {
    const location = this.#parts.users.locate(recipient);
    return location && holdsName(location.user)
      ? this.#parts.mesh.nextHop(location.server)
      : undefined;
  }

  /** Nothing waits on a connection any more, or it has ended: whoever it held up reads on. */
  release(connection: Connection): void {
    for (const held of connection.heldUp ?? []) held.letGo(this.#context.now);
    connection.heldUp = undefined;
    connection.overdue = false;
    this.#slow.delete(connection);
  }

  /** Time has passed: whoever was held up for long enough goes on, and the slow one is refused. */
  tick(): void {
    const { now } = this.#context;
    for (const slow of this.#slow) {
      for (const held of slow.heldUp ?? []) {
        if (!held.isHeldTooLong(now)) {
          this.#showAlive(held);
          continue;
        }
        held.letGo(now);
        slow.heldUp?.delete(held);
        slow.overdue = true;
      }
    }
  }

  /** Who is not read gets no answers, and is not to take that for the server's death. */
  #showAlive(held: Connection): void {
    const { now } = this.#context;
    if (!held.held || held.role !== "session" || now - held.aliveAt < ALIVE_EVERY_MS) return;
    held.aliveAt = now;
    writeHeartbeat(held.out);
  }

  #remember({ bytes, recipient, recipientEnd }: MessageNames, to: Connection): void {
    this.#parts.routes.set(bytes.subarray(recipient, recipientEnd), to);
  }

  #localDelivery(connection: Connection, fields: MessageFields, user: Connection): void {
    if (!this.#hasRoom(connection, user, fields, user.name)) return;
    this.#parts.localDelivery.plain(user, fields);
    this.#context.messageLog.message(fields, HERE);
  }

  /**
   * Passes a message on for a legacy user, toward every server that knows a legacy server with that name.
   * Whoever has it twice drops the second copy, and so do legacy servers.
   */
  #toLegacy(
    connection: Connection,
    frame: Frame,
    fields: MessageFields,
    places: readonly string[],
  ): void {
    const hops = hopsOf(connection, frame);
    const id = messageId(fields);
    // Users may try again; servers that know each other would pass copies round in circles.
    if (hops <= MAX_HOPS && (connection.isUser || !this.#spread.has(id))) {
      this.#spread.add(id, this.#context.now);
      const nexts = new Set(places.map((place) => this.#parts.mesh.nextHop(place)));
      nexts.delete(connection);
      for (const next of nexts) {
        if (!next || !this.#mayWrite(connection, next)) continue;
        next.out.forward(frame, hops);
        this.#context.messageLog.message(fields, next.address);
      }
    }
    if (places.includes(this.#context.id)) this.#handOn(fields, places.length === 1);
  }

  /** Gives a message to the legacy servers beside this one. */
  #handOn(fields: MessageFields, isOnlyPlace: boolean): void {
    const { localDelivery, legacy, receipts } = this.#parts;
    const { messageLog } = this.#context;
    if (localDelivery.wasTaken(fields)) return;
    const id = messageId(fields);
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const sender = senderOf(fields);
    const message = fields.bytes.subarray(fields.id, fields.end);
    const isNew = legacy.forward(recipient, id, message, (failure) => {
      if (failure === undefined) return localDelivery.markSent(id, this.#context.now);
      // Elsewhere it may have arrived.
      if (!isOnlyPlace) return;
      const reason = `Cannot deliver to ${recipient}: ${failure}`;
      receipts.toUser(sender, refused(id, ErrorCode.NoSuchUser, reason));
      receipts.flush();
    });
    if (isNew) messageLog.message(fields, toLegacy(legacy.addressesOf(recipient)));
  }

  /**
   * Whether a message for `to` may be written. A user of this server who writes faster than `to`
   * reads is held up for a while; when that is not enough, the message is refused.
   */
  #hasRoom(from: Connection, to: Connection, fields: MessageFields, recipient: string): boolean {
    if (this.#mayWrite(from, to)) return true;
    const reason = `Cannot deliver to ${recipient}: messages come faster than they are read`;
    this.#refuse(from, fields, ErrorCode.RecipientBusy, reason);
    return false;
  }

  #mayWrite(from: Connection, to: Connection): boolean {
    const waiting = to.out.length;
    const own = from.isUser && from !== to;
    if (waiting > PAUSE_BYTES && own && !to.overdue) {
      from.hold(this.#context.now);
      (to.heldUp ??= new Set()).add(from);
      this.#slow.add(to);
    }
    return waiting <= (own && to.overdue ? PAUSE_BYTES : REFUSE_BYTES);
  }

  #refuse(connection: Connection, fields: MessageFields, code: number, reason: string): void {
    // Whoever forwards without being registered hears nothing of it: it could not tell its sender.
    if (connection.role === "stranger") return;
    this.#context.messageLog.message(fields, `none (${reason})`);
    this.#parts.receipts.toUser(senderOf(fields), refused(messageId(fields), code, reason));
  }

  /**
   * A message from a connection that did not register can only come from a legacy server,
   * for a user of its own.
   */
  #checkStranger(connection: Connection, fields: MessageFields): void {
    const { users, mesh, legacy } = this.#parts;
    const sender = users.locate(senderOf(fields));
    const known = mesh.discovery.hasLegacyOn(connection.remoteHost);
    if (known && (!sender || legacy.speaksFor(sender))) return;
    throw mustRegister();
  }
}

/** What a single message and a batch have in common. */
export type MessageNames = Pick<
  MessageFields & BatchFields,
  "bytes" | "sender" | "senderEnd" | "recipient" | "recipientEnd"
>;

/** How many servers will have passed a frame on that comes from there. */
function hopsOf(connection: Connection, frame: Frame): number {
  return connection.role === "peer" ? frame.reserved + 1 : 1;
}

function mustRegister(): NetlabError {
  return new NetlabError(
    ErrorCode.NotRegistered,
    "Cannot take a message from this connection: it must register first",
  );
}

function senderOf(fields: MessageNames): string {
  return readName(fields.bytes, fields.sender, fields.senderEnd);
}

/**
 * A user may send only in the name that its connection registered.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} otherwise.
 */
export function checkSender(
  connection: Connection,
  { bytes, sender, senderEnd }: MessageNames,
): void {
  if (connection.isCalled(bytes, sender, senderEnd)) return;
  throw new NetlabError(
    ErrorCode.SenderMismatch,
    `Cannot send in another name: this connection is registered as ${connection.name}`,
  );
}
