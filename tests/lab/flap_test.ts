/**
 * Policies on latency traces: what the documentation says of netlab's policy, and `lab flap`.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { POLICY_NAMES } from "@netlab/rtt";
import { RttServer } from "@netlab/rtt/server";
import {
  drawSvg,
  drawTerminal,
  KINDS,
  losesLeast,
  makeTrace,
  type PolicyTotal,
  readTrace,
  replay,
  summarize,
  type Trace,
} from "@netlab/lab/flap";
import { Process } from "../processes.ts";
import { storageTest } from "../p2p/network.ts";

const LAB = "lab/terminal/lab.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Replays traces of a kind with successive seeds through all policies. */
function replays(kind: string, from: number, seeds: number) {
  return Array.from({ length: seeds }, (_, at) => {
    const trace = makeTrace(kind, from + at);
    return POLICY_NAMES.map((policy) => replay(trace, policy, from + at));
  });
}

function totalsOf(kind: string, from: number, seeds: number): Record<string, PolicyTotal> {
  return Object.fromEntries(
    summarize(replays(kind, from, seeds)).map((total) => [total.policy, total]),
  );
}

/** Creates a trace with rounds of these times, ten seconds apart. */
function trace(...times: (number | null)[][]): Trace {
  const rounds = times.map((times, round) => ({ at: round * 10_000, times }));
  return { name: "a trace", servers: ["A", "B"], rounds };
}

test("traces are the same for the same seed, and others for another", () => {
  for (const kind of [...KINDS.keys()]) {
    assertEquals(makeTrace(kind, 7), makeTrace(kind, 7));
    assert(
      JSON.stringify(makeTrace(kind, 7).rounds) !== JSON.stringify(makeTrace(kind, 8).rounds),
    );
  }
});

test("replay counts moves, and what is lost against the best server of every round", () => {
  const change = trace([50, 60], ...Array.from({ length: 9 }, () => [50, 20]));
  const { moves, used, regretMs, decisions } = replay(change, "netlab", 1);
  assertEquals(moves, 1);
  assertEquals(used, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  // B is 30 ms faster from the second round on, and used from the fifth.
  assertEquals(regretMs, 3 * 30 / 9);
  assertEquals(decisions.map(({ round }) => round), [0, 3]);
  assertEquals(replay(change, "once", 1).regretMs, 30);
  assertEquals(replay(change, "home", 1).used, [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test("replay leaves a server that goes away at once, and pays for none while all are away", () => {
  const away = trace([20, 90], [null, 90], [null, null], [null, 90], [20, 90]);
  for (const policy of POLICY_NAMES) {
    const { moves, used, regretMs } = replay(away, policy, 1);
    const back = policy === "home" || policy === "window";
    assertEquals([moves, used.slice(0, 2)], [back ? 2 : 1, [0, 1]], policy);
    assertEquals(regretMs, 70 / 3, policy);
  }
});

test("netlab's policy loses least of those that move no more often than the home rule", () => {
  const kinds = [...KINDS.keys()].map((kind) => replays(kind, 1, 10));
  for (const days of [kinds[0]!, replays("day", 11, 10)]) {
    const totals = summarize(days);
    assert(losesLeast(totals), JSON.stringify(totals));
    const [netlab, , , home] = totals;
    assert(netlab!.regretMs < 0.9 * home!.regretMs, JSON.stringify(totals));
  }
  const all = summarize(kinds.flat());
  assert(losesLeast(all), JSON.stringify(all));
});

test("netlab's policy moves neither for jitter nor for spikes, and home does for jitter", () => {
  const { netlab, home } = totalsOf("equals", 1, 20);
  assertEquals(netlab!.moves, 0);
  assert(home!.moves > 100);
  assertEquals(totalsOf("spikes", 1, 20).netlab!.moves, 0);
});

test("netlab's policy loses less than a move is worth where others lose less than it", () => {
  for (const kind of ["change", "drift", "failure"]) {
    const { netlab } = totalsOf(kind, 1, 10);
    assert(netlab!.worstMs < 10, `${kind}: ${netlab!.worstMs} ms`);
  }
});

test("verdict is against a policy that moves more often than the home rule, or loses more", () => {
  const total = (policy: PolicyTotal["policy"], moves: number, regretMs: number): PolicyTotal => ({
    policy,
    moves,
    regretMs,
    worstMs: regretMs,
  });
  const others = [total("once", 0, 9), total("window", 50, 1), total("home", 5, 4)];
  assert(losesLeast([total("netlab", 5, 3), ...others]));
  assert(!losesLeast([total("netlab", 6, 3), ...others]));
  assert(!losesLeast([total("netlab", 5, 5), ...others]));
  assert(!losesLeast([total("netlab", 5, 3), total("once", 0, 2), total("home", 5, 4)]));
});

test("recorded traces are read, and other lines are refused by number", () => {
  const line = (second: number, servers: unknown) =>
    JSON.stringify({ time: `2026-01-01T00:00:0${second}.000Z`, servers, more: 1 });
  const { servers, rounds } = readTrace(
    "x",
    [
      line(0, [{ server: "a:1", nowMs: 5 }, { server: "b:1", nowMs: null }]),
      line(1, [{ server: "a:1" }, { server: "b:1", nowMs: 7 }, { server: "c:1", nowMs: 1 }]),
      "",
    ].join("\n"),
  );
  assertEquals(servers, ["a:1", "b:1", "c:1"]);
  assertEquals(rounds.map(({ times }) => times), [[5, null, null], [5, 7, 1]]);
  assertEquals(rounds[1]!.at - rounds[0]!.at, 1_000);
  const fine = line(0, []);
  for (
    const wrong of [
      "x",
      "1",
      "null",
      "{}",
      line(0, {}),
      line(0, [1]),
      line(0, [{ server: "a:1", nowMs: -1 }]),
      JSON.stringify({ time: "x", servers: [] }),
    ]
  ) {
    const { message } = assertThrows(() => readTrace("x", `${fine}\n${wrong}`), SyntaxError);
    assertStringIncludes(message, "line 2 is not a line");
  }
  assertStringIncludes(
    assertThrows(() => readTrace("x", fine), SyntaxError).message,
    "fewer than two rounds",
  );
});

test("pictures show servers, policies and moves", () => {
  const change = makeTrace("failure", 1);
  const picture = { trace: change, replays: POLICY_NAMES.map((name) => replay(change, name, 1)) };
  const lines = drawTerminal(picture, 60);
  assertEquals(lines.map((line) => line.split(" ")[0]!).slice(1), ["A", "B", "C", ...POLICY_NAMES]);
  assert(lines.slice(1).every((line) => line.length <= 60));
  assertMatch(lines[4]!, /^netlab +A+bB*aA+/);
  const svg = drawSvg({ ...picture, trace: { ...change, servers: ["a<b", "B & C", "D"] } });
  assertStringIncludes(svg, "a&lt;b");
  assertStringIncludes(svg, "B &amp; C");
  assert(!svg.includes("NaN") && !svg.includes("undefined"));
  assertEquals(
    svg.match(/<rect style/g)!.length,
    picture.replays.reduce((sum, { used }) => {
      return sum + used.filter((server, at) => server !== used[at - 1]).length;
    }, 0),
  );
});

storageTest(
  "lab flap shows which policy did what, on generated and on recorded traces",
  async () => {
    const permissions = ["--allow-read=.", "--allow-write=./data"];
    const svg = "data/flap-test.svg";
    const file = "data/flap-test.jsonl";
    try {
      const args = ["flap", "--kind", "equals", "--seeds", "2", "--svg", svg];
      const { code, stdout } = await Process.run(LAB, args, { permissions });
      assertEquals(code, 0, stdout.join("\n"));
      assertMatch(stdout.join("\n"), /netlab +0 +0\.00 ms/);
      assertStringIncludes(Deno.readTextFileSync(svg), "</svg>");

      // A trace that the client has recorded.
      await using server = await RttServer.listen();
      await using client = Process.start("rtt/client.ts", [
        "--json",
        "--every",
        "0.02",
        server.address,
      ]);
      for (let round = 0; round < 5; round++) await client.waitFor(/^\{/);
      client.kill("SIGTERM");
      Deno.writeTextFileSync(file, (await client.finished()).stdout.join("\n"));
      const recorded = await Process.run(LAB, ["flap", "--trace", file], { permissions });
      assertEquals(recorded.code, 0, recorded.stderr.join("\n"));
      assertStringIncludes(recorded.stdout.join("\n"), `A ${server.address}`);
    } finally {
      for (const path of [svg, file]) await Deno.remove(path).catch(() => {});
    }
    for (
      const [args, complaint] of [
        [["--kind", "none"], 'Option --kind: "none" is not one of day, equals'],
        [["--kind", "day", "--trace", "x"], "cannot be used together"],
        [["--trace", "data/nothing.jsonl"], "there is no file data/nothing.jsonl"],
      ] as const
    ) {
      const { code, stderr } = await Process.run(LAB, ["flap", ...args], { permissions });
      assertEquals([code, stderr.length], [2, 1], stderr.join("\n"));
      assertStringIncludes(stderr[0]!, complaint);
    }
  },
);
