import { assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { FrameType, Information } from "@netlab/protocol";
import { unixProcessTest as test } from "../../kinds.ts";
import { TestFolder } from "../../folders.ts";
import { freePort, freePorts, Process } from "../../processes.ts";
import {
  eventually,
  Inbox,
  ScriptedServer,
  SilentServer,
  storageTest,
  within,
} from "../network.ts";
import { CLIENT, event, PERMISSIONS, SERVER, startServer } from "../programs.ts";

/** The signals that end a program, with the exit codes that shells give them. */
const SIGNALS = [["SIGHUP", 129], ["SIGINT", 130], ["SIGQUIT", 131], ["SIGTERM", 143]] as const;
/** Longer than stopping takes, and shorter than a server is waited for that does not answer: milliseconds. */
const SOON_MS = 4_500;

/** Starts a client in a pipe. */
function startClient(...servers: string[]): Process {
  return Process.start(CLIENT, ["--name", "Alice", ...servers], { stdin: "piped" });
}

for (const [signal, exitCode] of SIGNALS) {
  test(`p2p client program in a pipe ends with ${exitCode} at ${signal} while it connects`, async () => {
    await using server = new SilentServer();
    await using alice = startClient(server.address);
    await alice.write("Bob never sent\n");
    await eventually("it is connected", () => server.connections > 0);
    alice.kill(signal);
    const { code, stdout, stderr } = await alice.finished();
    assertEquals([code, stdout], [exitCode, []]);
    assertEquals(stderr, [`error: Stopped by ${signal} before the work was finished`]);
  });

  test(`p2p client program ends with 0 at ${signal} when nothing is left to do`, async () => {
    await using silent = new SilentServer();
    const server = await P2pServer.listen();
    await using alice = startClient(server.address, silent.address);
    await alice.waitForError("connected to");
    await server.close();
    // Also while it looks for another server.
    await eventually("it tries another", () => silent.connections > 0);
    alice.kill(signal);
    assertEquals((await alice.finished(SOON_MS)).code, 0);
  });

  test(`p2p server program moves its users to another server at ${signal}`, async () => {
    const [one, two] = freePorts(2) as [number, number];
    await using stays = await startServer(two, one);
    await using leaves = await startServer(one, two);
    await event(stays, "link.up");
    await event(leaves, "link.up");
    const states: string[] = [];
    await using alice = await P2pClient.connect({
      name: "Alice",
      servers: [`127.0.0.1:${one}`],
      onStatus: ({ state }) => states.push(state),
    });
    const { delivered } = await alice.send("Bob", "stored on the way");
    leaves.kill(signal);
    const { code, stderr } = await leaves.finished();
    assertEquals([code, stderr], [0, []]);
    assertEquals([alice.server, states], [`127.0.0.1:${two}`, ["connected", "connected"]]);
    await using bob = await P2pClient.connect({ name: "Bob", servers: [`127.0.0.1:${two}`] });
    const inbox = new Inbox(bob);
    await within("its end", delivered);
    assertEquals(inbox.lines, ["Alice: stored on the way"]);
  });
}

test("p2p client program that is told to stop reports what was not accepted, and ends with 1", async () => {
  let count = 0;
  await using server = new ScriptedServer((_party, { type }) => {
    if (type === FrameType.Message) count++;
  });
  await using alice = startClient(server.address);
  await alice.write('Bob one\n"Carol C." two words\n');
  await alice.endInput();
  await eventually("both are on their way", () => count === 2);
  alice.kill("SIGTERM");
  const { code, stdout, stderr } = await alice.finished();
  assertEquals([code, stdout, stderr], [1, [], [
    `connected to ${server.address}`,
    "Cannot confirm the message to Bob: the program was stopped first; the text was: one",
    "Cannot confirm the message to Carol C.: the program was stopped first; the text was: two words",
  ]]);
});

test("p2p client program that is told to stop sends nothing more, and reports what it did not send", async () => {
  let asked = false;
  let sent = 0;
  await using server = new ScriptedServer(
    (_party, { type, subtype }) => {
      if (type === FrameType.Message) sent++;
      if (type === FrameType.InformationRequest && subtype === Information.Users) asked = true;
    },
    undefined,
    Information.Users,
  );
  await using alice = startClient(server.address);
  await alice.write("/users\nBob never sent\n\nBob\n/servers\nBob neither\n");
  await eventually("it waits for the users", () => asked);
  alice.kill("SIGTERM");
  const { code, stdout, stderr } = await alice.finished();
  assertEquals([code, stdout, stderr, sent], [1, [], [
    `connected to ${server.address}`,
    "Cannot send the message to Bob: the program was stopped first; the text was: never sent",
    "Cannot send the message to Bob: the program was stopped first; the text was: neither",
  ], 0]);
});

storageTest(
  "p2p server program that is told to stop while it opens its folder ends with 0",
  async () => {
    using folder = new TestFolder();
    const port = freePort();
    const args = ["--port", `${port}`, "--peer", `${port}`, "--data", folder.path];
    const { code, stdout, stderr } = await Process.run(SERVER, args, {
      permissions: [
        "--preload=./tests/p2p/terminal/hang_up_while_opening.ts",
        "--allow-run",
        ...PERMISSIONS,
      ],
    });
    assertEquals([code, stderr], [0, []]);
    assertStringIncludes(stdout.at(-1)!, "closing");
  },
);
