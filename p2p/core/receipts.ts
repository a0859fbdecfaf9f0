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
  MAX_RECEIPTS_PER_FRAME,
  NetlabError,
  readRelayedReceipts,
  type Receipt,
  ReceiptState,
  writeReceipts,
  writeRelayedReceipts,
  writeServerReceipts,
} from "@netlab/protocol";
import type { Context } from "./host.ts";
import { MAX_HOPS, type Mesh } from "./mesh.ts";
import type { Users } from "./users.ts";

/** Receipts that are owed to one user who is away, at most; older ones are dropped. */
const MAX_OWED = 10_000;

/** A receipt that says that a message is safe. */
export function accepted(id: string): Receipt {
  return { id, state: ReceiptState.Accepted, code: 0, reason: "" };
}

/** A receipt that says that a message was delivered. */
export function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

/** A receipt that says that a message was refused, and why. */
export function refused(id: string, code: number, reason: string): Receipt {
  return { id, state: ReceiptState.Refused, code, reason };
}

/** The receipts of one server. */
export class Receipts {
  readonly #context: Context;
  readonly #users: Users;
  readonly #mesh: Mesh;
  readonly #toUsers = new Map<string, Receipt[]>();
  readonly #toSelf: Receipt[] = [];
  readonly #toServers = new Map<string, Receipt[]>();
  readonly #owed = new Map<string, Receipt[]>();

  /** None yet. */
  constructor(context: Context, users: Users, mesh: Mesh) {
    this.#context = context;
    this.#users = users;
    this.#mesh = mesh;
  }

  /** Tells a user, wherever they are, with the other receipts of this turn. */
  toUser(user: string, receipt: Receipt): void {
    gather(this.#toUsers, user, receipt);
  }

  /** Tells the server that keeps the message, which may be this one, with the others of this turn. */
  toServer(server: string, receipt: Receipt): void {
    if (server === this.#context.id) this.#toSelf.push(receipt);
    else gather(this.#toServers, server, receipt);
  }

  /** What this server was told as the one that keeps the messages, since this was asked last. */
  takeOwn(): readonly Receipt[] {
    return this.#toSelf.splice(0);
  }

  /** Receipts for a user of this or another server came from a server. */
  relayed(frame: Frame): void {
    const { user, receipts } = readRelayedReceipts(frame.payload);
    this.#pass(user, receipts, frame.reserved + 1);
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
      for (const [user, receipts] of this.#toUsers) {
        for (const part of parts(receipts)) this.#pass(user, part, 1);
      }
      this.#toUsers.clear();
    }
    if (this.#toServers.size === 0) return;
    for (const [server, receipts] of this.#toServers) {
      const next = this.#mesh.toward(server);
      // Without a way there, that server sends the messages again when there is one.
      if (!next) continue;
      for (const part of parts(receipts)) {
        const all = { to: server, from: this.#context.id, receipts: part };
        writeServerReceipts(next.port.out, all, 1);
      }
    }
    this.#toServers.clear();
  }

  #pass(user: string, receipts: readonly Receipt[], hops: number): void {
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
    else this.#owe(user, receipts);
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
}

function gather(all: Map<string, Receipt[]>, key: string, receipt: Receipt): void {
  const receipts = all.get(key);
  if (receipts) receipts.push(receipt);
  else all.set(key, [receipt]);
}

function* parts(receipts: readonly Receipt[]): Iterable<Receipt[]> {
  for (let at = 0; at < receipts.length; at += MAX_RECEIPTS_PER_FRAME) {
    yield receipts.slice(at, at + MAX_RECEIPTS_PER_FRAME);
  }
}
