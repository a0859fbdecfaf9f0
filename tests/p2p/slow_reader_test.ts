import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  type NetlabError,
  readMessage,
  readReceipts,
  ReceiptState,
  writeMessage,
  writeReceipts,
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

test("p2p client that does not read slows down its senders, and no other user", async () => {
  await using server = await P2pServer.listen();
  const connect = (name: string) => P2pClient.connect({ name, servers: [server.address] });
  await using slow = await connect("Slow");
  await using eager = await connect("Eager");
  await using alice = await connect("Alice");
  await using bob = await connect("Bob");

  let confirmed = 0;
  const total = 4_000; // 64 MiB: four times what is stored for one user
  const before = memory();
  const sending = Promise.all(Array.from({ length: total }, async (_, number) => {
    const { delivered } = await eager.send("Slow", `${number} ${TEXT}`);
    confirmed++;
    await delivered;
  }));
  sending.catch(() => {}); // when something else fails first
  // Others write meanwhile, until the sender is paused.
  let resting = 0;
  await eventually("the sender is paused", async () => {
    const sofar = confirmed;
    await alice.send("Bob", "between");
    assertEquals((await nextMessage(bob)).text, "between");
    resting = confirmed === sofar ? resting + 1 : 0;
    return confirmed > 0 && resting === 40;
  });
  assert(confirmed <= 1_000, `${confirmed} messages are stored`);
  // The writer's program has all of them, and those that it wrote a second time.
  const grown = memory() - before - total * TEXT.length;
  assert(grown < 64 * MIB, `${Math.round(grown / MIB)} MiB more`);

  const inbox = new Inbox(slow);
  await within("all is sent as soon as it is read", sending);
  await eventually("all is read", () => inbox.from("Eager").length === total);
  assertEquals(
    inbox.from("Eager").map((text) => text.split(" ")[0]),
    Array.from({ length: total }, (_, number) => `${number}`),
  );
});

test("p2p users of every server are told that a recipient is too slow, and other messages are not delayed", async () => {
  await using first = await P2pServer.listen();
  await using second = await P2pServer.listen({ peers: [first.address] });
  await using deaf = await RawParty.register(second, "Deaf");
  deaf.pause();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
  await using carol = await P2pClient.connect({ name: "Carol", servers: [first.address] });
  await eventually("all are known", () => first.users().length === 4);
  const writers = [alice, bob];
  const answers = writers.map((writer) =>
    Promise.all(
      Array.from(
        { length: 1_500 },
        () => writer.send("Deaf", TEXT).then(() => 0, ({ code }: NetlabError) => code),
      ),
    )
  );
  for (const writer of writers) {
    await carol.send(writer.name, "in between");
    assertEquals((await within("it", nextMessage(writer), 2_000)).text, "in between");
  }
  for (const codes of await within("answers", Promise.all(answers))) {
    const safe = codes.filter((code) => code === 0).length;
    assert(safe >= 1_000 && safe < 1_200, `${safe} are stored`);
    assertEquals([...new Set(codes)].sort(), [0, ErrorCode.MailboxFull]);
  }
  for (const writer of writers) {
    await writer.send("Carol", "others hear me");
    assertEquals((await nextMessage(carol)).text, "others hear me");
  }
  // Stored at both servers: all of it arrives when the recipient reads.
  deaf.resume();
  let read = 0;
  await eventually("all is read", () => {
    const messages = deaf.frames.splice(0).filter(({ type }) => type === FrameType.Message);
    const ids = messages.map(({ payload }) => readMessage(payload).id);
    writeReceipts(
      deaf.out,
      ids.map((id) => ({ id, state: ReceiptState.Delivered, code: 0, reason: "" })),
    );
    read += ids.length;
    return read >= 2_000;
  });
});

test("p2p server buffers a limited amount for a user that writes but never reads", async () => {
  await using server = await P2pServer.listen();
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  await using flood = await RawParty.register(server, "Flood");
  flood.pause();
  const before = memory();
  for (let number = 0; number < 6_000; number++) {
    // Messages to itself would be replies, for which the server waits until they are read.
    const message = { id: crypto.randomUUID(), sender: "Flood", recipient: "Nobody", text: TEXT };
    writeMessage(flood.out, message, MessageKind.Durable);
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
      .some(({ code }) => code === ErrorCode.MailboxFull));
});

const kinds = [["p2p", P2pServer, P2pClient], ["rtt", RttServer, RttClient]] as const;
for (const [kind, Server, Client] of kinds) {
  test(`${kind} client that has not read yet can move, and then reads everything once`, async () => {
    await using first = await Server.listen();
    await using second = await Server.listen({ peers: [first.address] });
    await eventually("both are linked", () => first.peers().length === 1);
    await using slow = await Client.connect({ name: "Slow", servers: [first.address] });
    await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
    // Half of them fill the storage of one user.
    const texts = Array.from({ length: 2_000 }, (_, number) => `${number} ${TEXT.slice(0, 512)}`);
    const sending = texts.slice(0, 1_000).map((text) => alice.send("Slow", text));
    await within("half of them is safe", Promise.all(sending));
    const before = slow.server === first.address ? first : second;
    const after = before === first ? second : first;
    await slow.moveTo(after.address);
    const isAt = (server: typeof first) => server.localUsers().includes("Slow");
    await eventually("Slow has moved", () => isAt(after) && !isAt(before));
    const more = texts.slice(1_000).map((text) => alice.send("Slow", text));
    const inbox = new Inbox(slow);
    for (const each of await Promise.all([...sending, ...more])) await each.delivered;
    assertEquals(inbox.from("Alice"), texts);
  });
}
