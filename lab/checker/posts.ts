/**
 * Checks the guarantees for ephemeral messages: each is seen at most once, and while nothing changes, all
 * are seen in order.
 *
 * @module
 */
import type { SentEvent } from "./history.ts";
import {
  type Duplicated,
  findDuplicated,
  findOutOfOrder,
  isSeen,
  type MessageOutcome,
  type OutOfOrder,
} from "./outcomes.ts";
import type { UserTimeline } from "./user_timeline.ts";

/**
 * How long around a message nothing may change, so that it must be seen: milliseconds. The network needs
 * time to learn of a change, and a change may take effect before it is recorded. This is longer than all
 * servers of a simulated network need to hear of a user, with retransmissions.
 */
const CALM_MS = 5_000;

/** What a checker found about the ephemeral messages of a run. */
export interface PostFindings {
  /** How many messages were posted. */
  readonly posted: number;
  /** How many of them were seen. */
  readonly seen: number;
  /** How many had to be seen, because nothing changed around them. */
  readonly guaranteed: number;
  /** The messages that had to be seen and were not. */
  readonly lost: readonly SentEvent[];
  /** The messages that were seen more than once. */
  readonly duplicated: readonly Duplicated[];
  /** The messages that were seen too late although nothing had changed. */
  readonly outOfOrder: readonly OutOfOrder[];
}

/**
 * Checks the ephemeral messages of a run.
 *
 * @param changedAt When a server, link or route first changed: milliseconds on the clock of the run. No
 *   route is guaranteed for messages posted after that.
 */
export function checkPosts(
  posts: readonly MessageOutcome[],
  timeline: UserTimeline,
  changedAt: number,
): PostFindings {
  const isCalm = ({ sender, recipient, at }: SentEvent, until: number) =>
    until < changedAt &&
    [sender, recipient].every((user) => timeline.stayed(user, at - CALM_MS, until));
  const guaranteed = posts.filter(({ sent }) => isCalm(sent, sent.at + CALM_MS));
  return {
    posted: posts.length,
    seen: posts.filter(isSeen).length,
    guaranteed: guaranteed.length,
    lost: guaranteed.filter((outcome) => !isSeen(outcome)).map(({ sent }) => sent),
    duplicated: findDuplicated(posts),
    outOfOrder: findOutOfOrder(posts, (sent, seenAt) => !isCalm(sent, seenAt)),
  };
}
