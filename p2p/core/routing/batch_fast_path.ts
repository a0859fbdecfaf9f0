/**
 * The hot path for batches, as the fast lane is for single messages: from the buffer in which they were
 * read to the buffer from which they are written, when all is in order in every respect. At the first
 * frame for which it is not, it stops, and the relay decides about that one: so nothing here says no.
 *
 * @module
 */
import { BatchFields, FrameType, HEADER_BYTES, MessageKind } from "@netlab/protocol/codec";
import type { Connection } from "../connection.ts";
import { MAX_HOPS } from "../mesh/mesh.ts";
import type { NameTable } from "../dedup/name_table.ts";
import { PAUSE_BYTES } from "./router.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";

/** Passes on runs of batches. */
export class BatchFastPath {
  readonly #routes: NameTable<Connection>;
  readonly #seen: SeenMessages;
  /** The batch at hand. */
  readonly #fields = new BatchFields();

  /** A lane for recipients that stand in `routes`: a user of this server, or the link toward theirs. */
  constructor(routes: NameTable<Connection>, seen: SeenMessages) {
    this.#routes = routes;
    this.#seen = seen;
  }

  /**
   * Passes on the batches that `link` sent and that lie in `bytes` from `start` on, as far as all is in
   * order. Writes into what it passes on. Returns where the first frame begins that it left.
   */
  run(connection: Connection, bytes: Uint8Array, start: number, end: number): number {
    if (!connection.isUser && connection.role !== "peer") return start;
    let at = start;
    // A row of batches that go the same way is copied as one.
    let from = start;
    let to: Connection | undefined;
    for (let next; (next = endOfBatch(bytes, at, end)) > 0; at = next) {
      const way = this.#find(connection, bytes, at, next);
      if (way !== to) {
        if (to) to.out.copy(this.#fields.view, from, at);
        to = way;
        from = at;
      }
      // Whoever writes more is held up by the relay.
      if (!to || to.out.length + at - from > PAUSE_BYTES) break;
      if (!this.#take(connection, to, at)) break;
    }
    if (to && at > from) to.out.copy(this.#fields.view, from, at);
    return at;
  }

  /** Finds out where the batch from `start` to `end` goes whole; `undefined` when it does not. */
  #find(
    connection: Connection,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Connection | undefined {
    const fields = this.#fields;
    if (!fields.find(bytes, start + HEADER_BYTES, end)) return undefined;
    // Nobody is impersonated: the sender is the user of the connection. Another server has looked.
    if (connection.isUser && !connection.isCalled(bytes, fields.sender, fields.senderEnd)) {
      return undefined;
    }
    const to = this.#routes.find(bytes, fields.recipient, fields.recipientEnd);
    return to?.readsBatches && (to.isUser || to.role === "peer") ? to : undefined;
  }

  /** Takes the batch at hand, whose header is at `at`; whether it may go to `to`. */
  #take(connection: Connection, to: Connection, at: number): boolean {
    const { view } = this.#fields;
    if (to.isUser) {
      if (!this.#seen.addBatch(this.#fields)) return false;
      view.setUint16(at + 4, 0);
      return true;
    }
    const hops = connection.isUser ? 1 : view.getUint16(at + 4) + 1;
    // Never back where it came from.
    if (to === connection || hops > MAX_HOPS) return false;
    view.setUint16(at + 4, hops);
    return true;
  }
}

/** Where the batch ends that begins at `at`; 0 when none does, or not all of it is there. */
function endOfBatch(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < HEADER_BYTES) return 0;
  if (bytes[at] !== FrameType.Message || bytes[at + 1] !== MessageKind.Batch) return 0;
  const next = at + HEADER_BYTES + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  return next > end ? 0 : next;
}
