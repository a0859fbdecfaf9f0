/**
 * What a server counts while it runs. Plain numbers, so that counting costs nothing that can be measured. Does not
 * know who reads them.
 *
 * @module
 */
import { LIMITS } from "../limits.ts";

/** The codes that say that a limit was hit. */
const LIMIT_CODES: ReadonlySet<number> = new Set(
  Object.values(LIMITS).flatMap((limit) => "code" in limit ? [limit.code] : []),
);

/** The counters of one server. All of them begin at 0, and only grow. */
export class Counters {
  /** Messages that arrived from users and from servers, copies included. */
  messagesReceived = 0;
  /** Messages that were written to users of this server. */
  messagesDelivered = 0;
  /** Messages that were written to other servers. */
  messagesForwarded = 0;
  /** Messages that were stored. */
  messagesStored = 0;
  /** Messages that were refused. */
  messagesRefused = 0;
  /** Copies of messages, which were dropped. */
  duplicates = 0;
  /** Frames that were answered with an error. */
  requestsRefused = 0;
  /** How often each limit was hit, by the code of the error that said so. */
  readonly limitsHit: Map<number, number> = new Map();

  /** Counts an error that was sent to somebody, if it says that a limit was hit. */
  refused(code: number): void {
    if (LIMIT_CODES.has(code)) this.limitsHit.set(code, (this.limitsHit.get(code) ?? 0) + 1);
  }
}
