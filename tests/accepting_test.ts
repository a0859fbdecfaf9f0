/**
 * Tests that servers of every kind keep accepting connections after resets and shortages.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { connect } from "node:net";
import { greet } from "@netlab/basic";
import { parseAddress } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { within } from "./p2p/network.ts";
import { event, type Log, PERMISSIONS } from "./p2p/programs.ts";
import { freePort, Process } from "./processes.ts";
import { unixProcessTest as test } from "./kinds.ts";

/** The longest time until a client is served: milliseconds. */
const SOON_MS = 2_000;

/** Connects, and resets the connection at once, whether the server has accepted it or not. */
function connectAndReset(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => socket.resetAndDestroy());
  socket.on("error", reject);
  socket.on("close", () => resolve());
  return promise;
}

async function signOn(address: string): Promise<void> {
  await using _client = await P2pClient.connect({ name: "Alice", servers: [address] });
}

async function sayHello(address: string): Promise<void> {
  assertEquals((await greet(parseAddress(address))).answered, true);
}

/** The servers, how many connections to reset, and what a client does. */
const SERVERS: [program: string, waiting: number, use: (address: string) => Promise<void>][] = [
  ["basic/server.ts", 500, sayHello],
  ["p2p/server.ts", 2_000, signOn],
  ["rtt/server.ts", 2_000, signOn],
];

for (const [program, waiting, use] of SERVERS) {
  test(`${program} serves a client at once after ${waiting} connections that were reset`, async () => {
    const port = freePort();
    await using server = Process.start(program, ["--port", `${port}`], {
      permissions: PERMISSIONS,
    });
    await server.waitFor(/listening/i);
    // Connections wait until the server continues.
    server.kill("SIGSTOP");
    const resets = Array.from({ length: waiting }, () => connectAndReset(port));
    await within("all are reset", Promise.all(resets));
    server.kill("SIGCONT");
    const started = performance.now();
    await use(`127.0.0.1:${port}`);
    assertLess(performance.now() - started, SOON_MS);
    const warnings = server.stdout.filter((line) => line.includes("accept"));
    assertEquals(warnings, []);
  });
}

test("p2p server that ran out of file descriptors serves its clients when it has some again", async () => {
  const port = freePort();
  const args = ["--port", `${port}`, "--peer", `127.0.0.1:${port}`, "--json"];
  await using server = Process.start("p2p/server.ts", args, {
    permissions: ["--preload=./tests/few_files.ts", "--allow-net=127.0.0.1", "--allow-read"],
    stdin: "piped",
  });
  await event(server, "listening");
  await server.write("take\n");
  const { event: taken } = JSON.parse(await server.waitFor(/too many|none left/)) as Log;
  if (taken === "too many") return;
  const client = signOn(`127.0.0.1:${port}`);
  const warning = "cannot accept more connections for now";
  await server.waitFor(warning);
  await server.write("give\n");
  await within("the client is served", client);
  assertEquals(server.stdout.filter((line) => line.includes(warning)).length, 1);
});
