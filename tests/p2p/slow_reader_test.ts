import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  type NetlabError,
  readReceipts,
  writeMessage,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttClient } from "@netlab/rtt/client";
import { RttServer } from "@netlab/rtt/server";
import { eventually, Inbox, nextMessage, RawParty, socketTest as test, within } from "./network.ts";

const MIB = 1024 * 1024;
const TEXT = "x".repeat(16 * 1024);

/** How much the process holds in buffers and objects: bytes. */
function memory(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

test("p2p client that does not read holds up who writes to it, and nobody else", async () => {
  await using server = await P2pServer.listen();
  const connect = (name: string) => P2pClient.connect({ name, servers: [server.address] });
  await using slow = await connect("Slow");
  await using eager = await connect("Eager");
  await using alice = await connect("Alice");
  await using bob = await connect("Bob");

  let confirmed = 0;
  const total = 4_000; // 64 MiB: more than all buffers between the two hold
  const before = memory();
  const sending = Promise.all(Array.from({ length: total }, async (_, number) => {
    await eager.send("Slow", `${number} ${TEXT}`);
    confirmed++;
  }));
  // Others write meanwhile, long enough for the flood to come to rest.
  let resting = 0;
  await eventually("the writer is held up", async () => {
    const sofar = confirmed;
    await alice.send("Bob", "between");
    assertEquals((await nextMessage(bob)).text, "between");
    resting = confirmed === sofar ? resting + 1 : 0;
    return confirmed > 0 && resting === 40;
  });
  assert(confirmed < total, "Nothing held the writer up");
  const grown = memory() - before;
  assert(grown < 64 * MIB, `${Math.round(grown / MIB)} MiB more`);

  const inbox = new Inbox(slow);
  await within("all is sent as soon as it is read", sending);
  await eventually("all is read", () => inbox.from("Eager").length === total);
  assertEquals(
    inbox.from("Eager").map((text) => text.split(" ")[0]),
    Array.from({ length: total }, (_, number) => `${number}`),
  );
});

test("p2p users of another server hear that a recipient does not keep up", async () => {
  await using first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await using deaf = await RawParty.register(second, "Deaf");
  deaf.pause();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
  await eventually("all are known", () => first.users().length === 3);
  const codes = await within(
    "answers",
    Promise.all(
      Array.from(
        { length: 1_500 },
        () => alice.send("Deaf", TEXT).then(() => 0, ({ code }: NetlabError) => code),
      ),
    ),
  );
  assertEquals([...new Set(codes)].sort(), [0, ErrorCode.RecipientBusy]);
  await alice.send("Bob", "others hear me");
  assertEquals((await nextMessage(bob)).text, "others hear me");
});

test("p2p server keeps no more than a bound for a user who writes but never reads", async () => {
  await using server = await P2pServer.listen();
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using flood = await RawParty.register(server, "Flood");
  flood.pause();
  const before = memory();
  for (let number = 0; number < 6_000; number++) {
    const message = { id: crypto.randomUUID(), sender: "Flood", recipient: "Flood", text: TEXT };
    writeMessage(flood.out, message, MessageKind.WithReceipts);
    if (number % 50 > 0) continue;
    await eventually("the server reads on", () => flood.out.length === 0);
    await bob.send("Bob", `${number}`);
    assertEquals((await nextMessage(bob)).text, `${number}`);
  }
  const grown = memory() - before;
  assert(grown < 80 * MIB, `${Math.round(grown / MIB)} MiB more`);
  flood.resume();
  await eventually("it is told", () =>
    flood.frames.filter(({ type }) => type === FrameType.Receipt)
      .flatMap((frame) => readReceipts(frame.payload))
      .some(({ code }) => code === ErrorCode.RecipientBusy));
});

const kinds = [["p2p", P2pServer, P2pClient], ["rtt", RttServer, RttClient]] as const;
for (const [kind, Server, Client] of kinds) {
  test(`${kind} client that has not read yet can move, and then reads all, once`, async () => {
    await using first = await Server.listen();
    await using second = await Server.listen({ peers: [first.address] });
    await eventually("both are linked", () => first.peers().length === 1);
    await using slow = await Client.connect({ name: "Slow", servers: [first.address] });
    await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
    const texts = Array.from({ length: 6_000 }, (_, number) => `${number} ${TEXT.slice(0, 512)}`);
    const sending = texts.slice(0, 3_000).map((text) => alice.send("Slow", text));
    await within("half of them is handed over", Promise.all(sending));
    const before = slow.server === first.address ? first : second;
    const after = before === first ? second : first;
    await slow.moveTo(after.address);
    const isAt = (server: typeof first) => server.localUsers().includes("Slow");
    await eventually("Slow has moved", () => isAt(after) && !isAt(before));
    const more = texts.slice(3_000).map((text) => alice.send("Slow", text));
    await within("the rest is handed over", Promise.all(more));
    const inbox = new Inbox(slow);
    await eventually("all is read", () => inbox.messages.length >= texts.length);
    assertEquals(inbox.from("Alice"), texts);
  });
}
