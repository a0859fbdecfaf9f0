/**
 * Receipts on their way: to users of this server, to users of others, and to servers that keep
 * messages. Owns what is gathered in a turn, so that many share a frame, and what is owed to users who
 * are away; knows nothing of why a receipt is sent.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
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
import { MAX_HOPS, type Mesh } from "../mesh/mesh.ts";
import type { Users } from "../users/registry.ts";

/** Receipts that are owed to one user who is away, at most; older ones are dropped. */
const MAX_OWED = 10_000;
/** Memory for the receipts of so many users and servers stays from turn to turn. */
const MAX_SPARE = 16;
/** As long as it is no larger than this: bytes. */
const MAX_SPARE_BYTES = 64 * 1024;

const NONE: readonly Receipt[] = [];

/** The receipts of one server. */
export class Receipts {
  readonly #context: Context;
  readonly #users: Users;
  readonly #mesh: Mesh;
  readonly #toUsers = new Map<string, ReceiptRecords>();
  readonly #toSelf: Receipt[] = [];
  readonly #toServers = new Map<string, ReceiptRecords>();
  readonly #owed = new Map<string, Receipt[]>();
  readonly #spare: ReceiptRecords[] = [];
  /** Whom a receipt was for that went to a user last, and the others for them. */
  #lastUser = "";
  #last: ReceiptRecords | undefined;

  /** None yet. */
  constructor(context: Context, users: Users, mesh: Mesh) {
    this.#context = context;
    this.#users = users;
    this.#mesh = mesh;
  }

  /** Tells a user, wherever they are, with the other receipts of this turn. */
  toUser(user: string, receipt: Receipt): void {
    this.#of(user).addReceipt(receipt);
  }

  /** Tells the sender of a message that it is safe, or was delivered. */
  toSender({ sender, id0, id1, id2, id3 }: MailboxEntry, state: ReceiptState): void {
    this.#of(sender).add(id0, id1, id2, id3, state);
  }

  /** Tells the server that keeps the message, which may be this one, with the others of this turn. */
  toServer(server: string, receipt: Receipt): void {
    if (server === this.#context.id) this.#toSelf.push(receipt);
    else this.#gather(this.#toServers, server).addReceipt(receipt);
  }

  /** What this server was told as the one that keeps the messages, since this was asked last. */
  takeOwn(): readonly Receipt[] {
    return this.#toSelf.length === 0 ? NONE : this.#toSelf.splice(0);
  }

  /** Receipts for a user of this or another server came from a server. */
  relayed(frame: Frame): void {
    const { user, receipts } = readRelayedReceipts(frame.payload);
    const records = this.#take();
    for (const receipt of receipts) records.addReceipt(receipt);
    this.#pass(user, records, frame.reserved + 1);
    this.#giveBack(records);
  }

  /** A user came to some server: what is owed to them is sent. */
  userChanged(user: string): void {
    const owed = this.#owed.get(user);
    if (owed === undefined || this.#users.locate(user) === undefined) return;
    this.#owed.delete(user);
    for (const receipt of owed) this.toUser(user, receipt);
  }

  /** Time has passed: receipts whose way was lost, or led in a circle, try again. */
  tick(): void {
    for (const user of [...this.#owed.keys()]) this.userChanged(user);
  }

  /** What was gathered in this turn goes out. */
  flush(): void {
    // To clear a map costs more than to see that nothing is in it, as is mostly so.
    if (this.#toUsers.size > 0) {
      this.#last = undefined;
      for (const [user, records] of this.#toUsers) {
        this.#pass(user, records, 1);
        this.#giveBack(records);
      }
      this.#toUsers.clear();
    }
    if (this.#toServers.size === 0) return;
    for (const [server, records] of this.#toServers) {
      const next = this.#mesh.nextHop(server);
      // Without a way there, that server sends the messages again when there is one.
      for (const receipts of next ? records.parts() : []) {
        const all = { to: server, from: this.#context.id, receipts };
        writeServerReceipts(next!.out, all, 1);
      }
      this.#giveBack(records);
    }
    this.#toServers.clear();
  }

  #pass(user: string, records: ReceiptRecords, hops: number): void {
    const connection = this.#users.get(user);
    if (connection?.role === "session") {
      for (const part of records.parts()) writeReceipts(connection.out, part);
      return;
    }
    if (connection) {
      for (const { state, code, reason } of readReceipts(records.bytes)) {
        if (state === ReceiptState.Refused) connection.tell(new NetlabError(code, reason));
      }
      return;
    }
    const location = this.#users.locate(user);
    const next = location && this.#mesh.nextHop(location.server);
    if (next && hops <= MAX_HOPS) {
      for (const part of records.parts()) writeRelayedReceipts(next.out, user, part, hops);
    } else this.#owe(user, readReceipts(records.bytes));
  }

  /** Whoever is away is told later how a story ended; that it began they ask again by sending again. */
  #owe(user: string, receipts: readonly Receipt[]): void {
    const ends = receipts.filter(({ state, code }) =>
      state !== ReceiptState.Accepted && code !== ErrorCode.NoSuchUser
    );
    if (ends.length === 0) return;
    const owed = [...this.#owed.get(user) ?? [], ...ends];
    this.#owed.set(user, owed.slice(-MAX_OWED));
  }

  /** The receipts for a user; most often the same one as the last time. */
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

  #giveBack(records: ReceiptRecords): void {
    if (this.#spare.length === MAX_SPARE || records.length > MAX_SPARE_BYTES) return;
    records.clear();
    this.#spare.push(records);
  }
}
