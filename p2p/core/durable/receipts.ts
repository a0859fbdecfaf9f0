/**
 * Sends receipts to users of this server, to users of other servers, and to the servers that store
 * messages. Owns the receipts that wait for the next flush, so that many share a frame, and those for
 * users who are away. Does not know why a receipt is sent.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  HEADER_BYTES,
  invariant,
  MAX_STATEMENT_FRAMES_BYTES,
  NetlabError,
  readReceipts,
  readRelayedReceipts,
  type Receipt,
  ReceiptRecords,
  ReceiptState,
  writeReceipts,
  writeRelayedReceipts,
  writeServerReceipts,
} from "@netlab/protocol/codec";
import type { MailboxEntry } from "../mailbox/recipient_queue.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection/connection.ts";
import type { Locations } from "../mesh/locations/locations.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import { PendingReceipts } from "./pending_receipts.ts";
import { Peer } from "../mesh/peer.ts";
import type { User } from "../users/user.ts";
import type { UserRegistry } from "../users/registry.ts";

/** How many bytes of receipts for one user fit into a statement, with the longest name. */
const MAX_SIGNED_BYTES = MAX_STATEMENT_FRAMES_BYTES - HEADER_BYTES - 256;
/** The most buffers that are reused for later flushes. */
const MAX_SPARE = 16;
/** The size of the largest buffer that is reused: bytes. */
const MAX_SPARE_BYTES = 64 * 1024;

/** The receipts of one server. */
export class Receipts {
  readonly #context: Context;
  readonly #users: UserRegistry;
  readonly #locations: Locations;
  readonly #mesh: ServerNetwork;
  readonly #mayReport: (server: string, id: string) => boolean;
  readonly #toUsers = new Map<string, ReceiptRecords>();
  readonly #toServers = new Map<string, ReceiptRecords>();
  readonly #pending = new PendingReceipts();
  /** Users with pending receipts to whom there is no usable route at the moment. */
  readonly #retry = new Set<string>();
  readonly #spare: ReceiptRecords[] = [];
  /** The user of the last receipt and all pending receipts for that user. */
  #lastUser = "";
  #last: ReceiptRecords | undefined;

  /**
   * Creates a sender without receipts.
   *
   * @param mayReport Returns whether a server, by its id, may report on the message with an id: this server reports on
   *   those that it stores.
   */
  constructor(
    context: Context,
    users: UserRegistry,
    locations: Locations,
    mesh: ServerNetwork,
    mayReport: (server: string, id: string) => boolean,
  ) {
    this.#mayReport = mayReport;
    this.#context = context;
    this.#users = users;
    this.#locations = locations;
    this.#mesh = mesh;
  }

  /** Sends a receipt to a user at any server, at the next flush. */
  toUser(user: string, receipt: Receipt): void {
    if (receipt.state === ReceiptState.Refused) this.#refused(user, receipt);
    this.#of(user).addReceipt(receipt);
  }

  /**
   * Sends an accepted or delivered receipt to the sender of a message, at the next flush.
   *
   * @param code A code that is a remark, or 0.
   */
  toSender({ sender, id0, id1, id2, id3 }: MailboxEntry, state: ReceiptState, code = 0): void {
    this.#of(sender).add(id0, id1, id2, id3, state, code);
  }

  /** Sends a receipt to another server, which stores the message, at the next flush. */
  toServer(server: string, receipt: Receipt): void {
    invariant(server !== this.#context.id, "a server sends no receipts to itself");
    this.#gather(this.#toServers, server).addReceipt(receipt);
  }

  /**
   * Handles receipts for a user from another server: passes them to the user or forwards them.
   *
   * @throws {ProtocolError} {@linkcode ErrorCode.Malformed} if they cannot be read.
   */
  relayed(from: Connection, frame: Frame): void {
    const { user, receipts } = readRelayedReceipts(frame.payload);
    const local = this.#users.get(user);
    if (!local) {
      const location = this.#locations.locate(user);
      const next = location && this.#mesh.forward(location.server, frame, from);
      if (!(next instanceof Peer)) this.#addPending(user, receipts);
      return;
    }
    const records = this.#take();
    for (const receipt of receipts) records.addReceipt(receipt);
    this.#write(local, records);
    this.#recycle(records);
  }

  /**
   * Handles receipts for a user of this server that another server, by its id, has signed. A user who has moved
   * meanwhile gets them from here.
   */
  stated(origin: string, frame: Frame): void {
    const { user, receipts } = readRelayedReceipts(frame.payload);
    const credible = receipts.filter(({ id }) => this.#mayReport(origin, id));
    const local = this.#users.get(user);
    if (!local) return this.#addPending(user, credible);
    const records = this.#take();
    for (const receipt of credible) records.addReceipt(receipt);
    this.#write(local, records);
    this.#recycle(records);
  }

  /** Sends the receipts that wait for a user who is reachable now. */
  userChanged(user: string): void {
    if (!this.#pending.has(user) || this.#locations.locate(user) === undefined) return;
    for (const receipt of this.#pending.take(user)) this.toUser(user, receipt);
  }

  /** Tries again to send receipts, and drops those for users who have been away for too long. */
  tick(): void {
    const users = [...this.#retry];
    this.#retry.clear();
    for (const user of users) this.userChanged(user);
    this.#pending.expire(this.#context.now);
  }

  /** Sends the receipts that were gathered. */
  flush(): void {
    // There are usually none, and a check costs less than clearing a map.
    if (this.#toUsers.size > 0) {
      this.#last = undefined;
      for (const [user, records] of this.#toUsers) {
        this.#send(user, records);
        this.#recycle(records);
      }
      this.#toUsers.clear();
    }
    if (this.#toServers.size === 0) return;
    for (const [server, records] of this.#toServers) {
      const next = this.#mesh.nextHop(server);
      // Without a route they are dropped. That server sends its messages again when there is a route.
      for (const receipts of next ? records.parts() : []) {
        const all = { to: server, from: this.#context.id, receipts };
        this.#mesh.tell(server, next!, (out) => writeServerReceipts(out, all, 1));
      }
      this.#recycle(records);
    }
    this.#toServers.clear();
  }

  #refused(who: string, { code, reason }: Receipt): void {
    const { counters, events, now } = this.#context;
    counters.messagesRefused++;
    counters.refused(code);
    events.add({ kind: "refused", who, code, reason }, now);
  }

  #send(user: string, records: ReceiptRecords): void {
    const local = this.#users.get(user);
    if (local) return this.#write(local, records);
    const location = this.#locations.locate(user);
    const next = location && this.#mesh.nextHop(location.server);
    if (next) {
      for (const part of records.parts(this.#mesh.signs ? MAX_SIGNED_BYTES : undefined)) {
        this.#mesh.tell(
          location.server,
          next,
          (out) => writeRelayedReceipts(out, user, part, 1),
        );
      }
    } else this.#addPending(user, readReceipts(records.bytes));
  }

  /** Writes receipts to a user of this server. A legacy client gets only refusals, as text. */
  #write({ out, readsText, connection }: User, records: ReceiptRecords): void {
    if (!readsText) {
      for (const part of records.parts()) writeReceipts(out, part);
      return;
    }
    for (const { state, code, reason } of readReceipts(records.bytes)) {
      if (state === ReceiptState.Refused) connection.sendError(new NetlabError(code, reason));
    }
  }

  /** Stores final receipts for a user who is away. The user requests the others by sending again. */
  #addPending(user: string, receipts: readonly Receipt[]): void {
    const final = receipts.filter(({ state, code }) =>
      state !== ReceiptState.Accepted && code !== ErrorCode.NoSuchUser
    );
    if (final.length === 0) return;
    this.#pending.add(user, final, this.#context.now);
    if (this.#locations.locate(user)) this.#retry.add(user);
  }

  /** Returns the pending receipts for a user, usually the same user as in the last call. */
  #of(user: string): ReceiptRecords {
    if (this.#last !== undefined && this.#lastUser === user) return this.#last;
    this.#lastUser = user;
    return this.#last = this.#gather(this.#toUsers, user);
  }

  #gather(all: Map<string, ReceiptRecords>, key: string): ReceiptRecords {
    let records = all.get(key);
    if (!records) all.set(key, records = this.#take());
    return records;
  }

  #take(): ReceiptRecords {
    return this.#spare.pop() ?? new ReceiptRecords();
  }

  #recycle(records: ReceiptRecords): void {
    if (this.#spare.length === MAX_SPARE || records.length > MAX_SPARE_BYTES) return;
    records.clear();
    this.#spare.push(records);
  }
}
