import { assert, assertEquals } from "@std/assert";
import { NetlabPolicy, type NetlabPolicyOptions } from "@netlab/rtt";
import { Rounds, times } from "./situations.ts";
import { pureTest as test } from "../kinds.ts";

/** Returns a function that returns these numbers in turn. */
function cycle(...numbers: number[]): () => number {
  let at = 0;
  return () => numbers[at++ % numbers.length]!;
}

/** Returns rounds in which A, with 50 ms, has been in use for a minute. */
function atA(options: NetlabPolicyOptions = {}): Rounds {
  const rounds = new Rounds(new NetlabPolicy(options, () => 0));
  for (let round = 0; round < 6; round++) rounds.next(times("A", 50), times("B", 80));
  assertEquals(rounds.used, "A");
  return rounds;
}

test("netlab policy chooses the fastest server", () => {
  const rounds = new Rounds(new NetlabPolicy());
  rounds.next(times("A", 50), times("B", 20), times("C", 30));
  assertEquals([rounds.used, rounds.because], ["B", "it is the fastest of 3, 20 ms"]);
  rounds.next(times("B", 20), times("C", 30));
  assertEquals([rounds.used, rounds.because], [
    "B",
    "its lowest time of ten rounds is the best, 20 ms",
  ]);
});

test("netlab policy says when its server has become slow, long before it moves", () => {
  const rounds = atA();
  const slow = (nowMs: number) => ({ ...times("A", 50), nowMs });
  rounds.next(slow(55), times("B", 80));
  assertEquals(rounds.because, "its lowest time of ten rounds is the best, 50 ms");
  rounds.next(slow(1_234), times("B", 80));
  assertEquals(
    rounds.because,
    "its lowest time of ten rounds is the best, 50 ms; at the moment 1,234 ms",
  );
});

test("netlab policy speaks of no move before there was one", () => {
  const rounds = new Rounds(new NetlabPolicy({ minStayMs: 60_000 }));
  rounds.next(times("A", 50), times("B", 80));
  for (let round = 0; round < 4; round++) rounds.next(times("A", 50), times("B", 20));
  assertEquals(
    rounds.because,
    "B is 30 ms faster, but a server is used for at least 60 s, and this one has been for 40 s",
  );
});

test("netlab policy treats times as equal that measuring cannot tell apart", () => {
  const rounds = new Rounds(new NetlabPolicy({}, () => 0));
  rounds.next(times("A", 50), times("B", 80));
  rounds.next(times("A", 50), times("B", 49.5));
  assertEquals([rounds.used, rounds.because], ["A", "B is equally fast, 50 ms"]);
  rounds.next(times("A", 50), times("B", 45));
  assertEquals(rounds.because, "B is 5.0 ms faster, but a move must gain at least 10 ms");
});

test("netlab policy chooses the only server", () => {
  const rounds = new Rounds(new NetlabPolicy());
  rounds.next(times("A", 5_000));
  assertEquals([rounds.used, rounds.because], ["A", "it is the only server that answers"]);
  rounds.next(times("A", 5_000));
  assertEquals([rounds.used, rounds.because], ["A", "no other server answers"]);
});

test("netlab policy moves when the gain has been large enough for three rounds", () => {
  const rounds = atA();
  rounds.next(times("A", 50), times("B", 20));
  assertEquals(
    [rounds.used, rounds.because],
    ["A", "B is 30 ms faster, so far in 1 of the 3 rounds in a row that a move needs"],
  );
  rounds.next(times("A", 50), times("B", 20));
  assertEquals(
    [rounds.used, rounds.because],
    ["A", "B is 30 ms faster, so far in 2 of the 3 rounds in a row that a move needs"],
  );
  rounds.next(times("A", 50), times("B", 20));
  assertEquals([rounds.used, rounds.because], ["B", "it is 30 ms faster (20 ms instead of 50 ms)"]);
});

test("netlab policy counts the rounds of a gain anew after a round without it", () => {
  const rounds = atA();
  for (let time = 0; time < 5; time++) {
    rounds.next(times("A", 50), times("B", 20));
    rounds.next(times("A", 50), times("B", 20));
    assertEquals(rounds.next(times("A", 50), times("B", 50)), "A");
  }
});

test("netlab policy does not wait longer when two servers are best in turn", () => {
  const rounds = atA();
  rounds.next(times("A", 50), times("B", 20), times("C", 21));
  rounds.next(times("A", 50), times("B", 22), times("C", 20));
  assertEquals(rounds.next(times("A", 50), times("B", 20), times("C", 23)), "B");
});

test("netlab policy never moves for less than 10 ms", () => {
  const rounds = new Rounds(new NetlabPolicy());
  rounds.next(times("A", 12), times("B", 60));
  for (let round = 0; round < 100; round++) rounds.next(times("A", 12), times("B", 2.1));
  assertEquals(
    [rounds.used, rounds.because],
    ["A", "B is 9.9 ms faster, but a move must gain at least 10 ms"],
  );
});

test("netlab policy never moves for less than a third", () => {
  const rounds = atA();
  for (let round = 0; round < 100; round++) rounds.next(times("A", 50), times("B", 34));
  assertEquals(
    [rounds.used, rounds.because],
    ["A", "B is 16 ms faster, but a move must gain at least a third of 50 ms"],
  );
});

test("netlab policy uses the thresholds of its options", () => {
  const rounds = atA({ minGainMs: 0.1, minGainShare: 0.5 });
  for (let round = 0; round < 3; round++) rounds.next(times("A", 0.5), times("B", 0.3));
  assertEquals(
    [rounds.used, rounds.because],
    ["A", "B is 0.20 ms faster, but a move must gain at least 50 % of 0.50 ms"],
  );
  for (let round = 0; round < 3; round++) rounds.next(times("A", 0.5), times("B", 0.2));
  assertEquals(rounds.used, "B");
});

test("netlab policy with a threshold of 0 moves only to a faster server", () => {
  const rounds = atA({ minGainMs: 0, minGainShare: 0, minStayMs: 0 });
  for (let round = 0; round < 5; round++) rounds.next(times("A", 50), times("B", 50));
  assertEquals(rounds.used, "A");
  for (let round = 0; round < 3; round++) rounds.next(times("A", 50), times("B", 49.9));
  assertEquals(rounds.used, "B");
});

test("netlab policy stays for half a minute after a move", () => {
  const rounds = atA({ minStayMs: 60_000 });
  for (let round = 0; round < 3; round++) rounds.next(times("A", 50), times("B", 20));
  assertEquals(rounds.used, "B");
  for (let round = 0; round < 5; round++) rounds.next(times("A", 5), times("B", 20));
  assertEquals(
    [rounds.used, rounds.because],
    [
      "B",
      "A is 15 ms faster, but a server is used for at least 60 s, and this one has been for 50 s",
    ],
  );
  assertEquals(rounds.next(times("A", 5), times("B", 20)), "A");
});

test("netlab policy leaves a failed server at once", () => {
  const rounds = atA();
  for (let round = 0; round < 3; round++) rounds.next(times("A", 50), times("B", 20));
  assertEquals(rounds.used, "B");
  rounds.next(times("A", 50), times("C", 300));
  assertEquals([rounds.used, rounds.because], ["A", "it is the fastest of 2, 50 ms"]);
});

test("netlab policy picks the server with fewer users of two equal ones", () => {
  for (const chance of [0, 0.2, 0.4, 0.6, 0.8, 0.99]) {
    const rounds = new Rounds(new NetlabPolicy({}, () => chance));
    rounds.next(times("A", 20, 17), times("B", 20.9, 3), times("C", 30, 0));
    assertEquals(
      [rounds.used, rounds.because],
      ["B", "A and B are equally fast; B has fewer users"],
    );
  }
});

test("netlab policy says what decided between equal servers", () => {
  const because = (chances: number[], ...loads: (number | undefined)[]) => {
    const rounds = new Rounds(new NetlabPolicy({}, cycle(...chances)));
    rounds.next(...loads.map((load, at) => times("ABCD"[at]!, 20, load)));
    return rounds.because;
  };
  // The random numbers that draw each pair.
  const [AB, AC, BC] = [[0, 0], [0, 0.9], [0.4, 0]];
  assertEquals(because(AB, 3, 3), "A and B are equally fast; A was picked at random");
  assertEquals(
    because(AB, undefined, undefined),
    "A and B are equally fast; A was picked at random",
  );
  assertEquals(because(AB, 4, 3), "A and B are equally fast; B has fewer users");
  assertEquals(
    because(AB, undefined, 3),
    "A and B are equally fast; only B says how many users it has",
  );
  assertEquals(because(AB, 2, 3, 4), "A, B and C are equally fast; A has the fewest users");
  assertEquals(
    because(BC, 1, 2, 3),
    "A, B and C are equally fast; of B and C, drawn at random, B has fewer users",
  );
  assertEquals(
    because(AC, 1, undefined, undefined),
    "A, B and C are equally fast; of A and C, drawn at random, only A says how many users it has",
  );
  assertEquals(because(BC, 1, 2, 2), "A, B and C are equally fast; B was picked at random");
});

test("netlab policy distinguishes a tie from a choice by time", () => {
  const isTie = (...ms: number[]) =>
    new NetlabPolicy().decide({
      now: 0,
      servers: ms.map((each, at) => times("ABC"[at]!, each)),
      used: undefined,
      name: (server) => server,
    }).tie ?? false;
  assertEquals([isTie(20), isTie(20, 30), isTie(20, 20.5), isTie(30, 20, 20.5)], [
    false,
    false,
    true,
    true,
  ]);
});

test("netlab policy spreads users over equal servers with equal or unknown loads", () => {
  for (const loads of [[0, 0, 0, 0], [undefined, undefined, undefined, undefined]]) {
    const counts = new Map<string, number>();
    const random = cycle(...Array.from({ length: 997 }, (_, i) => (i * 0.618) % 1));
    for (let user = 0; user < 1_000; user++) {
      const rounds = new Rounds(new NetlabPolicy({}, random));
      const to = rounds.next(...loads.map((load, at) => times(`S${at}`, 20, load)));
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    assertEquals(counts.size, 4);
    for (const count of counts.values()) assert(count > 150 && count < 350, `${[...counts]}`);
  }
});

test("netlab policy spreads a thousand users of a failed server, although loads are out of date", () => {
  const load = [0, 0, 0, 0];
  let told = [...load];
  const random = cycle(...Array.from({ length: 997 }, (_, i) => (i * 0.618) % 1));
  for (let user = 0; user < 1_000; user++) {
    if (user % 50 === 0) told = [...load];
    const rounds = new Rounds(new NetlabPolicy({}, random));
    const to = rounds.next(...told.map((users, at) => times(`${at}`, 20, users)));
    load[Number(to)]!++;
  }
  assert(Math.max(...load) < 1.2 * Math.min(...load), `${load}`);
});

test("netlab policy moves to the server with the fewest users of equal ones", () => {
  const rounds = atA();
  for (let round = 0; round < 3; round++) {
    rounds.next(times("A", 50), times("B", 20, 9), times("C", 20.5, 4));
  }
  assertEquals(rounds.used, "C");
});
