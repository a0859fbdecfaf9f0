/**
 * Says from the history of a run whether the network kept its promises: nothing that was accepted is
 * lost, nothing is seen twice, nothing is made up, and order holds. Pure: the history is all it knows. What
 * is promised of posts is in `posts.ts`.
 *
 * @module
 */
import type { HistoryEvent, SeenEvent, SentEvent, UserEvent } from "./history.ts";
import { checkPosts, type PostFindings } from "../cluster/posts.ts";
import {
  type Duplicated,
  findDuplicated,
  findOutOfOrder,
  isSeen,
  type OutOfOrder,
  type Story,
} from "./stories.ts";
import { Whereabouts } from "./whereabouts.ts";

export type * from "./history.ts";
export type { PostFindings } from "../cluster/posts.ts";
export type { Duplicated, OutOfOrder } from "./stories.ts";

/** How long something took in a run: milliseconds. */
export interface Latency {
  /** Half took no longer. */
  readonly p50: number;
  /** Nine of ten took no longer. */
  readonly p90: number;
  /** 99 of 100 took no longer. */
  readonly p99: number;
  /** The longest. */
  readonly max: number;
}

/** A message that was seen although it should not have been. */
export interface Unexpected extends SeenEvent {
  /** Why it should not have been. */
  readonly why:
    | "never sent"
    | "wrong recipient"
    | "wrong sender"
    | "refused"
    | "seen before it was sent";
}

/** What {@linkcode checkHistory} found. */
export interface Findings {
  /** How many messages were sent. */
  readonly sent: number;
  /** How many the network said it has safe. */
  readonly accepted: number;
  /** How many it said it will not deliver. */
  readonly refused: number;
  /** How many of those sent were seen by their recipients. */
  readonly seen: number;
  /** How many were sent while their recipients were away. */
  readonly waited: number;
  /** Accepted, and not seen by the end. */
  readonly lost: readonly SentEvent[];
  /** Seen more than once, and how often. */
  readonly duplicated: readonly Duplicated[];
  /** Seen, and should not have been. */
  readonly unexpected: readonly Unexpected[];
  /** Seen too late. */
  readonly outOfOrder: readonly OutOfOrder[];
  /** Sent, and neither accepted nor refused: whether they were seen or not, no promise was broken. */
  readonly unknown: readonly SentEvent[];
  /** What there is to say of messages that were posted; the other numbers are about those that were sent. */
  readonly posts: PostFindings;
  /** Why nothing can be concluded: the history contradicts itself, or no promise was put to the test. */
  readonly doubts: readonly string[];
  /** From sending to the network's word that it has a message; none when nothing was accepted. */
  readonly acceptedMs: Latency | undefined;
  /** From sending, or the recipient's return, to being seen; none when nothing was. */
  readonly seenMs: Latency | undefined;
  /** 0 when all promises were kept, 1 when one was broken, 2 when that cannot be told. */
  readonly exitCode: 0 | 1 | 2;
}

/**
 * Checks a run that has come to its end.
 *
 * @param history What happened, in the order in which it did.
 *
 * @example
 * ```ts
 * import { checkHistory } from "@netlab/lab";
 *
 * const message = { id: "1", sender: "Alice", recipient: "Bob" };
 * const findings = checkHistory([
 *   { kind: "sent", at: 0, sequence: 1, ...message },
 *   { kind: "accepted", at: 2, id: "1" },
 * ]);
 * findings.lost.length; // 1: Bob never saw it
 * findings.exitCode; // 1
 * ```
 */
export function checkHistory(history: Iterable<HistoryEvent>): Findings {
  const stories = new Map<string, Story>();
  const users = new Map<string, UserEvent[]>();
  const doubts: string[] = [];
  const unexpected: Unexpected[] = [];
  let changedAt = Infinity;
  for (const event of history) {
    if (event.kind === "changed") {
      changedAt = Math.min(changedAt, event.at);
      continue;
    }
    if ("user" in event) {
      const events = users.get(event.user);
      if (events) events.push(event);
      else users.set(event.user, [event]);
      continue;
    }
    const story = stories.get(event.id);
    if (event.kind === "sent" || event.kind === "posted") {
      if (story) doubts.push(`message ${event.id} was sent twice`);
      else stories.set(event.id, { sent: event, answer: undefined, answeredAt: 0, seenAt: [] });
    } else if (event.kind === "seen") {
      const why = whyUnexpected(event, story);
      if (why) unexpected.push({ ...event, why });
      else story!.seenAt.push(event.at);
    } else if (!story) {
      doubts.push(`message ${event.id} was ${event.kind}, but never sent`);
    } else if (story.answer) {
      doubts.push(`message ${event.id} was ${story.answer}, and then ${event.kind}`);
    } else {
      story.answer = event.kind;
      story.answeredAt = event.at;
    }
  }
  const whereabouts = new Whereabouts(users);
  const [kept, posted] = [[], []] as [Story[], Story[]];
  for (const story of stories.values()) (story.sent.kind === "sent" ? kept : posted).push(story);
  const posts = checkPosts(posted, whereabouts, changedAt);
  return conclude(kept, posts, whereabouts, unexpected, doubts);
}

function whyUnexpected(event: SeenEvent, story: Story | undefined): Unexpected["why"] | undefined {
  if (!story) return "never sent";
  if (event.recipient !== story.sent.recipient) return "wrong recipient";
  if (event.sender !== story.sent.sender) return "wrong sender";
  return event.at < story.sent.at ? "seen before it was sent" : undefined;
}

function conclude(
  stories: Story[],
  posts: PostFindings,
  whereabouts: Whereabouts,
  unexpected: Unexpected[],
  doubts: string[],
): Findings {
  const accepted = stories.filter(({ answer }) => answer === "accepted");
  const refused = stories.filter(({ answer }) => answer === "refused");
  const seen = stories.filter(isSeen);
  const lost = accepted.filter((story) => !isSeen(story)).map(({ sent }) => sent);
  const duplicated = findDuplicated(stories);
  for (const { sent, seenAt: [at] } of refused) {
    if (at !== undefined) unexpected.push({ ...sent, kind: "seen", at, why: "refused" });
  }
  const outOfOrder = findOutOfOrder(stories, (sent, at) => whereabouts.isExcused(sent, at));
  if (accepted.length === 0) {
    doubts.push("no message was accepted, so no promise was put to the test");
  }
  const faults = [lost, duplicated, unexpected, outOfOrder];
  const postFaults = [posts.lost, posts.duplicated, posts.outOfOrder];
  const broken = [...faults, ...postFaults].some(({ length }) => length > 0);
  return {
    sent: stories.length,
    accepted: accepted.length,
    refused: refused.length,
    seen: seen.length,
    waited: stories.filter(({ sent }) => whereabouts.isAway(sent.recipient, sent.at)).length,
    lost,
    duplicated,
    unexpected,
    outOfOrder,
    unknown: stories.filter(({ answer }) => answer === undefined).map(({ sent }) => sent),
    posts,
    doubts,
    acceptedMs: latencyOf(accepted.map(({ sent, answeredAt }) => answeredAt - sent.at)),
    seenMs: latencyOf(seen.map(({ sent, seenAt: [at] }) => {
      return at! - Math.max(sent.at, whereabouts.returnedAt(sent.recipient, at!));
    })),
    exitCode: broken ? 1 : doubts.length > 0 ? 2 : 0,
  };
}

/**
 * How long some things took, of which each took so many milliseconds; `undefined` for none. By the nearest
 * rank: each value is one that was measured. Sorts them.
 */
export function latencyOf(times: number[]): Latency | undefined {
  if (times.length === 0) return undefined;
  times.sort((a, b) => a - b);
  const rank = (share: number) => times[Math.ceil(share * times.length) - 1]!;
  return { p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), max: times.at(-1)! };
}
