import { assert, assertEquals } from "@std/assert";
import {
  checkHistory,
  type Duplicated,
  type Findings,
  formatFindings,
  type HistoryEvent,
  type OutOfOrder,
} from "@netlab/lab";
import * as fc from "fast-check";

const permissions = "none";

/** A history in short: `sent 1 at 0`, and so on; messages go from Alice to Bob. */
function history(...lines: string[]): HistoryEvent[] {
  return lines.map((line) => {
    const [kind, id, , at, who] = line.split(" ") as [string, string, "at", string, string?];
    const common = { at: Number(at), id };
    switch (kind) {
      case "sent":
      case "posted":
        return { kind, ...common, sender: "Alice", recipient: "Bob", sequence: Number(id) };
      case "seen":
        return { kind, ...common, sender: "Alice", recipient: who ?? "Bob" };
      case "changed":
        return { kind, at: Number(at) };
      case "disconnected":
      case "moved":
      case "left":
      case "returned":
        return { kind, at: Number(at), user: id };
      default:
        return { kind: kind as "accepted", ...common };
    }
  });
}

/** How the first line of a report begins, by exit code. */
const VERDICTS = ["Guarantees kept", "Guarantees broken", "Inconclusive"];

const fine = ["sent 1 at 0", "accepted 1 at 2", "seen 1 at 3"];

interface Case {
  name: string;
  events: string[];
  exitCode: number;
  /** The findings that there are to be; all others are to be empty. */
  found: Partial<Record<Kind, string[]>>;
}

const kinds = [
  ...["lost", "duplicated", "unexpected", "outOfOrder", "unknown", "doubts"] as const,
  ...["postsLost", "postsDuplicated", "postsOutOfOrder"] as const,
];
type Kind = typeof kinds[number];

/** The ids that a finding is about. */
function idsOf(findings: Findings): Record<Kind, string[]> {
  const { posts } = findings;
  const twice = ({ message, times }: Duplicated) => `${message.id} x ${times}`;
  const behind = ({ late, after }: OutOfOrder) => `${late.id} after ${after.id}`;
  return {
    lost: findings.lost.map(({ id }) => id),
    duplicated: findings.duplicated.map(twice),
    unexpected: findings.unexpected.map(({ id, why }) => `${id}: ${why}`),
    outOfOrder: findings.outOfOrder.map(behind),
    unknown: findings.unknown.map(({ id }) => id),
    doubts: [...findings.doubts],
    postsLost: posts.lost.map(({ id }) => id),
    postsDuplicated: posts.duplicated.map(twice),
    postsOutOfOrder: posts.outOfOrder.map(behind),
  };
}

const cases: Case[] = [
  { name: "a message that was accepted and seen is fine", events: fine, exitCode: 0, found: {} },
  {
    name: "a message may be seen before it is accepted",
    events: ["sent 1 at 0", "seen 1 at 1", "accepted 1 at 2"],
    exitCode: 0,
    found: {},
  },
  {
    name: "a message that was accepted and not seen is lost",
    events: [...fine, "sent 2 at 4", "accepted 2 at 5"],
    exitCode: 1,
    found: { lost: ["2"] },
  },
  {
    name: "a message that was seen three times is duplicated",
    events: [...fine, "seen 1 at 4", "seen 1 at 9"],
    exitCode: 1,
    found: { duplicated: ["1 x 3"] },
  },
  {
    name: "a duplicate is reported even if the message was never accepted",
    events: [...fine, "sent 2 at 4", "seen 2 at 5", "seen 2 at 6"],
    exitCode: 1,
    found: { duplicated: ["2 x 2"], unknown: ["2"] },
  },
  {
    name: "a message that nobody sent is unexpected",
    events: [...fine, "seen 7 at 4"],
    exitCode: 1,
    found: { unexpected: ["7: never sent"] },
  },
  {
    name: "a message that another user received is unexpected, and lost",
    events: [...fine, "sent 2 at 4", "accepted 2 at 5", "seen 2 at 6 Carol"],
    exitCode: 1,
    found: { unexpected: ["2: wrong recipient"], lost: ["2"] },
  },
  {
    name: "a message that was refused and seen is unexpected",
    events: [...fine, "sent 2 at 4", "refused 2 at 5", "seen 2 at 6"],
    exitCode: 1,
    found: { unexpected: ["2: refused"] },
  },
  {
    name: "a message that was seen before it was sent is unexpected",
    events: [...fine, "sent 2 at 4", "seen 2 at 3"],
    exitCode: 1,
    found: { unexpected: ["2: seen before it was sent"], unknown: ["2"] },
  },
  {
    name: "a message that was refused and not seen is fine",
    events: [...fine, "sent 2 at 4", "refused 2 at 5"],
    exitCode: 0,
    found: {},
  },
  {
    name: "a message that came after later ones is out of order, once",
    events: ["sent 1 at 0", "sent 2 at 1", "sent 3 at 2", "accepted 1 at 3", "accepted 2 at 3"]
      .concat("accepted 3 at 3", "seen 2 at 4", "seen 3 at 5", "seen 1 at 6"),
    exitCode: 1,
    found: { outOfOrder: ["1 after 3"] },
  },
  {
    name: "a message that came late is fine when its sender was cut off meanwhile",
    events: [...fine, "sent 2 at 10", "disconnected Alice at 11", "sent 3 at 12", "seen 3 at 13"]
      .concat("seen 2 at 14", "accepted 2 at 15", "accepted 3 at 15"),
    exitCode: 0,
    found: {},
  },
  {
    name: "a late message is out of order if its sender was not cut off in between",
    events: [...fine, "disconnected Alice at 5", "sent 2 at 10", "disconnected Bob at 11"]
      .concat("sent 3 at 12", "seen 3 at 13", "seen 2 at 14", "disconnected Alice at 15")
      .concat("accepted 2 at 16", "accepted 3 at 16"),
    exitCode: 1,
    found: { outOfOrder: ["2 after 3"] },
  },
  {
    name: "a message that came late is fine when its sender moved while its recipient was away",
    events: [...fine, "left Bob at 9", "sent 2 at 10", "moved Alice at 11", "sent 3 at 12"]
      .concat("returned Bob at 13", "seen 3 at 14", "seen 2 at 15", "accepted 2 at 16")
      .concat("accepted 3 at 16"),
    exitCode: 0,
    found: {},
  },
  {
    name: "a late message is out of order if its sender moved while its recipient was connected",
    events: [...fine, "left Bob at 4", "left Alice at 5", "returned Bob at 5", "sent 2 at 10"]
      .concat("moved Alice at 11", "moved Bob at 11", "sent 3 at 12", "seen 3 at 13")
      .concat("seen 2 at 14", "left Bob at 15", "accepted 2 at 16", "accepted 3 at 16"),
    exitCode: 1,
    found: { outOfOrder: ["2 after 3"] },
  },
  {
    name: "a message without an answer is unknown, seen or not, and nothing is broken",
    events: [...fine, "sent 2 at 4", "sent 3 at 5", "seen 3 at 6"],
    exitCode: 0,
    found: { unknown: ["2", "3"] },
  },
  {
    name: "a run in which no message was accepted tells nothing",
    events: ["sent 1 at 0", "seen 1 at 1"],
    exitCode: 2,
    found: {
      unknown: ["1"],
      doubts: ["no message was accepted, so no guarantee was tested"],
    },
  },
  {
    name: "an empty run tells nothing",
    events: [],
    exitCode: 2,
    found: { doubts: ["no message was accepted, so no guarantee was tested"] },
  },
  {
    name: "a history that contradicts itself tells nothing",
    events: [...fine, "sent 1 at 4", "refused 1 at 5", "accepted 9 at 6"],
    exitCode: 2,
    found: {
      doubts: [
        "message 1 was sent twice",
        "message 1 was accepted, and then refused",
        "message 9 was accepted, but never sent",
      ],
    },
  },
  {
    name: "posts that were seen once and in order are fine, whatever was sent meanwhile",
    events: [...fine, "posted 2 at 4", "posted 3 at 4", "seen 2 at 5", "seen 3 at 5"],
    exitCode: 0,
    found: {},
  },
  {
    name: "a post that was not seen is lost when nothing changed around it",
    events: [...fine, "posted 2 at 4", "moved Carol at 5", "changed it at 6000"],
    exitCode: 1,
    found: { postsLost: ["2"] },
  },
  {
    name: "a post need not arrive when something changed soon after it, or before",
    events: [...fine, "posted 2 at 4", "changed it at 4000", "posted 3 at 90000"],
    exitCode: 0,
    found: {},
  },
  {
    name: "a post need not arrive when its sender or its recipient has moved or is away",
    events: [...fine, "posted 2 at 4", "moved Alice at 4000", "left Bob at 11000"]
      .concat("posted 3 at 90000", "returned Bob at 90001", "posted 4 at 94000"),
    exitCode: 0,
    found: {},
  },
  {
    name: "a post has to arrive when its sender and its recipient have long been where they are",
    events: [...fine, "moved Alice at 4", "left Bob at 5", "returned Bob at 6", "posted 2 at 9000"],
    exitCode: 1,
    found: { postsLost: ["2"] },
  },
  {
    name: "a post that was seen twice is duplicated, whatever changed",
    events: [...fine, "changed it at 4", "posted 2 at 5", "seen 2 at 6", "seen 2 at 7"],
    exitCode: 1,
    found: { postsDuplicated: ["2 x 2"] },
  },
  {
    name: "a post that came with another text was never sent, whatever changed",
    events: [...fine, "changed it at 4", "posted 2 at 5", "seen 2x at 6"],
    exitCode: 1,
    found: { unexpected: ["2x: never sent"] },
  },
  {
    name: "a post that came after a later one is out of order",
    events: [...fine, "posted 2 at 4", "posted 3 at 5", "seen 3 at 6", "seen 2 at 7"]
      .concat("changed it at 8"),
    exitCode: 1,
    found: { postsOutOfOrder: ["2 after 3"] },
  },
  {
    name: "a post may come late when something changed while it was in flight",
    events: [...fine, "posted 2 at 4", "posted 3 at 5", "changed it at 6", "seen 3 at 6"]
      .concat("seen 2 at 7"),
    exitCode: 0,
    found: {},
  },
  {
    name: "a broken guarantee counts more than a doubt",
    events: [...fine, "seen 1 at 4", "accepted 9 at 6"],
    exitCode: 1,
    found: { duplicated: ["1 x 2"], doubts: ["message 9 was accepted, but never sent"] },
  },
];

for (const { name, events, exitCode, found } of cases) {
  Deno.test(`checker: ${name}`, { permissions }, () => {
    const findings = checkHistory(history(...events));
    const none = Object.fromEntries(kinds.map((kind) => [kind, [] as string[]]));
    assertEquals({ ...idsOf(findings) }, { ...none, ...found } as Record<Kind, string[]>);
    assertEquals(findings.exitCode, exitCode);
    const [verdict, ...rest] = formatFindings(findings);
    assertEquals(verdict!.split(":")[0], VERDICTS[exitCode]);
    for (const doubt of found.doubts ?? []) assert(rest.join("\n").includes(doubt), doubt);
  });
}

Deno.test("checker tells senders apart, and recipients", { permissions }, () => {
  const events: HistoryEvent[] = [];
  for (
    const [sender, recipient, sequence, at] of [["A", "B", 2, 1], ["A", "C", 1, 2], [
      "C",
      "B",
      1,
      3,
    ]] as const
  ) {
    const message = { id: `${sender}${recipient}`, sender, recipient };
    events.push({ kind: "sent", at: 0, sequence, ...message });
    events.push({ kind: "accepted", at, id: message.id }, { kind: "seen", at, ...message });
  }
  assertEquals(checkHistory(events).exitCode, 0);
  const forged = { kind: "seen", at: 9, id: "AB", sender: "C", recipient: "B" } as const;
  assertEquals(idsOf(checkHistory([...events, forged])).unexpected, ["AB: wrong sender"]);
});

Deno.test("checker gives quantiles that were measured", { permissions }, () => {
  const events = Array.from({ length: 100 }, (_, at) => 100 - at).flatMap((ms) =>
    history(`sent ${ms} at 0`, `accepted ${ms} at ${ms / 2}`, `seen ${ms} at ${ms}`)
  );
  const { acceptedMs, seenMs } = checkHistory(events);
  assertEquals(acceptedMs, { p50: 25, p90: 45, p99: 49.5, max: 50 });
  assertEquals(seenMs, { p50: 50, p90: 90, p99: 99, max: 100 });
  assertEquals(checkHistory([]).seenMs, undefined);
});

Deno.test(
  "checker counts who was away, and time only while they were there",
  { permissions },
  () => {
    const { waited, seenMs } = checkHistory(history(
      ...["left Carol at 0", "sent 1 at 1", "left Bob at 2", "sent 2 at 3", "returned Bob at 1000"],
      ...[
        "seen 1 at 1004",
        "seen 2 at 1005",
        "sent 3 at 1010",
        "left Bob at 1020",
        "seen 3 at 1022",
      ],
      "returned Bob at 2000",
    ));
    assertEquals(waited, 1);
    assertEquals(seenMs, { p50: 5, p90: 12, p99: 12, max: 12 });
  },
);

Deno.test("checker finds exactly what was broken in a run", { permissions }, () => {
  const fate = fc.constantFrom("fine", "lost", "twice", "refused", "unknown");
  fc.assert(fc.property(fc.array(fate, { minLength: 1, maxLength: 60 }), (fates) => {
    const events = fates.flatMap((fate, id) => {
      const answer = fate === "refused" ? "refused" : "accepted";
      return history(
        `sent ${id} at ${3 * id}`,
        ...fate === "unknown" ? [] : [`${answer} ${id} at ${3 * id + 1}`],
        ...fate === "fine" || fate === "twice" ? [`seen ${id} at ${3 * id + 2}`] : [],
        ...fate === "twice" ? [`seen ${id} at ${3 * id + 2}`] : [],
      );
    });
    const of = (wanted: string) => fates.filter((fate) => fate === wanted).length;
    const findings = checkHistory(events);
    assertEquals(findings.lost.length, of("lost"));
    assertEquals(findings.duplicated.length, of("twice"));
    assertEquals(findings.unknown.length, of("unknown"));
    assertEquals(findings.refused, of("refused"));
    assertEquals(findings.outOfOrder.length + findings.unexpected.length, 0);
    const accepted = of("fine") + of("twice") + of("lost");
    assertEquals(findings.exitCode, of("lost") + of("twice") > 0 ? 1 : accepted === 0 ? 2 : 0);
  }));
});

Deno.test("report says in a line what became of posts", { permissions }, () => {
  const events = [...fine, "posted 2 at 4", "posted 3 at 5", "seen 3 at 6", "changed it at 5004"];
  const lines = formatFindings(checkHistory(history(...events)));
  assertEquals(
    lines[0],
    "Guarantees kept: no accepted message was lost, none was seen twice, and order held",
  );
  assertEquals(
    lines[2],
    "  posted 2, seen 1, none guaranteed, because something changed around each",
  );
  const broken = formatFindings(checkHistory(history(...events.slice(0, -1))));
  assertEquals([broken[0], broken[2], broken.at(-1)], [
    "Guarantees broken: 1 posts lost",
    "  posted 2, seen 1, guaranteed 2",
    "    2 from Alice to Bob, number 2",
  ]);
});

Deno.test("report lists five items of each kind, and counts the others", { permissions }, () => {
  const events = Array.from(
    { length: 1_200 },
    (_, id) => history(`sent ${id} at 0`, `accepted ${id} at 4`),
  ).flat();
  assertEquals(formatFindings(checkHistory([...events, ...history("seen 3 at 1500")])), [
    "Guarantees broken: 1,199 lost",
    "  sent 1,200, accepted 1,200, refused 0, seen 1, unknown 0",
    "  accepted after p50 4.0 ms, p90 4.0 ms, p99 4.0 ms, max 4.0 ms",
    "  seen after     p50 1,500 ms, p90 1,500 ms, p99 1,500 ms, max 1,500 ms",
    "  lost (accepted, never seen): 1,199",
    "    0 from Alice to Bob, number 0",
    "    1 from Alice to Bob, number 1",
    "    2 from Alice to Bob, number 2",
    "    4 from Alice to Bob, number 4",
    "    5 from Alice to Bob, number 5",
    "    and 1,194 more",
  ]);
});
