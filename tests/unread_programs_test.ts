/**
 * What every program does when nobody reads its output: one with work of its own goes on, one that watches ends in
 * good order, and one whose result is not known does not report success.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { greet } from "@netlab/basic/client";
import { P2pServer } from "@netlab/p2p/server";
import { processTest as test, unixProcessTest } from "./kinds.ts";
import { Piped } from "./piped.ts";
import { freePort } from "./processes.ts";
import { eventually } from "./p2p/network.ts";

const LAB = "lab/terminal/lab.ts";
const NET = ["--allow-net=127.0.0.1,localhost"];
const EVERYTHING = [
  ...NET,
  "--allow-read=.",
  "--allow-write=./data",
  `--allow-run=${Deno.execPath()}`,
];

/** Programs whose result is not known when their reader leaves after the first line. */
const unfinished: [program: string, args: string[], codes: number[]][] = [
  ["demo.ts", [], [141]],
  [LAB, ["replay", "--seed", "3", "--trace"], [141]],
  [LAB, ["flap", "--kind", "all", "--seeds", "1"], [141]],
  [LAB, ["run", "--servers", "2", "--clients", "2", "--memory", "--seconds", "30"], [2]],
  [LAB, ["routes"], [141]],
];
for (const [program, args, codes] of unfinished) {
  test(`${program} ${args[0] ?? ""} does not end with 0 when nobody reads its result`, async () => {
    await using running = new Piped(program, args, EVERYTHING);
    await running.until("\n");
    await running.hangUp();
    const { code, errors } = await running.finished();
    assert(codes.includes(code), `it ended with ${code}`);
    assertEquals(errors, "");
  });
}

for (const [program, flag] of [["rtt/client.ts", "--json"], ["basic/client.ts", "--watch"]]) {
  test(`${program} ${flag} ends with 0 when its reader has seen enough`, async () => {
    await using server = await P2pServer.listen();
    const args = [flag!, "--every", "0.05", `${server.port}`];
    if (flag === "--json") args.unshift("--watch");
    await using running = new Piped(program!, args, NET);
    await running.until("\n");
    await running.hangUp();
    assertEquals(await running.finished(), { code: 0, errors: "" });
  });
}

unixProcessTest("basic server goes on when the reader of its output has gone", async () => {
  const port = freePort();
  await using server = new Piped("basic/server.ts", ["--port", `${port}`], NET);
  await server.hangUp();
  const address = { hostname: "127.0.0.1", port };
  for (let times = 0; times < 3; times++) {
    await eventually("it answers", async () => (await greet(address)).answered);
  }
  server.kill("SIGTERM");
  assertEquals(await server.finished(), { code: 0, errors: "" });
});

unixProcessTest("lab proxy goes on when the reader of its output has gone", async () => {
  await using target = await P2pServer.listen();
  const port = freePort();
  const args = ["proxy", `${target.port}`, "--port", `${port}`];
  await using proxy = new Piped(LAB, args, EVERYTHING);
  await proxy.hangUp();
  await proxy.write("heal\nheal\n");
  await eventually("it forwards", () => forwards(port));
  await proxy.write("partition\nheal\n");
  await eventually("it forwards", () => forwards(port));
  proxy.kill("SIGTERM");
  assertEquals((await proxy.finished()).code, 0);
});

async function forwards(port: number): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch {
    return false;
  }
}
