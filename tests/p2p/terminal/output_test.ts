/**
 * What the programs do when their output cannot be written: no work is lost, and none is reported that was not
 * done.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pause } from "@netlab/terminal";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { linuxProcessTest, unixProcessTest } from "../../kinds.ts";
import { Piped } from "../../piped.ts";
import { freePort, freePorts, Process } from "../../processes.ts";
import { eventually, Inbox, processTest, within } from "../network.ts";
import { CLIENT, event, PERMISSIONS, SERVER, startServer } from "../programs.ts";

const NO_SPACE =
  "Cannot write to standard output: no space left on device; make room, or write elsewhere";
const GOES_ON = "(the server goes on, and tries again every second)";
const STAYS = "; messages to you stay on the network, and lines are still sent";
const FULL = ["--preload=./tests/full_output.ts", "--allow-ffi"];
const TERMINAL = ["--preload=./tests/unread_terminal.ts", "--allow-ffi"];
const NET = "--allow-net=127.0.0.1,localhost";
/** Longer than a program takes to stop, and shorter than anything that it could wait for: milliseconds. */
const SOON_MS = 4_000;

linuxProcessTest(
  "p2p client program on a full disk acknowledges no message that it cannot write, and still sends",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const bobs = new Inbox(bob);
    const args = ["--name", "Alice", "--server", `${server.port}`];
    await using alice = Process.start(CLIENT, args, {
      permissions: [NET, ...FULL],
      stdin: "piped",
    });
    await alice.waitForError("connected to");
    const sent = await bob.send("Alice", "not to be lost");
    await alice.waitForError(NO_SPACE);
    await alice.write("Bob sent nevertheless\n");
    await alice.endInput();
    const { code, stderr } = await alice.finished();
    assertEquals([code, stderr], [1, [
      `connected to ${server.address}`,
      `${NO_SPACE}${STAYS}`,
      `error: ${NO_SPACE}`,
    ]]);
    await eventually("it arrives", () => bobs.lines.includes("Alice: sent nevertheless"));

    await using next = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const inbox = new Inbox(next);
    await within("its end", sent.delivered);
    assertEquals(inbox.lines, ["Bob: not to be lost"]);
  },
);

processTest(
  "p2p client program whose reader has gone sends all lines, and takes only messages that were read",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const bobs = new Inbox(bob);
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    const first = await bob.send("Alice", "read");
    await alice.until("Bob: read\n");
    await within("its end", first.delivered);
    await alice.hangUp();
    const second = await bob.send("Alice", "not read");
    await alice.untilError("its reader has gone");
    const lines = Array.from({ length: 50 }, (_, line) => `Bob line ${line}\n`);
    await alice.write(lines.join(""));
    await alice.endInput();
    assertEquals((await alice.finished()).code, 0);
    await eventually("all have arrived", () => bobs.lines.length === lines.length);

    await using next = await P2pClient.connect({ name: "Alice", servers: [server.address] });
    const inbox = new Inbox(next);
    await within("its end", second.delivered);
    assertEquals(inbox.lines, ["Bob: not read"]);
  },
);

processTest(
  "p2p client program whose reader has gone before it connects sends all lines",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const bobs = new Inbox(bob);
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    await alice.hangUp();
    await alice.write("Alice a note\nBob one\nBob two\n");
    await alice.endInput();
    assertEquals((await alice.finished()).code, 0);
    await eventually("both have arrived", () => bobs.lines.length === 2);
  },
);

for (
  const [what, lines, why] of [
    ["an answer was not shown", "/users\nBob one\n", ""],
    ["a line failed before", "/nonsense\nAlice a note\n", "There is no command /nonsense"],
  ] as const
) {
  processTest(`p2p client program whose reader has gone ends with 1 if ${what}`, async () => {
    await using server = await P2pServer.listen();
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    await alice.hangUp();
    await alice.write(lines);
    await alice.endInput();
    const { code, errors } = await alice.finished();
    assertEquals(code, 1);
    assertStringIncludes(errors, why);
  });
}

processTest(
  "p2p client program whose reader has gone ends with 1 when its input neither ends nor goes on",
  async () => {
    await using server = await P2pServer.listen();
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    await alice.hangUp();
    await alice.write("Alice a note\n");
    const { code, errors } = await alice.finished();
    assertEquals(code, 1);
    assertStringIncludes(errors, "Cannot go on: nothing can be shown, and standard input has not");
  },
);

unixProcessTest(
  "p2p client program whose output is not read takes no message meanwhile, and obeys signals",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [NET]);
    await alice.untilError("connected to");
    const text = "x".repeat(20_000);
    let delivered = 0;
    for (let message = 0; message < 100; message++) {
      const sent = await bob.send("Alice", `${message} ${text}`);
      void sent.delivered.then(() => delivered++, () => {});
    }
    await eventually("the pipe is full", () => delivered > 0);
    alice.kill("SIGTERM");
    assertEquals((await alice.finished(SOON_MS)).code, 0);
    assert(delivered < 50, `${delivered} messages were taken`);
  },
);

linuxProcessTest(
  "p2p client program obeys signals while its terminal takes no output",
  async () => {
    await using server = await P2pServer.listen();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await using alice = new Piped(CLIENT, ["--name", "Alice", `${server.port}`], [
      NET,
      ...TERMINAL,
    ]);
    await eventually("she is there", () => server.localUsers().includes("Alice"));
    let delivered = 0;
    for (let message = 0; message < 20; message++) {
      const sent = await bob.send("Alice", "x".repeat(20_000));
      void sent.delivered.then(() => delivered++, () => {});
    }
    // Nothing shows from outside that she has met the first one. Without this pause the test would find less.
    await pause(500);
    alice.kill("SIGTERM");
    assertEquals((await alice.finished(SOON_MS)).code, 0);
    assertEquals(delivered, 0);
  },
);

/** The server logs every message, which fills a pipe of 64 KiB with about a thousand. */
const MANY = 3_000;

/** Sends messages to oneself, one after the other, and returns how long the slowest took: milliseconds. */
async function talk(port: number, count: number): Promise<number> {
  const options = { name: "Alice", servers: [`127.0.0.1:${port}`] };
  await using alice = await eventually(
    "it listens",
    () => P2pClient.connect(options).catch(() => undefined),
  ) as P2pClient;
  const inbox = new Inbox(alice);
  for (let sent = 0; sent < MANY; sent += 100) {
    await Promise.all(Array.from({ length: 100 }, () => alice.send("Alice", "to be logged")));
  }
  let slowest = 0;
  for (let message = 0; message < count; message++) {
    const started = performance.now();
    await within("its end", (await alice.send("Alice", "in time")).delivered);
    slowest = Math.max(slowest, performance.now() - started);
  }
  assertEquals(inbox.lines.filter((line) => line === "Alice: in time").length, count);
  return slowest;
}

for (const format of ["text", "json"]) {
  unixProcessTest(
    `p2p server program whose log (${format}) is not read serves its users, counts dropped lines, and stops`,
    async () => {
      const port = freePort();
      const args = ["--port", `${port}`, "--peer", `${port}`, "--verbose"];
      if (format === "json") args.push("--json");
      await using server = new Piped(SERVER, args, PERMISSIONS);
      // More than 2 MiB of lines.
      for (let round = 0; round < (format === "json" ? 4 : 10); round++) await talk(port, 1);
      const slowest = await talk(port, 20);
      assert(slowest < 1_000, `a message took ${slowest} ms`);
      await server.until("dropped");
      await server.until("left");
      const line = server.output.split("\n").find((each) => each.includes("dropped"))!;
      if (format === "json") {
        const { event, level, lines } = JSON.parse(line);
        assertEquals([event, level, lines > 0], ["log.dropped", "warn", true]);
      } else {assertStringIncludes(
          line,
          "log lines were dropped: standard output was not read in time",
        );}
      server.kill("SIGTERM");
      assertEquals(await server.finished(SOON_MS), { code: 0, errors: "" });
    },
  );
}

unixProcessTest("p2p server program that nobody reads any more leaves in good order", async () => {
  const [one, two] = freePorts(2) as [number, number];
  await using stays = await startServer(two, one);
  const args = ["--port", `${one}`, "--peer", `${two}`, "--verbose"];
  await using leaves = new Piped(SERVER, args, PERMISSIONS);
  await event(stays, "link.up");
  await talk(one, 1);
  const states: string[] = [];
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [`127.0.0.1:${one}`],
    onStatus: ({ state }) => states.push(state),
  });
  leaves.kill("SIGTERM");
  assertEquals(await leaves.finished(SOON_MS), { code: 0, errors: "" });
  assertEquals([alice.server, states], [`127.0.0.1:${two}`, ["connected", "connected"]]);
});

const lost: [what: string, permissions: string[], error: string][] = [
  ["its reader has gone", [], "Cannot write to standard output: its reader has gone"],
  ["the disk is full", FULL, NO_SPACE],
];
for (const [what, permissions, error] of lost) {
  linuxProcessTest(`p2p server program goes on when ${what}, and reports that once`, async () => {
    const port = freePort();
    const args = ["--port", `${port}`, "--peer", `${port}`];
    await using server = new Piped(SERVER, args, [...PERMISSIONS, ...permissions]);
    await server.hangUp();
    await talk(port, 1);
    server.kill("SIGTERM");
    const errors = `error: ${error} ${GOES_ON}\n`;
    assertEquals(await server.finished(SOON_MS), { code: 0, errors });
  });
}

linuxProcessTest("p2p server program goes on while its terminal takes no output", async () => {
  const port = freePort();
  const args = ["--port", `${port}`, "--peer", `${port}`, "--verbose"];
  await using server = new Piped(SERVER, args, [...PERMISSIONS, ...TERMINAL]);
  await talk(port, 1);
  server.kill("SIGTERM");
  assertEquals(await server.finished(SOON_MS), { code: 0, errors: "" });
});
