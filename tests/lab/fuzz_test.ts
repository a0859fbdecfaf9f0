import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { failureOf, formatInputs, fuzzTargets, parseInputs } from "@netlab/lab/fuzz";
import { RoutingCore } from "@netlab/p2p/core";
import { FrameType } from "@netlab/protocol";
import { processTest, pureTest as test } from "../kinds.ts";
import { Process } from "../processes.ts";

for (const name of ["codec", "core", "session"]) {
  test(`fuzzing the ${name} breaks nothing`, async () => {
    await using target = fuzzTargets.get(name)!();
    for (const seed of [1, 2, 3]) {
      const { frames, findings } = await target.round(seed);
      assertEquals(findings, []);
      assert(frames > 1_000);
    }
  });
}

test("fuzzing the time stops in the middle of a round", async () => {
  await using target = fuzzTargets.get("time")!();
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("stopped")), 0);
  await assertRejects(() => target.round(1, stop.signal), Error, "stopped");
});

test("fuzzing the core finds a server that throws, and the frame that does it", async () => {
  const { received } = RoutingCore.prototype;
  RoutingCore.prototype.received = function (connection, frame) {
    if (frame.type === FrameType.Echo) throw new TypeError("planted");
    received.call(this, connection, frame);
  };
  try {
    await using target = fuzzTargets.get("core")!();
    const { findings: [finding] } = await target.round(1);
    assertStringIncludes(finding!.what, "planted");
    const inputs = finding!.inputs!;
    assertEquals([inputs.length, inputs[0]!.bytes[0]], [1, FrameType.Echo]);
    assertEquals(parseInputs(formatInputs(inputs)), inputs);
  } finally {
    RoutingCore.prototype.received = received;
  }
});

test("fuzzing the core finds a server that loses a message of honest users", () => {
  const { received } = RoutingCore.prototype;
  let lost = false;
  RoutingCore.prototype.received = function (connection, frame) {
    const isHonest = frame.type === FrameType.Message && connection.label === "Alice";
    if (isHonest && !lost) lost = true;
    else received.call(this, connection, frame);
  };
  try {
    const input = { connection: 0, bytes: Uint8Array.of(FrameType.Echo, 0, 0, 0, 0, 0) };
    assertEquals(failureOf(1, [input]), "Bob has seen  and not 0");
  } finally {
    RoutingCore.prototype.received = received;
  }
});

processTest("servers survive the regression vectors", async () => {
  const folder = new URL("./fuzz_vectors/", import.meta.url);
  let count = 0;
  for await (const { name } of Deno.readDir(folder)) {
    const inputs = parseInputs(await Deno.readTextFile(new URL(name, folder)));
    for (const seed of [1, 2]) assertEquals(failureOf(seed, inputs), undefined, name);
    count++;
  }
  assert(count > 0);
});

processTest(
  "lab fuzz shows what it fuzzed, and refuses a target that it does not know",
  async () => {
    const run = (...args: string[]) =>
      Process.run("lab/terminal/lab.ts", ["fuzz", "--seconds", "0.1", ...args]);
    const { code, stdout, stderr } = await run("--target", "session", "--seed", "7");
    assertEquals([code, stderr, stdout[0]], [0, [], "seed 7"]);
    assertMatch(stdout[1]!, /^session +\d{1,3}(,\d{3})* frames {2}nothing broke$/);
    const unknown = await run("--target", "toString");
    assertEquals([unknown.code, unknown.stdout], [2, []]);
    assertStringIncludes(unknown.stderr[0]!, "toString is none of codec, time, core");
  },
);
