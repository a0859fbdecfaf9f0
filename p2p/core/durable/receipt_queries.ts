/**
 * Receipt queries: a sender's client asks for the outcome of a message for which it has no final receipt.
 * The query goes to every reachable server, and each sends the outcomes it knows. Owns the path of
 * queries. The mailbox and local delivery own the outcomes.
 *
 * @module
 */
import { type Frame, NIL_UUID, readReceiptQuery, writeReceiptQuery } from "@netlab/protocol/codec";
import type { BackPressure } from "../connection/back_pressure.ts";
import type { Connection } from "../connection/connection.ts";
import type { Context } from "../host.ts";
import type { LocalDelivery } from "../routing/local_delivery.ts";
import type { Mailbox } from "../mailbox/mailbox.ts";
import type { ServerNetwork } from "../mesh/server_network.ts";
import type { Receipts } from "./receipts.ts";
import type { Topology } from "../mesh/topology/topology.ts";
import type { User } from "../users/user.ts";

/** How many small frames take as long as the query for one message at another server, here and there. */
const UNITS_PER_ID = 3;

const encoder = new TextEncoder();

/** The components that {@linkcode ReceiptQueries} use. */
export interface ReceiptQueryParts {
  /** How this server reaches the others. */
  readonly mesh: ServerNetwork;
  /** The reachable servers. */
  readonly topology: Topology;
  /** The stored messages, and the outcomes of those that were stored. */
  readonly mailbox: Mailbox;
  /** Knows the messages that were delivered to this server's users. */
  readonly localDelivery: LocalDelivery;
  /** Sends the receipts. */
  readonly receipts: Receipts;
  /** Pauses users who ask for more than the links take. */
  readonly backPressure: BackPressure;
}

/** Answers receipt queries and sends them to other servers. */
export class ReceiptQueries {
  readonly #context: Context;
  readonly #parts: ReceiptQueryParts;

  /** Creates the receipt queries of one server. */
  constructor(context: Context, parts: ReceiptQueryParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Handles a query of a user of this server. Unknown messages are queried at all reachable servers. */
  asked({ name: user, connection }: User, frame: Frame): void {
    const { mesh, topology, backPressure } = this.#parts;
    const { ids } = readReceiptQuery(frame.payload);
    const unknown = this.#answer(user, ids);
    connection.charge(ids.length);
    if (unknown.length === 0) return;
    const routes = topology.routes();
    connection.charge(routes.size * unknown.length * UNITS_PER_ID);
    for (const to of routes.keys()) {
      const next = mesh.nextHop(to);
      // A client asks again later for what it does not get to know.
      if (!next || !backPressure.mayWrite(connection, next.connection, this.#context.now)) continue;
      writeReceiptQuery(next.out, { to, user, ids: unknown }, 1);
    }
  }

  /** Handles a query from another server, for one of that server's users. */
  relayed(from: Connection, frame: Frame): void {
    const { to, user, ids } = readReceiptQuery(frame.payload);
    if (to === this.#context.id) this.#answer(user, ids);
    else if (to !== NIL_UUID) this.#parts.mesh.forward(to, frame, from);
  }

  /** Sends the outcomes that are known here. Returns the ids of unknown messages. */
  #answer(user: string, ids: readonly string[]): string[] {
    const { mailbox, localDelivery, receipts } = this.#parts;
    const sender = encoder.encode(`${user}\0`);
    return ids.filter((id) => {
      if (mailbox.messages.has(id)) return false;
      const outcome = mailbox.outcomeOf(id) ??
        (localDelivery.wasDeliveredFrom(sender, id) ? localDelivery.receiptFor(id) : undefined);
      if (outcome) receipts.toUser(user, outcome);
      return !outcome;
    });
  }
}
