import { assert, assertEquals } from "@std/assert";
import { createPolicy, POLICY_NAMES } from "@netlab/rtt";
import { Rounds, times } from "./situations.ts";
import { pureTest as test } from "../kinds.ts";

test("every policy chooses the fastest, keeps it, and leaves it when it fails", () => {
  for (const name of POLICY_NAMES) {
    const rounds = new Rounds(createPolicy(name));
    assertEquals(rounds.next(times("A", 50), times("B", 20), times("C", 100)), "B", name);
    assertEquals(rounds.next(times("A", 50), times("B", 20), times("C", 100)), "B", name);
    assertEquals(rounds.next(times("A", 50), times("C", 100)), "A", name);
    assert(rounds.because.length > 0);
  }
});

test("policy once never moves while its server answers", () => {
  const rounds = new Rounds(createPolicy("once"));
  rounds.next(times("A", 20), times("B", 21));
  for (let round = 0; round < 100; round++) rounds.next(times("A", 500), times("B", 1));
  assertEquals(rounds.used, "A");
});

test("policy window draws a server within 15 ms of the lowest mean, and keeps it while it is within", () => {
  const drawn = new Set<string>();
  for (const chance of [0, 0.4, 0.7, 0.99]) {
    const rounds = new Rounds(createPolicy("window", {}, () => chance));
    const first = rounds.next(times("A", 20), times("B", 35), times("C", 36));
    drawn.add(first);
    assertEquals(rounds.next(times("A", 20), times("B", 35), times("C", 20)), first);
    assertEquals(
      rounds.next(times(first, 50), times("C", 20)),
      "C",
    );
  }
  assertEquals([...drawn].sort(), ["A", "B"]);
});

test("policy home compares the current time of the home with the lowest of five minutes", () => {
  const rounds = new Rounds(createPolicy("home"));
  rounds.next(times("A", 20), times("B", 25));
  // B is never better than the lowest time of A in five minutes.
  for (let round = 0; round < 30; round++) rounds.next(times("A", 80), times("B", 25));
  assertEquals(rounds.used, "A");
  // After five minutes, that time is forgotten.
  rounds.next(times("A", 80), times("B", 25));
  assertEquals(rounds.used, "B");
});

test("policy home moves for a gain of 10 ms and a third", () => {
  const rounds = new Rounds(createPolicy("home"));
  rounds.next(times("A", 12), times("B", 60));
  rounds.next(times("A", 12), times("B", 3));
  assertEquals([rounds.used, rounds.because], [
    "A",
    "B is 9.0 ms faster, but a move must gain at least 10 ms",
  ]);
  rounds.next(times("A", 13), times("B", 3));
  assertEquals(rounds.used, "B");
  const others = new Rounds(createPolicy("home"));
  others.next(times("A", 60), times("B", 80));
  others.next(times("A", 60), times("B", 41));
  assertEquals([others.used, others.because], [
    "A",
    "B is 19 ms faster, but a move must gain at least a third of 60 ms",
  ]);
  others.next(times("A", 62), times("B", 41));
  assertEquals(others.used, "B");
});

test("every policy says in a sentence why it chose, and why it stays", () => {
  const reasons = POLICY_NAMES.map((name) => {
    const rounds = new Rounds(createPolicy(name, {}, () => 0));
    const said: string[] = [];
    const next = (...servers: Parameters<typeof rounds.next>) => {
      rounds.next(...servers);
      said.push(rounds.because);
    };
    next(times("A", 50));
    next(times("A", 50), times("B", 80));
    rounds.used = undefined;
    next(times("A", 50), times("B", 20));
    rounds.used = undefined;
    next(times("A", 20), times("B", 20));
    return [name, ...said];
  });
  assertEquals(reasons, [
    [
      "netlab",
      "it is the only server that answers",
      "its lowest time of ten rounds is the best, 50 ms",
      "it is the fastest of 2, 20 ms",
      "A and B are equally fast; A was picked at random",
    ],
    [
      "once",
      "it is the only server that answers",
      "it was the fastest at the start",
      "it is the fastest of 2, 20 ms",
      "it is the fastest of 2, 20 ms",
    ],
    [
      "window",
      "it is the only server that answers",
      "its mean time is within 15 ms of the lowest, 50 ms",
      "it is the fastest of 2, 20 ms",
      "the mean times of 2 servers are within 15 ms of the lowest, 20 ms; A was picked at random",
    ],
    [
      "home",
      "it is the only server that answers",
      "its best of five minutes is the lowest, 50 ms",
      "it is the fastest of 2, 20 ms",
      "it is the fastest of 2, 20 ms",
    ],
  ]);
});

test("policy home keeps a home that was not measured or is equally fast", () => {
  const rounds = new Rounds(createPolicy("home"));
  rounds.next(times("A", 40), times("B", 60));
  rounds.next({ ...times("A", 40), nowMs: undefined }, times("B", 20));
  assertEquals([rounds.used, rounds.because], ["A", "it was not measured in this round"]);
  rounds.next(times("B", 20), times("A", 20));
  assertEquals([rounds.used, rounds.because], ["A", "B is not faster"]);
});
