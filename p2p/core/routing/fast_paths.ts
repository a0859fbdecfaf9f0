/**
 * Both fast paths as one: runs of single messages and runs of batches follow each other in what a
 * connection reads. Owns their order. The rules are in `router.ts`.
 *
 * @module
 */
import { BatchFastPath } from "./batch_fast_path.ts";
import type { Connection } from "../connection/connection.ts";
import type { Counters } from "../watch/counters.ts";
import { MessageFastPath } from "./message_fast_path.ts";
import type { NameTable } from "../dedup/tables/name_table.ts";
import type { Peer } from "../mesh/peer.ts";
import type { SeenMessages } from "../dedup/seen_messages.ts";
import type { User } from "../users/user.ts";

/** Routes ephemeral messages that need no decision. */
export class FastPaths {
  readonly #messages: MessageFastPath;
  readonly #batches: BatchFastPath;

  /** Creates fast paths to the recipients in `routes`: users of this server, and next hops to others. */
  constructor(routes: NameTable<User | Peer>, seen: SeenMessages, counters: Counters) {
    this.#messages = new MessageFastPath(routes, seen, counters);
    this.#batches = new BatchFastPath(routes, seen, counters);
  }

  /**
   * Routes the messages and batches between `start` and `end`, up to the first frame that needs the
   * router. It may modify the buffer.
   *
   * @returns The offset of that frame.
   */
  run(from: Connection, bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (let before = -1; at > before;) {
      before = at;
      at = this.#batches.run(from, bytes, this.#messages.run(from, bytes, at, end), end);
    }
    return at;
  }
}
