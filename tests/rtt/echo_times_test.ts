import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { FrameDecoder, FrameWriter } from "@netlab/protocol";
import { EchoTimes, readEcho, writeEcho } from "@netlab/rtt";
import { pureTest as test } from "../kinds.ts";

test("readEcho reads the number that writeEcho wrote", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => {
    const out = new FrameWriter({ onFirstByte: () => {}, onOverflow: () => {} });
    writeEcho(out, number);
    let read: number | undefined;
    new FrameDecoder((frame) => read = readEcho(frame.payload)).push(out.take());
    assertEquals(read, number);
  }));
});

test("readEcho distinguishes an empty answer from one that holds no number", () => {
  const read = (text: string) => readEcho(new TextEncoder().encode(text));
  assertEquals(read(""), undefined);
  for (const text of ["x", " ", "1 ", "-1", "1e3", "0x10", "1".repeat(11), "\0"]) {
    assertEquals(read(text), NaN, JSON.stringify(text));
  }
});

test("echo times match an answer to the echo with its number, however late it is", () => {
  const echoes = new EchoTimes();
  echoes.sent(7, 0);
  echoes.sent(5, 1_000);
  assertEquals(echoes.answered(7, 1_200), 1_200);
  assertEquals(echoes.answered(5, 1_300), 300);
  assertEquals([echoes.answered(7, 1_400), echoes.answered(NaN, 1_400)], [undefined, undefined]);
  assertEquals([echoes.outstanding, echoes.ambiguous], [0, false]);
});

test("echo times match an answer without a number to the first echo that waits", () => {
  const echoes = new EchoTimes();
  assertEquals(echoes.answered(undefined, 0), undefined);
  echoes.sent(1, 0);
  echoes.sent(2, 1_000);
  assertEquals(echoes.answered(undefined, 1_100), 1_100);
  assert(echoes.ambiguous);
  assertEquals(echoes.answered(undefined, 1_150), 150);
  assertEquals([echoes.ambiguous, echoes.answered(undefined, 1_200)], [false, undefined]);
});

test("echo times forget echoes that were sent before an answered one", () => {
  const echoes = new EchoTimes();
  for (let number = 1; number <= 3; number++) echoes.sent(number, number);
  assertEquals(echoes.answered(2, 10), 8);
  assertEquals([echoes.outstanding, echoes.ambiguous], [1, false]);
  assertEquals(echoes.answered(1, 11), undefined);
  assertEquals(echoes.answered(3, 12), 9);
});

test("echo times are never too short, whichever echoes a server leaves unanswered", () => {
  const echo = fc.record({
    gap: fc.integer({ min: 0, max: 2_000 }),
    takes: fc.integer({ min: 1, max: 3_000 }),
    isAnswered: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(echo, { maxLength: 40 }), (plan) => {
    const echoes = new EchoTimes();
    let at = 0;
    let last = 0;
    const sent = plan.map(({ gap, takes, isAnswered }) => {
      at += gap;
      // Answers keep their order, as on any connection.
      return { at, answeredAt: last = Math.max(last, at + takes), isAnswered };
    });
    const events = sent.flatMap((each, number) => [
      { at: each.at, run: () => echoes.sent(number, each.at) },
      {
        at: each.answeredAt,
        run: () => {
          if (!each.isAnswered) return;
          const ms = echoes.answered(undefined, each.answeredAt);
          assert(ms! >= each.answeredAt - each.at, `${ms} ms`);
        },
      },
    ]);
    // Sorting is stable, so that an echo is sent before it is answered at the same time.
    for (const { run } of events.toSorted((a, b) => a.at - b.at)) run();
  }));
});

test("echo times keep a limited number of echoes for a server that never answers", () => {
  const echoes = new EchoTimes();
  for (let number = 0; number < 1_000; number++) echoes.sent(number, number);
  assertEquals(echoes.outstanding, 60);
  assertEquals(echoes.answered(undefined, 1_000), 60);
});
