import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { dial, ErrorCode } from "@netlab/protocol";
import { RttClient } from "@netlab/rtt/client";
import {
  assertFails,
  eventually,
  FullServer,
  nextMessage,
  ScriptedServer,
  SilentServer,
  socketTest as test,
  within,
} from "../network.ts";

/** Longer than giving up takes, and shorter than any attempt to connect: milliseconds. */
const SOON_MS = 4_500;

const reason = new Error("changed my mind");

/** What a promise fails with, soon. */
function failure(work: Promise<unknown>): Promise<unknown> {
  return within("a failure", work.then(() => undefined, (error) => error), SOON_MS);
}

for (const [kind, Client] of [["p2p", P2pClient], ["rtt", RttClient]] as const) {
  test(`${kind} client gives up connecting to a server that never answers`, async () => {
    await using server = new SilentServer();
    const stop = new AbortController();
    const connecting = Client.connect({
      name: "Alice",
      servers: [server.address],
      signal: stop.signal,
    });
    await eventually("it is connected", () => server.connections > 0);
    stop.abort(reason);
    assertEquals(await failure(connecting), reason);
  });

  test(`${kind} client does not connect when its signal has aborted`, async () => {
    await using server = new SilentServer();
    const signal = AbortSignal.abort(reason);
    const options = { name: "Alice", servers: [server.address], signal };
    assertEquals(await failure(Client.connect(options)), reason);
    assertEquals(server.connections, 0);
  });
}

test("p2p client gives up connecting to a server that ignores its frames", async () => {
  await using server = await FullServer.fill();
  const stop = new AbortController();
  const connecting = P2pClient.connect({
    name: "Alice",
    servers: [server.address],
    signal: stop.signal,
    rank(servers) {
      // It dials right after this.
      setImmediate(() => stop.abort(reason));
      return Promise.resolve(servers);
    },
  });
  assertEquals(await failure(connecting), reason);
});

test("p2p client gives up connecting while its servers are ranked", async () => {
  const stop = new AbortController();
  const connecting = P2pClient.connect({
    name: "Alice",
    servers: ["127.0.0.1:1"],
    signal: stop.signal,
    rank() {
      stop.abort(reason);
      return Promise.withResolvers<string[]>().promise;
    },
  });
  assertEquals(await failure(connecting), reason);
});

test("p2p client that looks for a server closes at once", async () => {
  await using silent = new SilentServer();
  const server = await P2pServer.listen();
  const servers = [server.address, silent.address];
  const alice = await P2pClient.connect({ name: "Alice", servers });
  await server.close();
  await eventually("it tries the other", () => silent.connections > 0);
  await within("the end", alice.close(), SOON_MS);
});

test("p2p client that is connected ignores the signal", async () => {
  await using server = await P2pServer.listen();
  const stop = new AbortController();
  const { signal } = stop;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address], signal });
  stop.abort(reason);
  await alice.send("Alice", "still here");
  assertEquals((await nextMessage(alice)).text, "still here");
});

test("p2p client that moves closes at once, and its move fails", async () => {
  await using silent = new SilentServer();
  await using server = await P2pServer.listen();
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const moving = assertFails(alice.moveTo(silent.address), ErrorCode.Closed);
  await eventually("it is connected", () => silent.connections > 0);
  await within("the end", alice.close(), SOON_MS);
  await moving;
  assertEquals(server.users(), []);
});

test("p2p client closes although its server has stopped reading", async () => {
  await using server = new ScriptedServer((party) => party.pause());
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  let full = false;
  while (!full) {
    void alice.post("Bob", "x".repeat(60_000)).catch(() => full = true);
    await new Promise((resolve) => void setImmediate(resolve));
  }
  await within("the end", alice.close());
});

test("dial fails with the signal's reason", async () => {
  await using server = await FullServer.fill();
  const stop = new AbortController();
  const dialling = dial(server.address, stop.signal);
  stop.abort(reason);
  assertEquals(await failure(dialling), reason);
  assert(!(await failure(dial(server.address, AbortSignal.abort(reason))) instanceof TypeError));
});
