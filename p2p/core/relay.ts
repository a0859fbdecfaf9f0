/**
 * Messages on their way: to a user of this server, to the next server, or back to the sender as a
 * reason why not; and the receipts that say so. Owns the duplicates, the hop limit and the hold on
 * senders whose recipients do not keep up; knows nothing of how links come about.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  MAX_RECEIPTS_PER_FRAME,
  MessageFields,
  messageId,
  MessageKind,
  NetlabError,
  readName,
  readRelayedReceipts,
  type Receipt,
  ReceiptState,
  writeReceipts,
  writeRelayedReceipts,
} from "@netlab/protocol";
import type { FirstGeneration } from "./first_generation.ts";
import type { Context } from "./host.ts";
import type { Link } from "./link.ts";
import type { Mesh } from "./mesh.ts";
import { SeenIds } from "./seen_ids.ts";
import type { Users } from "./users.ts";

/** A message that went over this many links between servers has lost its way. */
export const MAX_HOPS = 32;
/** When so many bytes wait for one connection, the users who write to it are held up. */
const HOLD_UP_BYTES = 1024 * 1024;
/** When so many wait, messages for it are refused: other servers' users cannot be held up. */
const REFUSE_BYTES = 8 * 1024 * 1024;

const SEPARATOR = new TextEncoder().encode(": ");

/** Passes messages and receipts on. */
export class Relay {
  readonly #context: Context;
  readonly #users: Users;
  readonly #mesh: Mesh;
  readonly #firstGeneration: FirstGeneration;
  readonly #seen = new SeenIds();
  readonly #fields = new MessageFields();
  /** Receipts of this turn by user, so that they share a frame. */
  readonly #receipts = new Map<string, Receipt[]>();

  /** A relay for the users of one server. */
  constructor(context: Context, users: Users, mesh: Mesh, firstGeneration: FirstGeneration) {
    this.#context = context;
    this.#users = users;
    this.#mesh = mesh;
    this.#firstGeneration = firstGeneration;
  }

  /**
   * A message came in.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.SenderMismatch} when its sender is not the user of the
   *   connection, {@linkcode ErrorCode.NotRegistered} when the connection may not send,
   *   {@linkcode ErrorCode.Malformed} when it is no message. It is dropped then.
   */
  message(link: Link, frame: Frame): void {
    const fields = this.#fields.read(frame.bytes, frame.start, frame.end);
    if (link.isUser) checkSender(link, fields);
    else if (link.role !== "peer") this.#checkStranger(link, fields);
    const recipient = readName(fields.bytes, fields.recipient, fields.recipientEnd);
    const user = this.#users.get(recipient);
    if (user) return this.#handOver(link, frame, fields, user);
    // Two first-generation servers may know this one and not each other; if they do, the one that
    // has the recipient drops the second copy.
    if (this.#firstGeneration.has(recipient)) return this.#handOn(frame, fields, recipient);
    const hops = link.role === "peer" ? frame.reserved + 1 : 1;
    const location = this.#users.locate(recipient);
    const next = location && this.#mesh.toward(location.server);
    if (!next) {
      return this.#refuse(
        link,
        fields,
        ErrorCode.NoSuchUser,
        `Cannot deliver to ${recipient}: nobody of that name is on the network`,
      );
    }
    if (hops > MAX_HOPS) {
      return this.#refuse(
        link,
        fields,
        ErrorCode.TooManyHops,
        `Cannot deliver to ${recipient}: the message went over ${MAX_HOPS} servers without arriving`,
      );
    }
    if (!this.#hasRoom(link, next, fields, recipient)) return;
    next.port.out.forward(frame, hops);
  }

  /** Receipts for a user of this or another server came from a server. */
  relayedReceipts(frame: Frame): void {
    const { user, receipts } = readRelayedReceipts(frame.payload);
    this.#passReceipts(user, receipts, frame.reserved + 1);
  }

  /** What was gathered in this turn goes out. */
  flush(): void {
    for (const [user, receipts] of this.#receipts) {
      for (let at = 0; at < receipts.length; at += MAX_RECEIPTS_PER_FRAME) {
        this.#passReceipts(user, receipts.slice(at, at + MAX_RECEIPTS_PER_FRAME), 1);
      }
    }
    this.#receipts.clear();
  }

  /** Nothing waits on a connection any more, or it has ended: whoever it held up reads on. */
  release(link: Link): void {
    for (const held of link.heldUp) {
      held.held = false;
      held.heardAt = this.#context.now;
      held.port.resume();
    }
    link.heldUp.clear();
  }

  /** Delivers to a user of this server, once. */
  #handOver(link: Link, frame: Frame, fields: MessageFields, user: Link): void {
    const id = messageId(fields);
    const wantsReceipt = frame.subtype === MessageKind.WithReceipts;
    if (!this.#seen.has(id)) {
      if (!this.#hasRoom(link, user, fields, user.name)) return;
      const { out } = user.port;
      if (user.role === "session") out.forward(frame, 0);
      else {
        out.raw(fields.bytes, fields.sender, fields.senderEnd);
        out.raw(SEPARATOR);
        out.raw(fields.bytes, fields.text, fields.end);
      }
      this.#seen.add(id, this.#context.now);
    }
    // A copy of what was handed over before is answered as the first one was: its receipt may be lost.
    if (wantsReceipt) this.#gather(senderOf(fields), delivered(id));
  }

  /** Gives a message to a first-generation server. */
  #handOn(frame: Frame, fields: MessageFields, recipient: string): void {
    const id = messageId(fields);
    const sender = senderOf(fields);
    const wantsReceipt = frame.subtype === MessageKind.WithReceipts;
    if (this.#seen.has(id)) {
      if (wantsReceipt) this.#gather(sender, delivered(id));
      return;
    }
    this.#seen.add(id, this.#context.now);
    this.#firstGeneration.forward(recipient, frame, (failure) => {
      if (failure !== undefined) {
        this.#seen.delete(id);
        const reason = `Cannot deliver to ${recipient}: ${failure}`;
        this.#gather(sender, refused(id, ErrorCode.NoSuchUser, reason));
      } else if (wantsReceipt) this.#gather(sender, delivered(id));
      this.flush();
    });
  }

  /**
   * Whether a message for `to` may be written. A user of this server who writes faster than `to`
   * reads is held up; when that is not enough, the message is refused.
   */
  #hasRoom(from: Link, to: Link, fields: MessageFields, recipient: string): boolean {
    const waiting = to.port.out.length;
    if (waiting > HOLD_UP_BYTES && from.isUser && from !== to) {
      from.port.pause();
      from.held = true;
      to.heldUp.add(from);
    }
    if (waiting <= REFUSE_BYTES) return true;
    const reason = `Cannot deliver to ${recipient}: messages come faster than they are read`;
    this.#refuse(from, fields, ErrorCode.RecipientBusy, reason);
    return false;
  }

  #refuse(link: Link, fields: MessageFields, code: number, reason: string): void {
    const receipt = refused(messageId(fields), code, reason);
    // Whoever forwards without being registered hears nothing of it: it could not tell its sender.
    if (link.role !== "stranger") this.#gather(senderOf(fields), receipt);
  }

  #gather(user: string, receipt: Receipt): void {
    const receipts = this.#receipts.get(user);
    if (receipts) receipts.push(receipt);
    else this.#receipts.set(user, [receipt]);
  }

  #passReceipts(user: string, receipts: readonly Receipt[], hops: number): void {
    const link = this.#users.get(user);
    if (link?.role === "session") return writeReceipts(link.port.out, receipts);
    if (link) {
      for (const { state, code, reason } of receipts) {
        if (state === ReceiptState.Refused) link.tell(new NetlabError(code, reason));
      }
      return;
    }
    const location = this.#users.locate(user);
    const next = location && this.#mesh.toward(location.server);
    if (next && hops <= MAX_HOPS) writeRelayedReceipts(next.port.out, user, receipts, hops);
  }

  /**
   * A message from a connection that did not register can only come from a first-generation server,
   * for a user of its own.
   */
  #checkStranger(link: Link, fields: MessageFields): void {
    const sender = this.#users.locate(senderOf(fields));
    const known = this.#mesh.discovery.hasFirstGenerationOn(link.remoteHost);
    if (known && (!sender || this.#firstGeneration.speaksFor(sender))) return;
    throw new NetlabError(
      ErrorCode.NotRegistered,
      "Cannot take a message from this connection: it must register first",
    );
  }
}

function senderOf(fields: MessageFields): string {
  return readName(fields.bytes, fields.sender, fields.senderEnd);
}

function checkSender(link: Link, fields: MessageFields): void {
  const { bytes, sender, senderEnd } = fields;
  const { nameBytes } = link;
  let same = senderEnd - sender === nameBytes.length;
  for (let i = 0; same && i < nameBytes.length; i++) same = bytes[sender + i] === nameBytes[i];
  if (same) return;
  throw new NetlabError(
    ErrorCode.SenderMismatch,
    `Cannot send in another name: this connection is registered as ${link.name}`,
  );
}

function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

function refused(id: string, code: number, reason: string): Receipt {
  return { id, state: ReceiptState.Refused, code, reason };
}
