/**
 * Checks the history of a run against the guarantees of the network: no accepted message is lost, none is
 * seen twice, none is made up, and order holds. `posts.ts` checks ephemeral messages.
 *
 * @module
 */
import { type Latency, latencyOf } from "../statistics.ts";
import type { HistoryEvent, SeenEvent, SentEvent, UserEvent } from "./history.ts";
import {
  type Duplicated,
  findDuplicated,
  findOutOfOrder,
  isSeen,
  type MessageOutcome,
  type OutOfOrder,
} from "./outcomes.ts";
import { checkPosts, type PostFindings } from "./posts.ts";
import { UserTimeline } from "./user_timeline.ts";

export type { Latency } from "../statistics.ts";
export type * from "./history.ts";
export type { Duplicated, OutOfOrder } from "./outcomes.ts";
export type { PostFindings } from "./posts.ts";

/** A message that was seen and should not have been. */
export interface Unexpected extends SeenEvent {
  /** Why it should not have been seen. */
  readonly why:
    | "never sent"
    | "wrong recipient"
    | "wrong sender"
    | "refused"
    | "seen before it was sent";
}

/** What {@linkcode checkHistory} found. All numbers but `posts` are about durable messages. */
export interface Findings {
  /** How many messages were sent. */
  readonly sent: number;
  /** How many the network accepted. */
  readonly accepted: number;
  /** How many the network refused. */
  readonly refused: number;
  /** How many were seen by their recipients. */
  readonly seen: number;
  /** How many were sent while their recipients were away. */
  readonly waited: number;
  /** Messages that were accepted and not seen by the end, without those that a disk damaged. */
  readonly lost: readonly SentEvent[];
  /** How many accepted messages were damaged on a disk and not seen. */
  readonly damaged: number;
  /** Messages that were seen more than once. */
  readonly duplicated: readonly Duplicated[];
  /** Messages that were seen and should not have been, ephemeral ones included. */
  readonly unexpected: readonly Unexpected[];
  /** Messages that were seen after a later one. */
  readonly outOfOrder: readonly OutOfOrder[];
  /** Messages that were neither accepted nor refused. No guarantee covers them, seen or not. */
  readonly unknown: readonly SentEvent[];
  /** The findings about ephemeral messages. */
  readonly posts: PostFindings;
  /** Why the run is inconclusive: its history contradicts itself, or it tested no guarantee. */
  readonly doubts: readonly string[];
  /** The time from sending to acceptance. `undefined` if no message was accepted. */
  readonly acceptedMs: Latency | undefined;
  /** The time from sending, or from the recipient's return, to being seen. `undefined` if none was seen. */
  readonly seenMs: Latency | undefined;
  /** 0 if all guarantees were kept, 1 if one was broken, 2 if the run cannot tell. */
  readonly exitCode: 0 | 1 | 2;
}

/**
 * Checks a run that has ended.
 *
 * @param history The events of the run, in the order in which they happened.
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
  const outcomes = new Map<string, MessageOutcome>();
  const users = new Map<string, UserEvent[]>();
  const doubts: string[] = [];
  const unexpected: Unexpected[] = [];
  const damaged = new Set<string>();
  let changedAt = Infinity;
  for (const event of history) {
    if (event.kind === "changed") {
      changedAt = Math.min(changedAt, event.at);
      continue;
    }
    if (event.kind === "damaged") {
      damaged.add(event.id);
      continue;
    }
    if ("user" in event) {
      const events = users.get(event.user);
      if (events) events.push(event);
      else users.set(event.user, [event]);
      continue;
    }
    const outcome = outcomes.get(event.id);
    if (event.kind === "sent" || event.kind === "posted") {
      if (outcome) doubts.push(`message ${event.id} was sent twice`);
      else outcomes.set(event.id, { sent: event, answer: undefined, answeredAt: 0, seenAt: [] });
    } else if (event.kind === "seen") {
      const why = whyUnexpected(event, outcome);
      if (why) unexpected.push({ ...event, why });
      else outcome!.seenAt.push(event.at);
    } else if (!outcome) {
      doubts.push(`message ${event.id} was ${event.kind}, but never sent`);
    } else if (outcome.answer) {
      doubts.push(`message ${event.id} was ${outcome.answer}, and then ${event.kind}`);
    } else {
      outcome.answer = event.kind;
      outcome.answeredAt = event.at;
    }
  }
  const timeline = new UserTimeline(users);
  const [durable, posted] = [[], []] as [MessageOutcome[], MessageOutcome[]];
  for (const outcome of outcomes.values()) {
    (outcome.sent.kind === "sent" ? durable : posted).push(outcome);
  }
  const posts = checkPosts(posted, timeline, changedAt);
  return conclude(durable, posts, timeline, unexpected, doubts, damaged);
}

function whyUnexpected(
  event: SeenEvent,
  outcome: MessageOutcome | undefined,
): Unexpected["why"] | undefined {
  if (!outcome) return "never sent";
  if (event.recipient !== outcome.sent.recipient) return "wrong recipient";
  if (event.sender !== outcome.sent.sender) return "wrong sender";
  return event.at < outcome.sent.at ? "seen before it was sent" : undefined;
}

function conclude(
  outcomes: MessageOutcome[],
  posts: PostFindings,
  timeline: UserTimeline,
  unexpected: Unexpected[],
  doubts: string[],
  damaged: ReadonlySet<string>,
): Findings {
  const accepted = outcomes.filter(({ answer }) => answer === "accepted");
  const refused = outcomes.filter(({ answer }) => answer === "refused");
  const seen = outcomes.filter(isSeen);
  const unseen = accepted.filter((outcome) => !isSeen(outcome)).map(({ sent }) => sent);
  const lost = unseen.filter(({ id }) => !damaged.has(id));
  const duplicated = findDuplicated(outcomes);
  for (const { sent, seenAt: [at] } of refused) {
    if (at !== undefined) unexpected.push({ ...sent, kind: "seen", at, why: "refused" });
  }
  const outOfOrder = findOutOfOrder(outcomes, (sent, at) => timeline.isExcused(sent, at));
  if (accepted.length === 0) {
    doubts.push("no message was accepted, so no guarantee was tested");
  }
  const faults = [lost, duplicated, unexpected, outOfOrder];
  const postFaults = [posts.lost, posts.duplicated, posts.outOfOrder];
  const broken = [...faults, ...postFaults].some(({ length }) => length > 0);
  return {
    sent: outcomes.length,
    accepted: accepted.length,
    refused: refused.length,
    seen: seen.length,
    waited: outcomes.filter(({ sent }) => timeline.isAway(sent.recipient, sent.at)).length,
    lost,
    damaged: unseen.length - lost.length,
    duplicated,
    unexpected,
    outOfOrder,
    unknown: outcomes.filter(({ answer }) => answer === undefined).map(({ sent }) => sent),
    posts,
    doubts,
    acceptedMs: latencyOf(accepted.map(({ sent, answeredAt }) => answeredAt - sent.at)),
    seenMs: latencyOf(seen.map(({ sent, seenAt: [at] }) => {
      return at! - Math.max(sent.at, timeline.returnedAt(sent.recipient, at!));
    })),
    exitCode: broken ? 1 : doubts.length > 0 ? 2 : 0,
  };
}
