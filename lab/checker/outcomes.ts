/**
 * The outcome of each message of a run, and the faults that do not depend on its kind: duplicates and
 * wrong order. The callers know which messages may be late.
 *
 * @module
 */
import type { SentEvent } from "./history.ts";

/** What became of one message. */
export interface MessageOutcome {
  /** How the message was sent. */
  readonly sent: SentEvent;
  /** What the network answered. `undefined` if it has not answered yet. */
  answer: "accepted" | "refused" | undefined;
  /** When the network answered: milliseconds on the clock of the run. */
  answeredAt: number;
  /** When the recipient saw the message, once for each time: milliseconds on the clock of the run. */
  readonly seenAt: number[];
}

/** A message that was seen more than once. */
export interface Duplicated {
  /** The message. */
  readonly message: SentEvent;
  /** How often it was seen. */
  readonly times: number;
}

/** A message that was seen after a later one of the same sender to the same recipient. */
export interface OutOfOrder {
  /** The message that arrived too late. */
  readonly late: SentEvent;
  /** A message that was sent later and seen earlier. */
  readonly after: SentEvent;
}

/** Whether the recipient saw the message. */
export function isSeen({ seenAt }: MessageOutcome): boolean {
  return seenAt.length > 0;
}

/** Finds the messages that were seen more than once. */
export function findDuplicated(outcomes: readonly MessageOutcome[]): Duplicated[] {
  return outcomes
    .filter(({ seenAt }) => seenAt.length > 1)
    .map(({ sent, seenAt }) => ({ message: sent, times: seenAt.length }));
}

/**
 * Finds the messages that were seen after a later one.
 *
 * @param isExcused Whether order is not guaranteed for a message that was seen at this time.
 */
export function findOutOfOrder(
  outcomes: readonly MessageOutcome[],
  isExcused: (sent: SentEvent, seenAt: number) => boolean,
): OutOfOrder[] {
  const pairs = Map.groupBy(
    outcomes.filter(isSeen),
    ({ sent }) => JSON.stringify([sent.sender, sent.recipient]),
  );
  const found: OutOfOrder[] = [];
  for (const seen of pairs.values()) {
    seen.sort((a, b) => a.seenAt[0]! - b.seenAt[0]!);
    let newest: MessageOutcome | undefined;
    for (const outcome of seen) {
      const { sent, seenAt: [at] } = outcome;
      if (newest && sent.sequence < newest.sent.sequence) {
        if (!isExcused(sent, at!)) found.push({ late: sent, after: newest.sent });
      } else {
        newest = outcome;
      }
    }
  }
  return found;
}
