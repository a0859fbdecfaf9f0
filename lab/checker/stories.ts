/**
 * What became of each message of a run, and what is wrong with it whatever was promised about it: seen
 * more than once, or behind a later one. Pure; what may be late, its callers know.
 *
 * @module
 */
import type { SentEvent } from "./history.ts";

/** A message, from the moment it was sent. */
export interface Story {
  /** How it began. */
  readonly sent: SentEvent;
  /** What the network said of it. */
  answer: "accepted" | "refused" | undefined;
  /** When it did: milliseconds. */
  answeredAt: number;
  /** Each time that its recipient saw it: milliseconds. */
  readonly seenAt: number[];
}

/** A message that was seen more than once, and how often. */
export interface Duplicated {
  /** The message. */
  readonly message: SentEvent;
  /** How often it was seen. */
  readonly times: number;
}

/** A message that was seen after a later one of the same sender to the same recipient. */
export interface OutOfOrder {
  /** The one that came too late. */
  readonly late: SentEvent;
  /** The one that was seen before it, though sent after it. */
  readonly after: SentEvent;
}

/** Whether its recipient saw a message. */
export function isSeen({ seenAt }: Story): boolean {
  return seenAt.length > 0;
}

/** Those that were seen more than once. */
export function findDuplicated(stories: readonly Story[]): Duplicated[] {
  return stories
    .filter(({ seenAt }) => seenAt.length > 1)
    .map(({ sent, seenAt }) => ({ message: sent, times: seenAt.length }));
}

/**
 * Those that were seen after a later one.
 *
 * @param isExcused Whether order was not promised for a message that was seen at that time.
 */
export function findOutOfOrder(
  stories: readonly Story[],
  isExcused: (sent: SentEvent, seenAt: number) => boolean,
): OutOfOrder[] {
  const pairs = Map.groupBy(
    stories.filter(isSeen),
    ({ sent }) => JSON.stringify([sent.sender, sent.recipient]),
  );
  const found: OutOfOrder[] = [];
  for (const stories of pairs.values()) {
    // In the order of being seen; what was seen before is compared with the furthest so far.
    stories.sort((a, b) => a.seenAt[0]! - b.seenAt[0]!);
    let furthest: Story | undefined;
    for (const story of stories) {
      const { sent, seenAt: [at] } = story;
      if (furthest && sent.sequence < furthest.sent.sequence) {
        if (!isExcused(sent, at!)) found.push({ late: sent, after: furthest.sent });
      } else {
        furthest = story;
      }
    }
  }
  return found;
}
