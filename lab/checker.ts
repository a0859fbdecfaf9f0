/**
 * Says from the history of a run whether the network kept its promises: nothing that was accepted is
 * lost, nothing is seen twice, nothing is made up, and order holds. Pure: the history is all it knows.
 *
 * @module
 */
import type { HistoryEvent, SeenEvent, SentEvent, UserEvent } from "./history.ts";

export type * from "./history.ts";

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

/** A message that was seen after a later one of the same sender to the same recipient. */
export interface OutOfOrder {
  /** The one that came too late. */
  readonly late: SentEvent;
  /** The one that was seen before it, though sent after it. */
  readonly after: SentEvent;
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
  readonly duplicated: readonly { readonly message: SentEvent; readonly times: number }[];
  /** Seen, and should not have been. */
  readonly unexpected: readonly Unexpected[];
  /** Seen too late. */
  readonly outOfOrder: readonly OutOfOrder[];
  /** Sent, and neither accepted nor refused: whether they were seen or not, no promise was broken. */
  readonly unknown: readonly SentEvent[];
  /** Why nothing can be concluded: the history contradicts itself, or no promise was put to the test. */
  readonly doubts: readonly string[];
  /** From sending to the network's word that it has a message; none when nothing was accepted. */
  readonly acceptedMs: Latency | undefined;
  /** From sending, or the recipient's return, to being seen; none when nothing was. */
  readonly seenMs: Latency | undefined;
  /** 0 when all promises were kept, 1 when one was broken, 2 when that cannot be told. */
  readonly exitCode: 0 | 1 | 2;
}

interface Story {
  readonly sent: SentEvent;
  answer: "accepted" | "refused" | undefined;
  answeredAt: number;
  seenAt: number[];
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
  for (const event of history) {
    if ("user" in event) {
      const events = users.get(event.user);
      if (events) events.push(event);
      else users.set(event.user, [event]);
      continue;
    }
    const story = stories.get(event.id);
    if (event.kind === "sent") {
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
  return conclude([...stories.values()], new Whereabouts(users), unexpected, doubts);
}

function whyUnexpected(event: SeenEvent, story: Story | undefined): Unexpected["why"] | undefined {
  if (!story) return "never sent";
  if (event.recipient !== story.sent.recipient) return "wrong recipient";
  if (event.sender !== story.sent.sender) return "wrong sender";
  return event.at < story.sent.at ? "seen before it was sent" : undefined;
}

function conclude(
  stories: Story[],
  whereabouts: Whereabouts,
  unexpected: Unexpected[],
  doubts: string[],
): Findings {
  const accepted = stories.filter(({ answer }) => answer === "accepted");
  const refused = stories.filter(({ answer }) => answer === "refused");
  const seen = stories.filter(({ seenAt }) => seenAt.length > 0);
  const isSeen = (story: Story) => story.seenAt.length > 0;
  const lost = accepted.filter((story) => !isSeen(story)).map(({ sent }) => sent);
  const duplicated = stories
    .filter(({ seenAt }) => seenAt.length > 1)
    .map(({ sent, seenAt }) => ({ message: sent, times: seenAt.length }));
  for (const { sent, seenAt: [at] } of refused) {
    if (at !== undefined) unexpected.push({ ...sent, kind: "seen", at, why: "refused" });
  }
  const outOfOrder = findOutOfOrder(seen, whereabouts);
  if (accepted.length === 0) {
    doubts.push("no message was accepted, so no promise was put to the test");
  }
  const broken = lost.length + duplicated.length + unexpected.length + outOfOrder.length > 0;
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
    doubts,
    acceptedMs: latencyOf(accepted.map(({ sent, answeredAt }) => answeredAt - sent.at)),
    seenMs: latencyOf(seen.map(({ sent, seenAt: [at] }) => {
      return at! - Math.max(sent.at, whereabouts.returnedAt(sent.recipient, at!));
    })),
    exitCode: broken ? 1 : doubts.length > 0 ? 2 : 0,
  };
}

/** Those seen after a later one, unless order was not promised while they were under way. */
function findOutOfOrder(seen: Story[], whereabouts: Whereabouts): OutOfOrder[] {
  const pairs = Map.groupBy(seen, ({ sent }) => JSON.stringify([sent.sender, sent.recipient]));
  const found: OutOfOrder[] = [];
  for (const stories of pairs.values()) {
    // In the order of being seen; what was seen before is compared with the furthest so far.
    stories.sort((a, b) => a.seenAt[0]! - b.seenAt[0]!);
    let furthest: Story | undefined;
    for (const story of stories) {
      const { sent, seenAt: [at] } = story;
      if (furthest && sent.sequence < furthest.sent.sequence) {
        if (!whereabouts.isExcused(sent, at!)) found.push({ late: sent, after: furthest.sent });
      } else {
        furthest = story;
      }
    }
  }
  return found;
}

/** Who was where, and when. */
class Whereabouts {
  readonly #events: ReadonlyMap<string, readonly UserEvent[]>;

  constructor(events: ReadonlyMap<string, readonly UserEvent[]>) {
    this.#events = events;
  }

  /** Whether a user was away at that time. */
  isAway(user: string, at: number): boolean {
    const last = this.#of(user, ["left", "returned"]).findLast((event) => event.at <= at);
    return last?.kind === "left";
  }

  /** When a user returned last, up to that time; long ago when never. */
  returnedAt(user: string, until: number): number {
    return this.#of(user, ["returned"]).findLast(({ at }) => at <= until)?.at ?? -Infinity;
  }

  /**
   * Whether a message may come late: its sender was disconnected while it was under way, or moved while
   * the recipient was away, so that two servers kept what waited.
   */
  isExcused({ sender, recipient, at: from }: SentEvent, until: number): boolean {
    const within = ({ at }: UserEvent) => at >= from && at <= until;
    return this.#of(sender, ["disconnected"]).some(within) ||
      this.#of(sender, ["moved"]).some((event) =>
        within(event) && this.isAway(recipient, event.at)
      );
  }

  #of(user: string, kinds: readonly UserEvent["kind"][]): readonly UserEvent[] {
    return this.#events.get(user)?.filter(({ kind }) => kinds.includes(kind)) ?? [];
  }
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
