/**
 * The fast path for batches. It copies them from the read buffer of one connection to the write buffer of
 * another. It takes only batches that need nothing else. It stops at the first other frame, which the
 * router then handles. A differential test compares the results of both. Owns no rules: they are in
 * `router.ts`.
 *
 * @module
 */
import { BatchFields, FrameType, HEADER_BYTES, MessageKind } from "@netlab/protocol/codec";
import type { Connection } from "../connection/connection.ts";
import type { Counters } from "../watch/counters.ts";
import { MAX_HOPS } from "../mesh/server_network.ts";
import type { NameTable } from "../dedup/tables/name_table.ts";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import { Peer } from "../mesh/peer.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";
import { User } from "../users/user.ts";

/** Routes runs of batches. */
export class BatchFastPath {
  readonly #routes: NameTable<User | Peer>;
  readonly #seen: SeenMessages;
  readonly #counters: Counters;
  /** The current batch. */
  readonly #fields = new BatchFields();

  /**
   * Creates the fast path of one server.
   *
   * @param routes The recipients it can reach: users of this server, and next hops to others.
   * @param seen The messages that were delivered.
   * @param counters Counts the messages.
   */
  constructor(routes: NameTable<User | Peer>, seen: SeenMessages, counters: Counters) {
    this.#routes = routes;
    this.#seen = seen;
    this.#counters = counters;
  }

  /**
   * Routes batches from a connection, up to the first frame that needs the router. Writes hop counts into
   * the frames.
   *
   * @param bytes The buffer in which they were read, from `start` to `end`.
   * @returns The offset of the first frame that it did not take.
   */
  run(from: Connection, bytes: Uint8Array, start: number, end: number): number {
    const sender = from.party;
    if (!(sender instanceof User || sender instanceof Peer)) return start;
    let at = start;
    // Consecutive batches with one destination are copied together, starting at `first`.
    let first = start;
    let to: User | Peer | undefined;
    for (let next; (next = endOfBatch(bytes, at, end)) > 0; at = next) {
      const found = this.#find(sender, bytes, at, next);
      if (found !== to) {
        if (to) to.out.copy(this.#fields.view, first, at);
        to = found;
        first = at;
      }
      // Beyond this limit, the router pauses the sender.
      if (!to || to.out.length + at - first > PAUSE_BYTES) break;
      if (!this.#take(sender, to, at)) break;
    }
    if (to && at > first) to.out.copy(this.#fields.view, first, at);
    return at;
  }

  /** Finds the destination of the batch from `start` to `end`; `undefined` if it needs the router. */
  #find(
    from: User | Peer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): User | Peer | undefined {
    const fields = this.#fields;
    if (!fields.find(bytes, start + HEADER_BYTES, end)) return undefined;
    // A user must send in its own name. A peer's messages were checked by the sender's server.
    if (from instanceof User && !from.hasName(bytes, fields.sender, fields.senderEnd)) {
      return undefined;
    }
    const to = this.#routes.find(bytes, fields.recipient, fields.recipientEnd);
    return to?.readsBatches ? to : undefined;
  }

  /** Takes the current batch, whose header is at `at`. Returns whether it may be sent to `to`. */
  #take(from: User | Peer, to: User | Peer, at: number): boolean {
    const { view, count } = this.#fields;
    if (to instanceof User) {
      if (!this.#seen.addBatch(this.#fields)) return false;
      view.setUint16(at + 4, 0);
      this.#counters.messagesReceived += count;
      this.#counters.messagesDelivered += count;
      return true;
    }
    const hops = from instanceof User ? 1 : (view.getUint16(at + 4) || 1) + 1;
    // Split horizon and the hop limit.
    if (to === from || hops > MAX_HOPS) return false;
    view.setUint16(at + 4, hops);
    this.#counters.messagesReceived += count;
    this.#counters.messagesForwarded += count;
    return true;
  }
}

/** Returns the end of the batch at `at`; 0 if there is no complete batch. */
function endOfBatch(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER_BYTES) return 0;
  if (bytes[at] !== FrameType.Message || bytes[at + 1] !== MessageKind.Batch) return 0;
  const next = at + HEADER_BYTES + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  return next > end ? 0 : next;
}
