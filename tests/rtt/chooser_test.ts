import { assert, assertEquals } from "@std/assert";
import { Chooser, FIRST_PROBES, MAX_SERVERS, NetlabPolicy } from "@netlab/rtt";
import { pureTest as test } from "../kinds.ts";

const A = "127.0.0.1:5001";
const B = "127.0.0.1:5002";
const C = "127.0.0.1:5003";

/** Plays rounds, ten seconds apart, in which each server has a given time or a given trouble. */
class Play {
  readonly chooser = new Chooser(new NetlabPolicy({}, () => 0));
  /** The servers that were measured in the last round. */
  asked: string[] = [];
  now = 0;

  round(times: Record<string, number | string>): string {
    this.asked = [];
    const { chooser } = this;
    for (const { server } of [...chooser.begin(), ...chooser.learn(Object.keys(times))]) {
      this.asked.push(server);
      const time = times[server]!;
      if (typeof time === "string") this.chooser.failed(server, time);
      else this.chooser.answered(server, [time]);
    }
    return this.decide();
  }

  decide(): string {
    const { server, line } = this.chooser.decide(this.now += 10_000);
    if (server !== undefined) this.chooser.use(server);
    return line;
  }
}

test("chooser chooses, keeps, moves and leaves, and says why in a line", () => {
  const play = new Play();
  assertEquals(play.round({ [A]: 40, [B]: 50 }), "chose 5001: it is the fastest of 2, 40 ms");
  assertEquals(
    play.round({ [A]: 40, [B]: 50 }),
    "kept 5001: its lowest time of ten rounds is the best, 40 ms",
  );
  assertEquals(
    play.round({ [A]: 40, [B]: 34 }),
    "kept 5001: 5002 is 6.0 ms faster, but a move must gain at least 10 ms",
  );
  for (let round = 0; round < 2; round++) play.round({ [A]: 40, [B]: 20 });
  assertEquals(
    play.round({ [A]: 40, [B]: 20 }),
    "moved from 5001 to 5002: it is 20 ms faster (20 ms instead of 40 ms)",
  );
  assertEquals(
    play.round({ [A]: 40, [B]: "connection refused" }),
    "left 5002 (connection refused) for 5001: it is the only server that answers",
  );
  assertEquals(
    play.round({ [A]: "connection refused", [B]: "connection refused" }),
    "kept 5001 (connection refused): no other server answers either",
  );
  play.chooser.lose("the server hung up");
  assertEquals(play.decide(), "no server answers");
});

test("chooser names servers by their ports only when all have the same host", () => {
  const play = new Play();
  assertEquals(
    play.round({ [A]: 40, "other.example:5001": 50 }),
    "chose 127.0.0.1:5001: it is the fastest of 2, 40 ms",
  );
});

test("chooser probes a server five times at first, and again after it was away", () => {
  const { chooser } = new Play();
  assertEquals(chooser.learn([A, A]), [{ server: A, probes: FIRST_PROBES }]);
  assertEquals(chooser.learn([A]), []);
  chooser.answered(A, [5, 4, 3, 6, 7]);
  assertEquals(chooser.servers[0]!.nowMs, 3);
  assertEquals(chooser.begin(), [{ server: A, probes: 1 }]);
  assertEquals(chooser.servers[0]!.nowMs, undefined);
  chooser.failed(A, "connection refused");
  assertEquals(chooser.servers[0]!.nowMs, null);
  assertEquals(chooser.begin(), [{ server: A, probes: FIRST_PROBES }]);
});

test("chooser measures servers that cannot win in every third round, and the one in use in every round", () => {
  const play = new Play();
  const counts = new Map<string, number>();
  for (let round = 0; round < 30; round++) {
    play.round({ [A]: 20, [B]: 49, [C]: 51, "127.0.0.1:5004": "connection refused" });
    for (const server of play.asked) counts.set(server, (counts.get(server) ?? 0) + 1);
  }
  assertEquals([...counts.values()], [30, 30, 10, 16]);
  // A server that could win again is measured in every round.
  while (!play.asked.includes(C)) play.round({ [A]: 20, [B]: 49, [C]: 5 });
  for (let round = 0; round < 2; round++) {
    play.round({ [A]: 20, [B]: 49, [C]: 5 });
    assert(play.asked.includes(C));
  }
  assertEquals(play.chooser.used, C);
  // The server in use is measured in every round, however slow it has become.
  const alone = new Play();
  alone.round({ [A]: 20 });
  for (let round = 0; round < 20; round++) {
    alone.round({ [A]: 500, [B]: "not an rtt server" });
    assert(alone.asked.includes(A));
  }
});

test("chooser measures all servers in every round while none answers", () => {
  const play = new Play();
  for (let round = 0; round < 5; round++) {
    play.round({ [A]: "connection refused", [B]: "connection refused" });
    assertEquals(play.asked, [A, B]);
  }
});

test("chooser leaves a server that missed three probes and sent nothing else", () => {
  const play = new Play();
  play.round({ [A]: 20, [B]: 25 });
  play.chooser.begin();
  assertEquals([0, 1, 2].map(() => play.chooser.missed(A, true)), [false, false, false]);
  assertEquals(play.decide(), "kept 5001: its lowest time of ten rounds is the best, 20 ms");
  play.chooser.begin();
  assertEquals([0, 1, 2].map(() => play.chooser.missed(A, false)), [false, false, true]);
  assertEquals(
    play.decide(),
    "left 5001 (no answer in time) for 5002: it is the only server that answers",
  );
});

test("chooser leaves a server whose connection was lost, and returns when it answers", () => {
  const play = new Play();
  play.round({ [A]: 20, [B]: 50 });
  play.chooser.lose("connection reset");
  assertEquals(
    play.decide(),
    "left 5001 (connection reset) for 5002: it is the only server that answers",
  );
  for (let round = 0; round < 3; round++) play.round({ [A]: 20, [B]: 50 });
  assertEquals(play.chooser.used, A);
});

test("chooser's rounds are ten seconds apart, a fifth more or less", () => {
  assertEquals(Chooser.nextRoundMs(0), 8_000);
  assertEquals(Chooser.nextRoundMs(0.5), 10_000);
  assertEquals(Chooser.nextRoundMs(0.75, 1_000), 1_100);
});

test("chooser keeps the times of each server in the last sixty rounds, and the gaps", () => {
  const play = new Play();
  play.round({ [A]: 20, [B]: 90 });
  play.round({ [A]: 21, [B]: 90 });
  play.round({ [A]: "connection refused", [B]: 90 });
  const histories = () => play.chooser.servers.map(({ history }) => history);
  assertEquals(histories(), [[20, 21, null], [90, undefined, undefined]]);
  for (let round = 0; round < 100; round++) play.round({ [A]: round, [B]: 90 });
  assertEquals(histories()[0], Array.from({ length: 60 }, (_, at) => 40 + at));
});

test("chooser limits the number of servers, and forgets those that cannot be used", () => {
  const { chooser } = new Play();
  const addresses = (from: number) =>
    Array.from({ length: MAX_SERVERS }, (_, index) => `127.0.0.1:${from + index}`);
  chooser.learn([A, B]);
  assertEquals(chooser.learn(addresses(6_000)).length, MAX_SERVERS - 2);
  assertEquals([chooser.learn(addresses(7_000)), chooser.learn([C])], [[], []]);
  for (const { server } of chooser.servers) chooser.failed(server, "connection refused");
  chooser.answered(A, [20]);
  chooser.use(B);
  // Servers that answer or are in use stay. The others most likely never existed.
  assertEquals(chooser.begin().map(({ server }) => server), [A, B]);
  assertEquals(chooser.learn([C]), [{ server: C, probes: FIRST_PROBES }]);
  assertEquals(chooser.servers.map(({ name }) => name), ["5001", "5002", "5003"]);
});

test("chooser says why it keeps a server that was never measured", () => {
  const { chooser } = new Play();
  chooser.use(A);
  assertEquals(chooser.decide(0).line, `kept ${A} (not measured): no other server answers either`);
});

test("chooser forgets a server that cannot be used and that nobody has named for sixty rounds", () => {
  const chooser = new Chooser(new NetlabPolicy({}, () => 0));
  const rounds = (count: number, named: readonly string[]) => {
    for (let round = 0; round < count; round++) {
      for (const { server } of [...chooser.begin(), ...chooser.learn(named)]) {
        if (server === A || server === C && round < 60) chooser.answered(server, [10]);
        else chooser.failed(server, "connection refused");
      }
    }
    return chooser.servers.map(({ server }) => server);
  };
  assertEquals(rounds(1, [A, B, C]), [A, B, C]);
  // B cannot be used, but is still named. C answers, although nobody names it.
  assertEquals(rounds(60, [A, B]), [A, B, C]);
  chooser.failed(C, "connection refused");
  assertEquals(rounds(1, [A, B]), [A, B]);
  assertEquals(rounds(1, [A, C]), [A, B, C]);
});
