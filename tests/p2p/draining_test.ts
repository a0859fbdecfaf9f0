import { assert, assertEquals } from "@std/assert";
import { P2pClient, type Sent } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { TestFolder } from "../folders.ts";
import { freePort, freePorts, type Process } from "../processes.ts";
import { Writer } from "./moving.ts";
import {
  eventually,
  Inbox,
  processTest,
  socketTest as test,
  storageTest,
  within,
} from "./network.ts";
import { event, startServer } from "./programs.ts";

/** The longest time until the last user of a draining server is on another: milliseconds. */
const MOVE_MS = 250;
/** On a busy machine: how many times as long as the same users took to sign on at the same time. */
const MOST = 4;
/** Other tests share the machine and can only make it slower: the best of so many rounds counts. */
const ROUNDS = 5;
/** How long a server may take to drain and end: milliseconds. */
const DRAIN_MS = 10_000;

/** Ends a server with a signal, and returns how long that took: milliseconds. */
async function terminate(server: Process, signal: "SIGTERM" | "SIGINT"): Promise<number> {
  const start = performance.now();
  server.kill(signal);
  const { code, stderr } = await server.finished();
  assertEquals([code, stderr], [0, []]);
  return performance.now() - start;
}

/**
 * Drains a server whose users write and read meanwhile, and checks that no message is lost or repeated.
 * Returns the times until the last user was on another server, and until all had signed on: milliseconds.
 */
async function drainUnderLoad(): Promise<{ moveMs: number; signOnMs: number }> {
  const [one, two, three] = freePorts(3) as [number, number, number];
  await using leaves = await startServer(one, two);
  await using second = await startServer(two, one, "--peer", `127.0.0.1:${three}`);
  await using third = await startServer(three, one, "--peer", `127.0.0.1:${two}`);
  for (const server of [leaves, second, third]) {
    await event(server, "link.up");
    await event(server, "link.up");
  }
  await using stack = new AsyncDisposableStack();
  const moved = new Map<string, number>();
  const states: string[] = [];
  const join = async (name: string, port: number) =>
    stack.use(
      await P2pClient.connect({
        name,
        servers: [`127.0.0.1:${port}`],
        onStatus: (status) => {
          states.push(status.state);
          if (status.state === "connected") moved.set(name, performance.now());
        },
      }),
    );
  const alice = await join("Alice", one);
  const bob = await join("Bob", two);
  const signingOn = performance.now();
  const others = await Promise.all(
    Array.from({ length: 30 }, (_, number) => join(`User ${number}`, one)),
  );
  const signOnMs = performance.now() - signingOn;
  await eventually("all are known", async () => (await bob.users()).length === 32);
  const atAlice = new Inbox(alice);
  const atBob = new Inbox(bob);
  // One message each at a time, or the time to move would be the time that the machine has for it.
  const toBob = new Writer(alice, "Bob", 1);
  const toAlice = new Writer(bob, "Alice", 1);
  const writers = [toBob, toAlice];
  await eventually("messages flow", () => writers.every(({ confirmed }) => confirmed > 100));

  states.length = 0;
  const start = performance.now();
  leaves.kill("SIGTERM");
  const { code, stderr } = await leaves.finished();
  const took = performance.now() - start;
  assertEquals([code, stderr], [0, []]);
  assert(took < DRAIN_MS, `took ${took} ms`);
  const before = writers.map(({ confirmed }) => confirmed);
  await eventually(
    "messages still flow",
    () => writers.every(({ confirmed }, index) => confirmed > before[index]!),
  );
  await within("the last receipts", Promise.all(writers.map((writer) => writer.stop())));
  await eventually(
    "all has come",
    () => atBob.messages.length >= toBob.sent && atAlice.messages.length >= toAlice.sent,
  );
  for (
    const [inbox, writer, name] of [[atBob, toBob, "Alice"], [atAlice, toAlice, "Bob"]] as const
  ) {
    const numbers = inbox.from(name).map(Number).sort((a, b) => a - b);
    assertEquals(numbers.length, writer.sent);
    assert(numbers.every((number, index) => number === index), "something is lost or came twice");
  }
  // They moved while they were connected, and were never without a server.
  assert(!states.includes("reconnecting"), states.join());
  const times = [alice, ...others].map(({ name }) => moved.get(name)! - start).sort((a, b) =>
    a - b
  );
  assert(times[0]! > 0, "everybody moved");
  const servers = new Set(others.map(({ server }) => server));
  assertEquals([...servers].sort(), [`127.0.0.1:${two}`, `127.0.0.1:${three}`].sort());
  return { moveMs: times.at(-1)!, signOnMs };
}

processTest(
  "p2p users of a draining server are on another within 250 ms, and nothing is lost or repeated",
  async () => {
    const rounds = [];
    const isQuick = ({ moveMs, signOnMs }: { moveMs: number; signOnMs: number }) =>
      moveMs < Math.max(MOVE_MS, MOST * signOnMs);
    do rounds.push(await drainUnderLoad()); while (
      !isQuick(rounds.at(-1)!) && rounds.length < ROUNDS
    );
    assert(isQuick(rounds.at(-1)!), JSON.stringify(rounds));
  },
);

storageTest(
  "p2p server that drains hands off its stored messages, and does not deliver them again",
  async () => {
    using folder = new TestFolder();
    const [one, two] = freePorts(2) as [number, number];
    const start = () => startServer(one, two, "--data", folder.path);
    await using stays = await startServer(two, one);
    await using leaves = await start();
    await event(stays, "link.up");
    await event(leaves, "link.up");
    await using alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${one}`] });
    const texts = Array.from({ length: 500 }, (_, number) => `${number}`);
    const sent: Sent[] = await Promise.all(texts.map((text) => alice.send("Bob", text)));
    const took = await terminate(leaves, "SIGINT");
    assert(took < DRAIN_MS / 2, `took ${took} ms`);
    await eventually("Alice is there", () => alice.server === `127.0.0.1:${two}`);

    // Whatever it still had would be delivered by the next one on its folder.
    await using _next = await start();
    await event(stays, "link.up");
    await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${one}`] });
    const inbox = new Inbox(bob);
    await within("their end", Promise.all(sent.map(({ delivered }) => delivered)));
    await bob.send("Bob", "last");
    await eventually("all has come", () => inbox.from("Bob").length === 1);
    assertEquals(inbox.from("Alice"), texts);
  },
);

storageTest(
  "p2p server that drains without another server ends soon, and keeps its messages",
  async () => {
    using folder = new TestFolder();
    const port = freePort();
    await using server = await startServer(port, port, "--data", folder.path);
    await using alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${port}`] });
    const { delivered } = await alice.send("Bob", "Hello");
    const took = await terminate(server, "SIGTERM");
    // A server waits up to nine seconds for users to move.
    assert(took < DRAIN_MS / 2, `took ${took} ms`);
    await using _next = await startServer(port, port, "--data", folder.path);
    await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${port}`] });
    const inbox = new Inbox(bob);
    await within("its end", delivered);
    assertEquals(inbox.lines, ["Alice: Hello"]);
  },
);

test("p2p server that drains accepts no new users, and closes in time although a user stays", async () => {
  await using stays = await P2pServer.listen();
  const leaves = await P2pServer.listen({ peers: [stays.address] });
  await eventually("both are linked", () => leaves.peers().length === 1);
  await using legacy = await Deno.connect({ hostname: "127.0.0.1", port: leaves.port });
  await legacy.write(new TextEncoder().encode("\x02\x01\0\x04\0\0Olga"));
  await eventually("Olga is there", () => leaves.localUsers().length === 1);
  // Legacy users cannot be asked to move.
  const draining = leaves.drain();
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [leaves.address, stays.address],
  });
  assertEquals(alice.server, stays.address);
  await within("its end", draining, 2_000);
  assertEquals(await legacy.read(new Uint8Array(1)), null);
});
