/**
 * The path of an ephemeral message through a server, from top to bottom: check the sender, find the
 * recipient, then deliver locally or forward. Local delivery drops duplicates. Durable messages are
 * stored first and take the same last steps. Does not know how they are stored.
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
} from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { LegacyServers } from "../legacy/legacy_servers.ts";
import type { LocalDelivery } from "./local_delivery.ts";
import { holdsName } from "../mesh/locations/same_name.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import { MAX_HOPS, type ServerNetwork } from "../mesh/server_network.ts";
import { HERE, nowhere, toLegacy } from "../message_log.ts";
import type { NameTable } from "../dedup/tables/name_table.ts";
import { Peer } from "../mesh/peer.ts";
import { refused } from "../receipt.ts";
import { SeenIds } from "../dedup/seen_ids.ts";
import { User } from "../users/user.ts";
import type { UserRegistry } from "../users/registry.ts";

/** Sends receipts for refused messages. */
export interface RefusalSink {
  /** Sends a receipt to a user at any server, at the next flush. */
  toUser(user: string, receipt: Receipt): void;
  /** Sends the receipts that were gathered. */
  flush(): void;
}

/** The components that a {@linkcode Router} uses. */
export interface RouterParts {
  /** This server's users. */
  readonly users: UserRegistry;
  /** Knows where all users are. */
  readonly locations: Locations;
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The legacy servers next to this one. */
  readonly legacy: LegacyServers;
  /** Delivers messages to this server's users. */
  readonly localDelivery: LocalDelivery;
  /** Sends the receipts for refused messages. */
  readonly receipts: RefusalSink;
  /**
   * The destinations of messages by recipient name, for the fast paths. An entry is valid until something
   * about the name changes.
   */
  readonly routes: NameTable<User | Peer>;
  /** Handles the single messages of a batch as if they had arrived on that connection. */
  readonly takeSingles: (from: Connection, frames: Uint8Array) => void;
}

/** Why a message was refused. */
interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** Routes ephemeral messages. */
export class Router {
  readonly #context: Context;
  readonly #parts: RouterParts;
  readonly #fields = new MessageFields();
  readonly #batch = new BatchFields();
  readonly #singles = new FrameWriter();
  /** Forwarded messages for users of legacy servers. */
  readonly #forwardedToLegacy = new SeenIds();

  /** Creates the router of one server. */
  constructor(context: Context, parts: RouterParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /**
   * Routes a single message from a user, a server or a legacy server.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} if its sender is not the user of the
   *   connection, {@linkcode ErrorCode.NotRegistered} if the connection may not send,
   *   {@linkcode ErrorCode.Malformed} if the frame is no valid message. The message is then dropped.
   */
  message(from: Connection, frame: Frame): void {
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    this.#checkSender(from, fields);
    this.#context.counters.messagesReceived++;
    const refusal = this.#route(from, frame, fields);
    if (refusal) this.#refuse(from, fields, refusal);
  }

  /**
   * Routes a batch from a user or a server. It is delivered or forwarded unchanged if the next party
   * accepts batches and nothing else prevents it. Otherwise its messages are routed one by one.
   *
   * @throws {NetlabError} As {@linkcode Router.message}, once for all messages.
   */
  batch(from: Connection, frame: Frame): void {
    const fields = this.#batch.read(frame.bytes, frame.start, frame.end);
    if (from.party instanceof User) checkSender(from.party, fields);
    else if (!(from.party instanceof Peer)) throw mustRegister();
    if (this.#routeWhole(from, frame, fields)) return;
    splitBatch(fields, this.#singles, frame.reserved);
    const singles = this.#singles.take();
    this.#parts.takeSingles(from, singles);
    this.#singles.recycle(singles);
  }

  /** Finds the recipient of a message, then delivers or forwards it. Returns the reason if it cannot. */
  #route(from: Connection, frame: Frame, fields: MessageFields): Refusal | undefined {
    const { users, locations } = this.#parts;
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = users.get(recipient);
    if (user) return this.#deliver(from, frame, user, fields);
    const location = locations.locate(recipient);
    if (!location) return noSuchUser(recipient);
    if (!holdsName(location.user)) {
      const servers = [...locations.serversListing(recipient)];
      // A user whom only one other server lists is handled like any other user there.
      if (servers.length > 1 || servers[0] === this.#context.id) {
        return this.#toLegacy(from, frame, fields, servers);
      }
    }
    return this.#forward(from, frame, fields, recipient, location.server);
  }

  #deliver(
    from: Connection,
    frame: Frame,
    user: User,
    fields: MessageFields,
  ): Refusal | undefined {
    this.#remember(fields, user);
    if (this.#parts.localDelivery.deliver(user, { fields }, from) === "congested") {
      return congested(user.name);
    }
    this.#context.messageLog.message(fields, HERE, from.party, frame.reserved);
  }

  #forward(
    from: Connection,
    frame: Frame,
    fields: MessageFields,
    recipient: string,
    server: string,
  ): Refusal | undefined {
    const next = this.#parts.mesh.forward(server, frame, from);
    switch (next) {
      case "no-route":
        return noSuchUser(recipient);
      case "hop-limit":
        return {
          code: ErrorCode.TooManyHops,
          reason:
            `Cannot deliver to ${recipient}: the message went over ${MAX_HOPS} servers without arriving`,
        };
      case "split-horizon":
        return {
          code: ErrorCode.TooManyHops,
          reason: `Cannot deliver to ${recipient}: the route is changing; send it again`,
        };
      case "congested":
        return congested(recipient);
    }
    this.#remember(fields, next);
    this.#forwarded(from, frame, fields, next);
  }

  #forwarded(
    from: Connection,
    frame: Frame,
    fields: MessageFields | BatchFields,
    next: Peer,
  ): void {
    const { counters, messageLog } = this.#context;
    counters.messagesForwarded += fields instanceof BatchFields ? fields.count : 1;
    messageLog.message(fields, next, from.party, frame.reserved);
  }

  /** Delivers or forwards a batch unchanged. Returns whether that was possible. */
  #routeWhole(from: Connection, frame: Frame, fields: BatchFields): boolean {
    const { users, locations, mesh, localDelivery } = this.#parts;
    const { counters, messageLog } = this.#context;
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = users.get(recipient);
    if (user) {
      if (!user.readsBatches) return false;
      this.#remember(fields, user);
      if (localDelivery.deliver(user, { fields, batch: frame }, from) !== "written") return false;
      counters.messagesReceived += fields.count;
      messageLog.message(fields, HERE, from.party, frame.reserved);
      return true;
    }
    const location = locations.locate(recipient);
    if (!location || !holdsName(location.user)) return false;
    if (!mesh.nextHop(location.server)?.readsBatches) return false;
    const next = mesh.forward(location.server, frame, from);
    if (!(next instanceof Peer)) return false;
    this.#remember(fields, next);
    counters.messagesReceived += fields.count;
    this.#forwarded(from, frame, fields, next);
    return true;
  }

  /**
   * Forwards a message for a user of legacy servers to every server next to which one of them lists the
   * name, and sends it to those next to this server. A server that receives the message twice drops the
   * second copy.
   */
  #toLegacy(
    from: Connection,
    frame: Frame,
    fields: MessageFields,
    servers: readonly string[],
  ): undefined {
    const id = messageId(fields);
    // A user may send a message again. Servers that list the same name would forward copies to each
    // other.
    if (from.party instanceof User || !this.#forwardedToLegacy.has(id)) {
      this.#forwardedToLegacy.add(id, this.#context.now);
      const nextHops = new Set<Peer>();
      for (const server of servers) {
        const next = this.#parts.mesh.nextHop(server);
        if (!next || nextHops.has(next)) continue;
        nextHops.add(next);
        if (this.#parts.mesh.forward(server, frame, from) !== next) continue;
        this.#forwarded(from, frame, fields, next);
      }
    }
    if (!servers.includes(this.#context.id)) return;
    if (this.#parts.localDelivery.wasDelivered(fields)) return;
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const sender = senderOf(fields);
    this.sendToLegacy(recipient, fields, (failure) => {
      // The message may have arrived through another server.
      if (failure === undefined || servers.length > 1) return;
      const { receipts } = this.#parts;
      const reason = `Cannot deliver to ${recipient}: ${failure}`;
      receipts.toUser(sender, refused(id, ErrorCode.NoSuchUser, reason));
      receipts.flush();
    });
  }

  /**
   * Sends a message to the legacy servers next to this one that list its recipient. A copy of a waiting
   * message is dropped.
   *
   * @param done Called when one of them has taken the message, or with the reason why none has.
   */
  sendToLegacy(
    recipient: string,
    fields: MessageFields,
    done: (failure?: string) => void,
  ): void {
    const { legacy, localDelivery } = this.#parts;
    const id = messageId(fields);
    const message = fields.bytes.subarray(fields.id, fields.end);
    const isNew = legacy.forward(recipient, id, message, (failure) => {
      if (failure === undefined) localDelivery.markSent(id);
      done(failure);
    });
    if (!isNew) return;
    this.#context.counters.messagesForwarded++;
    this.#context.messageLog.message(fields, toLegacy(legacy.addressesOf(recipient)));
  }

  #remember({ bytes, recipient, recipientEnd }: MessageNames, to: User | Peer): void {
    this.#parts.routes.set(bytes.subarray(recipient, recipientEnd), to);
  }

  #refuse(from: Connection, fields: MessageFields, { code, reason }: Refusal): void {
    from.chargeFor({ start: fields.id, end: fields.end });
    // A legacy server gets no receipt, because it could not pass it on to the sender.
    if (from.isUnregistered) return;
    this.#context.messageLog.message(fields, nowhere(reason), from.party);
    this.#parts.receipts.toUser(senderOf(fields), refused(messageId(fields), code, reason));
  }

  /**
   * Checks the sender of a message. A user must send in the name of its connection. The messages of a
   * peer were checked by the sender's server. An unregistered connection may belong to a legacy server
   * that sends a message of its own user.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} or {@linkcode ErrorCode.NotRegistered}.
   */
  #checkSender(from: Connection, fields: MessageFields): void {
    if (from.party instanceof User) return checkSender(from.party, fields);
    if (from.party instanceof Peer) return;
    const { legacy, locations } = this.#parts;
    const name = senderOf(fields);
    const sender = locations.locate(name);
    const mayBeLegacy = !sender || !holdsName(sender.user);
    if (mayBeLegacy && legacy.isOn(from.remoteHost) && locations.accepts(name)) {
      return;
    }
    throw mustRegister();
  }
}

/** The fields that single messages and batches have in common. */
export type MessageNames = Pick<
  MessageFields & BatchFields,
  "bytes" | "sender" | "senderEnd" | "recipient" | "recipientEnd"
>;

/**
 * Checks that a user sends in its own name.
 *
 * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} if it does not.
 */
export function checkSender(user: User, { bytes, sender, senderEnd }: MessageNames): void {
  if (user.hasName(bytes, sender, senderEnd)) return;
  throw new NetlabError(
    ErrorCode.SenderMismatch,
    `Cannot send in another name: this connection is registered as ${user.name}`,
  );
}

function senderOf(fields: MessageNames): string {
  return readName(fields.bytes, fields.sender, fields.senderEnd);
}

function mustRegister(): NetlabError {
  return new NetlabError(
    ErrorCode.NotRegistered,
    "Cannot take a message from this connection: it must register first",
  );
}

function noSuchUser(recipient: string): Refusal {
  return {
    code: ErrorCode.NoSuchUser,
    reason: `Cannot deliver to ${recipient}: nobody of that name is on the network`,
  };
}

function congested(recipient: string): Refusal {
  return {
    code: ErrorCode.RecipientBusy,
    reason: `Cannot deliver to ${recipient}: messages come faster than they are read`,
  };
}
