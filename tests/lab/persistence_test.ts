/**
 * `lab run` with kills, twice. With shipped servers, no accepted message is lost. With servers that store
 * messages only after they accepted them, messages are lost, and the run says so.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Findings } from "@netlab/lab";
import { storageTest as test } from "../p2p/network.ts";
import { Process } from "../processes.ts";

/** Runs `lab run`, or a program like it, for four seconds with kills. Returns its findings. */
async function run(program: string, ...command: string[]): Promise<Findings & { kills: number }> {
  const { code, stdout, stderr } = await Process.run(program, [
    ...command,
    ...["--servers", "3", "--clients", "20", "--rate", "600", "--seconds", "4", "--seed", "1"],
    ...["--kill-every", "0.5", "--data", `data/lab-test-${crypto.randomUUID()}`, "--json"],
  ], {
    permissions: [
      ...["--allow-net=127.0.0.1,localhost", "--allow-read=.", "--allow-write=./data"],
      `--allow-run=${Deno.execPath()}`,
    ],
    // The second run waits for messages that never arrive.
    deadlineMs: 300_000,
  });
  assertEquals([stderr, stdout.length], [[], 1], stdout.join("\n"));
  const findings = JSON.parse(stdout[0]!);
  assertEquals(findings.exitCode, code);
  assert(findings.kills >= 2, `${findings.kills} kills`);
  assert(findings.waited > 0, "nobody was away");
  return findings;
}

test("servers that are killed lose no accepted message", async () => {
  const { exitCode, lost, duplicated, outOfOrder } = await run("lab/terminal/lab.ts", "run");
  assertEquals([lost, duplicated, outOfOrder], [[], [], []]);
  assertEquals(exitCode, 0);
});

test("servers that store messages after they accepted them lose some, and lab run says so", async () => {
  const { exitCode, lost } = await run("tests/lab/forgetful_run.ts");
  assertEquals(exitCode, 1);
  assert(lost.length > 0);
});
