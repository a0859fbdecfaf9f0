/**
 * The fast path for batches: it copies them from the buffer in which they were read to the buffer from
 * which they are written. It takes only batches about which nothing is unusual. At the first other frame
 * it stops, and the router decides about that one. A differential test compares the two.
 *
 * @module
 */
import { BatchFields, FrameType, HEADER_BYTES, MessageKind } from "@netlab/protocol/codec";
import type { Connection } from "../connection.ts";
import { MAX_HOPS } from "../mesh/mesh.ts";
import type { NameTable } from "../dedup/name_table.ts";
import { PAUSE_BYTES } from "../back_pressure.ts";
import { Peer } from "../mesh/peer.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";
import { User } from "../users/user.ts";

/** Routes runs of batches. */
export class BatchFastPath {
  readonly #routes: NameTable<User | Peer>;
  readonly #seen: SeenMessages;
  /** The current batch. */
  readonly #fields = new BatchFields();

  /** A fast path to the recipients in `routes`: users of this server, and next hops to others. */
  constructor(routes: NameTable<User | Peer>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Routes the batches from `from` that lie in `bytes` between `start` and `end`, up to the first one about
   * which something is unusual. Writes hop counts into the frames.
   *
   * @returns Where the first frame begins that it did not take.
   */
  run(from: Connection, bytes: Uint8Array, start: number, end: number): number {
    const sender = from.party;
    if (!(sender instanceof User || sender instanceof Peer)) return start;
    let at = start;
    // Batches in a row that go to the same place are copied together, from `first` on.
    let first = start;
    let to: User | Peer | undefined;
    for (let next; (next = endOfBatch(bytes, at, end)) > 0; at = next) {
      const found = this.#find(sender, bytes, at, next);
      if (found !== to) {
        if (to) to.out.copy(this.#fields.view, first, at);
        to = found;
        first = at;
      }
      // Beyond this, the router pauses the sender.
      if (!to || to.out.length + at - first > PAUSE_BYTES) break;
      if (!this.#take(sender, to, at)) break;
    }
    if (to && at > first) to.out.copy(this.#fields.view, first, at);
    return at;
  }

  /** Finds where the batch from `start` to `end` goes whole; `undefined` when it does not. */
  #find(
    from: User | Peer,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): User | Peer | undefined {
    const fields = this.#fields;
    if (!fields.find(bytes, start + HEADER_BYTES, end)) return undefined;
    // A user sends in its own name. The names in a peer's messages were checked by the sender's server.
    if (from instanceof User && !from.hasName(bytes, fields.sender, fields.senderEnd)) {
      return undefined;
    }
    const to = this.#routes.find(bytes, fields.recipient, fields.recipientEnd);
    return to?.readsBatches ? to : undefined;
  }

  /** Takes the current batch, whose header is at `at`. Returns whether it may go to `to`. */
  #take(from: User | Peer, to: User | Peer, at: number): boolean {
    const { view } = this.#fields;
    if (to instanceof User) {
      if (!this.#seen.addBatch(this.#fields)) return false;
      view.setUint16(at + 4, 0);
      return true;
    }
    const hops = from instanceof User ? 1 : view.getUint16(at + 4) + 1;
    // Split horizon, and the hop limit.
    if (to === from || hops > MAX_HOPS) return false;
    view.setUint16(at + 4, hops);
    return true;
  }
}

/** Where the batch at `at` ends; 0 when there is no batch, or not all of it. */
function endOfBatch(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER_BYTES) return 0;
  if (bytes[at] !== FrameType.Message || bytes[at + 1] !== MessageKind.Batch) return 0;
  const next = at + HEADER_BYTES + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  return next > end ? 0 : next;
}
