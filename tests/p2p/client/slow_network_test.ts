import { assert, assertEquals } from "@std/assert";
import { FaultProxy } from "@netlab/lab";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { Process } from "../../processes.ts";
import { eventually, Inbox, processTest, socketTest as test, within } from "../network.ts";
import { CLIENT } from "../programs.ts";

test("p2p client gives up no message that is still on its way over a slow link", async () => {
  await using server = await P2pServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address });
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [proxy.address],
    sendTimeoutMs: 500,
  });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  const inbox = new Inbox(bob);
  proxy.set({ toTarget: { bytesPerSecond: 250_000 }, toClient: { bytesPerSecond: 250_000 } });
  const start = performance.now();
  const texts = Array.from({ length: 40 }, (_, number) => `${number} ${"x".repeat(25_000)}`);
  const sent = await within(
    "the receipts",
    Promise.all(texts.map((text) => alice.send("Bob", text))),
  );
  await within("the end", Promise.all(sent.map(({ delivered }) => delivered)));
  assertEquals(inbox.from("Alice"), texts);
  assert(performance.now() - start > 3_500, "the link was slow");
});

test("p2p client that reads none of its messages can still send", async () => {
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  for (let number = 0; number < 3_000; number++) await alice.post("Bob", `${number}`);
  // Bob's receipt comes behind the messages that Bob does not read.
  await within("the receipt", bob.send("Alice", "Hello"));
});

processTest("p2p client program reads its input no faster than its messages leave", async () => {
  await using server = await P2pServer.listen();
  await using proxy = await FaultProxy.start({ target: server.address });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  const inbox = new Inbox(bob);
  await using alice = Process.start(CLIENT, ["--name", "Alice", "--server", proxy.address], {
    stdin: "piped",
  });
  await alice.waitForError("connected to");
  proxy.set({ toTarget: { stall: true } });
  const count = 400;
  let written = 0;
  const writing = (async () => {
    for (; written < count; written++) await alice.write(`Bob ${written} ${"x".repeat(30_000)}\n`);
    await alice.endInput();
  })();
  // 2 MiB are in flight, some lines were read ahead, and the rest waits in the pipe.
  await eventually("it has taken what it may", () => written >= 60);
  for (let before = -1; before < written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert(written < 120, `${written} lines are in its memory`);
  proxy.set({ toTarget: {} });
  await within("the input", writing);
  const { code, stderr } = await alice.finished();
  assertEquals([code, stderr.length], [0, 1], stderr.join("\n"));
  await eventually("all has come", () => inbox.messages.length === count);
});
