/**
 * What became of a message whose sender did not hear how its story ended: asked by the sender's
 * program, passed on to every server within reach, and answered by whoever knows. Owns the way of the
 * question; what is known is the mailbox's and the hand-over's.
 *
 * @module
 */
import { type Frame, NIL_UUID, readReceiptQuery, writeReceiptQuery } from "@netlab/protocol/codec";
import type { LocalDelivery } from "../routing/local_delivery.ts";
import type { Context } from "../host.ts";
import type { Connection } from "../connection.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import { MAX_HOPS, type Mesh } from "../mesh/mesh.ts";
import type { Receipts } from "./receipts.ts";
import type { Topology } from "../mesh/topology.ts";

/** The parts of a core that questions work with. */
export interface ReceiptQueryParts {
  /** The links to other servers. */
  readonly mesh: Mesh;
  /** Which way leads to which server. */
  readonly topology: Topology;
  /** What is kept, and how the stories of what was kept ended. */
  readonly mailbox: Mailbox;
  /** What the users of this server have taken. */
  readonly localDelivery: LocalDelivery;
  /** Answers go out here. */
  readonly receipts: Receipts;
}

/** Answers questions about receipts. */
export class ReceiptQueries {
  readonly #context: Context;
  readonly #parts: ReceiptQueryParts;

  /** Questions to one server. */
  constructor(context: Context, parts: ReceiptQueryParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** A user of this server asks about messages of theirs: all servers within reach are asked. */
  asked(connection: Connection, frame: Frame): void {
    const { mesh, topology } = this.#parts;
    const { ids } = readReceiptQuery(frame.payload);
    const user = connection.name;
    const open = this.#answer(user, ids);
    if (open.length === 0) return;
    for (const to of topology.routes().keys()) {
      const next = mesh.nextHop(to);
      if (next) writeReceiptQuery(next.out, { to, user, ids: open }, 1);
    }
  }

  /** Another server asks for a user of its own. */
  relayed(connection: Connection, frame: Frame): void {
    const { to, user, ids } = readReceiptQuery(frame.payload);
    if (to === this.#context.id) return void this.#answer(user, ids);
    const next = to === NIL_UUID ? undefined : this.#parts.mesh.nextHop(to);
    const hops = frame.reserved + 1;
    if (next && next !== connection && hops <= MAX_HOPS) next.out.forward(frame, hops);
  }

  /** Tells what is known here; the ids of which nothing is. */
  #answer(user: string, ids: readonly string[]): string[] {
    const { mailbox, localDelivery, receipts } = this.#parts;
    return ids.filter((id) => {
      if (mailbox.has(id)) return false;
      const end = mailbox.endOf(id) ??
        (localDelivery.wasTakenFrom(user, id) ? localDelivery.receiptFor(id) : undefined);
      if (end) receipts.toUser(user, end);
      return !end;
    });
  }
}
