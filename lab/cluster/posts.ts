/**
 * What is promised of messages that nobody keeps, and whether it was kept: each is seen once at most, and
 * as long as nothing changes, all of them are, in order. Pure.
 *
 * @module
 */
import type { SentEvent } from "../checker/history.ts";
import {
  type Duplicated,
  findDuplicated,
  findOutOfOrder,
  isSeen,
  type OutOfOrder,
  type Story,
} from "../checker/stories.ts";
import type { Whereabouts } from "../checker/whereabouts.ts";

/**
 * What changes is not known everywhere at once, nor told before it begins to matter: milliseconds. More
 * than a simulated network takes to hear of a user, over all its servers and with what is sent again.
 */
const CALM_MS = 5_000;

/** What a checker found about messages that were posted. */
export interface PostFindings {
  /** How many there were. */
  readonly posted: number;
  /** How many of them were seen. */
  readonly seen: number;
  /** How many had to be seen, as nothing changed around them. */
  readonly promised: number;
  /** Those of them that were not. */
  readonly lost: readonly SentEvent[];
  /** Seen more than once. */
  readonly duplicated: readonly Duplicated[];
  /** Seen too late, although nothing had changed. */
  readonly outOfOrder: readonly OutOfOrder[];
}

/**
 * Checks the posts of a run.
 *
 * @param changedAt When servers, links or ways changed for the first time: milliseconds. Which of them
 *   a post will take is nobody's promise from then on.
 */
export function checkPosts(
  posts: readonly Story[],
  whereabouts: Whereabouts,
  changedAt: number,
): PostFindings {
  const isCalm = ({ sender, recipient, at }: SentEvent, until: number) =>
    until < changedAt &&
    [sender, recipient].every((user) => whereabouts.stayed(user, at - CALM_MS, until));
  const promised = posts.filter(({ sent }) => isCalm(sent, sent.at + CALM_MS));
  return {
    posted: posts.length,
    seen: posts.filter(isSeen).length,
    promised: promised.length,
    lost: promised.filter((story) => !isSeen(story)).map(({ sent }) => sent),
    duplicated: findDuplicated(posts),
    outOfOrder: findOutOfOrder(posts, (sent, seenAt) => !isCalm(sent, seenAt)),
  };
}
