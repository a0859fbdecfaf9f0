import { assertEquals, assertMatch } from "@std/assert";
import { pureTest as test } from "../../kinds.ts";
import { Transcript } from "../../../p2p/terminal/chat/transcript.ts";
import { timeForPrograms } from "../../../p2p/terminal/chat/clock.ts";
import { FakeScreen } from "./chat_parts.ts";

/** A transcript whose time the test sets. */
function started({ interactive = true, timestamps = false } = {}) {
  const screen = new FakeScreen(interactive);
  const clock = { now: new Date(2026, 10, 29, 23, 58) };
  const transcript = new Transcript(screen, { timestamps, now: () => clock.now });
  return {
    screen,
    clock,
    transcript,
    /** Lets seconds pass. */
    wait: (seconds: number) => clock.now = new Date(clock.now.getTime() + seconds * 1_000),
    /** Types until this text stands there. */
    type(text: string) {
      screen.typed = text;
      screen.onKeys!();
    },
  };
}

test("transcript shows the local time before each message, and a new day once", () => {
  const { screen, transcript, wait } = started({ timestamps: true });
  transcript.received("Bob", "one\ntwo");
  wait(60);
  transcript.tell("connected");
  wait(61);
  transcript.sent("Bob", "three\nfour")("✓");
  transcript.received("", "five");
  transcript.timestamps = false;
  transcript.received("Bob", "six");
  assertEquals(screen.shown, [
    "23:58 Bob: one\n  │ two",
    "23:59 connected",
    "── Monday, 30 November 2026 ──",
    "00:00 → Bob: three",
    "  │ four  ✓",
    "── unread ──",
    "00:00 (unknown sender) five",
    "Bob: six",
  ]);
});

test("transcript in a pipe has times that programs can read, and lines of its own only", () => {
  const { screen, transcript, wait } = started({ interactive: false, timestamps: true });
  transcript.received("Bob", "one\ntwo");
  wait(86_400);
  transcript.received("Bob B.", "three");
  const [first, second] = screen.shown;
  assertMatch(first!, /^2026-11-29T23:58:00[+-]\d\d:\d\d Bob: one two$/);
  assertMatch(second!, /^2026-11-30T23:58:00[+-]\d\d:\d\d Bob B\.: three$/);
  assertEquals([screen.shown.length, screen.note], [2, ""]);
  const now = new Date(2026, 10, 29, 23, 58);
  assertEquals(new Date(timeForPrograms(now)), now);
  const west = { getTimezoneOffset: () => 210, getTime: () => Date.UTC(2026, 0, 1) } as Date;
  assertEquals(timeForPrograms(west), "2025-12-31T20:30:00-03:30");
});

test("transcript counts the messages that come while the person is typing", () => {
  const { screen, transcript, type } = started();
  transcript.received("Bob", "seen");
  assertEquals(screen.note, "");
  type("Bob H");
  transcript.received("Bob", "one");
  type("Bob Hello");
  transcript.received("Carol", "two");
  assertEquals(screen.note, "2 unread");
  type("");
  assertEquals(screen.note, "");
  assertEquals(screen.shown, ["Bob: seen", "Bob: one", "Carol: two"]);
});

test("transcript marks where the unread messages begin when the person is away", () => {
  const { screen, transcript, wait, type } = started();
  transcript.received("Bob", "seen");
  wait(61);
  transcript.received("Bob", "one");
  wait(1);
  transcript.received("Bob", "two");
  assertEquals(screen.note, "2 unread");
  assertEquals(screen.shown, ["Bob: seen", "── unread ──", "Bob: one", "Bob: two"]);
  // The first key says that somebody is there. The line stays until the next one is drawn.
  type("B");
  assertEquals(screen.note, "");
  type("");
  wait(3_600);
  transcript.received("Bob", "three");
  assertEquals(screen.note, "1 unread");
  assertEquals(screen.shown.filter((line) => line === "── unread ──").length, 1);
  assertEquals(screen.shown.slice(-2), ["── unread ──", "Bob: three"]);
});

test("transcript marks the place once for a person who has left in the middle of a text", () => {
  const { screen, transcript, wait, type } = started();
  type("Bob H");
  transcript.received("Bob", "one");
  wait(61);
  transcript.received("Bob", "two");
  transcript.received("Bob", "three");
  assertEquals(screen.note, "3 unread");
  assertEquals(screen.shown, ["Bob: one", "── unread ──", "Bob: two", "Bob: three"]);
  // The text goes on, so the number stays until it is sent.
  type("Bob Hi");
  assertEquals(screen.note, "3 unread");
  type("");
  assertEquals(screen.note, "");
});

test("transcript repeats only the beginning of a long text that the person sends", () => {
  const { screen, transcript } = started();
  transcript.sent("Bob", "x".repeat(60_000))("✓");
  assertEquals(screen.shown, [`→ Bob: ${"x".repeat(1_000)}… (60,000 characters)  ✓`]);
  screen.shown.length = 0;
  transcript.sent("Bob", "line\n".repeat(30).trim())("✗");
  assertEquals(screen.shown.length, 20);
  assertEquals(screen.shown.slice(-2), ["  │ line", "  │ … 11 more lines  ✗"]);
  transcript.received("Bob", "y".repeat(60_000));
  assertEquals(screen.shown.at(-1)!.length, 60_005, "a received text is shown completely");
});
