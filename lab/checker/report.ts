/**
 * Formats the findings of a checker as text. Prints nothing.
 *
 * @module
 */
import { formatMs } from "@netlab/rtt";
import type { Latency } from "../statistics.ts";
import type { Duplicated, Findings, OutOfOrder, PostFindings } from "./checker.ts";
import type { SentEvent } from "./history.ts";

/** How many messages of each kind of fault are listed. */
const MAX_NAMED = 5;

/** Formats findings as lines of plain text. The first line is the verdict. */
export function formatFindings(findings: Findings): string[] {
  const { sent, accepted, refused, seen, waited, unknown, posts, doubts } = findings;
  const lines = [
    verdict(findings),
    `  sent ${count(sent)}, accepted ${count(accepted)}, refused ${count(refused)}, ` +
    `seen ${count(seen)}, unknown ${count(unknown.length)}`,
    ...findings.damaged === 0 ? [] : [`  damaged on a disk ${count(findings.damaged)}`],
    ...waited === 0 ? [] : [`  sent to users who were away ${count(waited)}`],
    ...posts.posted === 0 ? [] : [postsLine(posts)],
    `  accepted after ${formatLatency(findings.acceptedMs)}`,
    `  seen after     ${formatLatency(findings.seenMs)}`,
  ];
  const list = (title: string, items: readonly string[]) => {
    if (items.length === 0) return;
    lines.push(`  ${title}: ${count(items.length)}`);
    lines.push(...items.slice(0, MAX_NAMED).map((item) => `    ${item}`));
    if (items.length > MAX_NAMED) lines.push(`    and ${count(items.length - MAX_NAMED)} more`);
  };
  list("lost (accepted, never seen)", findings.lost.map(name));
  list("duplicated", findings.duplicated.map(duplicate));
  list(
    "unexpected",
    findings.unexpected.map(({ id, sender, recipient, why }) =>
      `${id} from ${sender}, seen by ${recipient}: ${why}`
    ),
  );
  list("out of order", findings.outOfOrder.map(late));
  list("posts lost (nothing had changed)", posts.lost.map(name));
  list("posts duplicated", posts.duplicated.map(duplicate));
  list("posts out of order", posts.outOfOrder.map(late));
  list("inconclusive", doubts);
  return lines;
}

function verdict(
  { exitCode, lost, duplicated, unexpected, outOfOrder, posts }: Findings,
): string {
  if (exitCode === 0) {
    return "Guarantees kept: no accepted message was lost, none was seen twice, and order held";
  }
  if (exitCode === 2) {
    return "Inconclusive: this run cannot tell whether the guarantees were kept";
  }
  const broken = [
    `${count(lost.length)} lost`,
    `${count(duplicated.length)} duplicated`,
    `${count(unexpected.length)} unexpected`,
    `${count(outOfOrder.length)} out of order`,
    `${count(posts.lost.length)} posts lost`,
    `${count(posts.duplicated.length)} posts duplicated`,
    `${count(posts.outOfOrder.length)} posts out of order`,
  ];
  return `Guarantees broken: ${broken.filter((each) => !each.startsWith("0 ")).join(", ")}`;
}

function postsLine({ posted, seen, guaranteed }: PostFindings): string {
  const tested = guaranteed > 0
    ? `guaranteed ${count(guaranteed)}`
    : "none guaranteed, because something changed around each";
  return `  posted ${count(posted)}, seen ${count(seen)}, ${tested}`;
}

function duplicate({ message, times }: Duplicated): string {
  return `${name(message)}, seen ${times} times`;
}

function late({ late, after }: OutOfOrder): string {
  return `${name(late)}, seen after number ${after.sequence}`;
}

function name({ id, sender, recipient, sequence }: SentEvent): string {
  return `${id} from ${sender} to ${recipient}, number ${sequence}`;
}

/** Formats a latency as `p50 4.4 ms, p90 94 ms, p99 133 ms, max 144 ms`. `undefined` is `never`. */
export function formatLatency(latency: Latency | undefined): string {
  if (!latency) return "never";
  const { p50, p90, p99, max } = latency;
  return `p50 ${formatMs(p50)}, p90 ${formatMs(p90)}, p99 ${formatMs(p99)}, max ${formatMs(max)}`;
}

/** Formats a number of things: `1 kill`, `2 kills`. */
export function counted(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? "" : "s"}`;
}

/** Formats a number with separators between thousands: `12,345`. */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}
