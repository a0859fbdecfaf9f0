import { assert, assertEquals } from "@std/assert";
import {
  Ability,
  Capability,
  ErrorCode,
  FrameType,
  MessageKind,
  readBatch,
  readMessage,
} from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient, LegacyServer } from "../../legacy.ts";
import {
  assertFails,
  eventually,
  Inbox,
  RawParty,
  ScriptedServer,
  socketTest as test,
  within,
} from "../network.ts";

const MIB = 1024 * 1024;

const numbers = (count: number) => Array.from({ length: count }, (_, number) => `${number}`);

/** Two servers that know each other, with Alice at the first one, who also knows Bob at the second. */
async function start() {
  const stack = new AsyncDisposableStack();
  const own = <T extends { close(): Promise<void> }>(one: T): T => {
    stack.defer(() => one.close());
    return one;
  };
  const first = own(await P2pServer.listen());
  const second = own(await P2pServer.listen({ peers: [first.address] }));
  /** The users who have lost their server, because it was silent for seconds. */
  const lost: string[] = [];
  const connect = async (name: string, { address }: { address: string }) =>
    own(
      await P2pClient.connect({
        name,
        servers: [address],
        onStatus: ({ state }) => void (state === "reconnecting" && lost.push(name)),
      }),
    );
  const alice = await connect("Alice", first);
  const bob = await connect("Bob", second);
  await eventually("both are known", () => first.users().length === 2);
  return {
    ...{ first, second, connect, lost, alice, bob },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/**
 * Posts to a user here and to one at another server, and checks what comes. Returns whether all stayed connected: what
 * is posted to a user who is not connected is lost, and a busy machine may leave a server silent for seconds.
 */
async function postToBoth(): Promise<boolean> {
  await using setting = await start();
  const { alice, bob, first, connect, lost } = setting;
  const carol = await connect("Carol", first);
  const inboxes = [new Inbox(bob), new Inbox(carol)];
  const texts = numbers(50_000);
  for (const text of texts) {
    if (lost.length > 0) return false;
    await alice.post("Bob", text);
    await alice.post("Carol", text);
  }
  await eventually(
    "all has come",
    () => lost.length > 0 || inboxes.every(({ messages }) => messages.length >= texts.length),
  );
  if (lost.length > 0) return false;
  for (const inbox of inboxes) {
    assertEquals(inbox.from("Alice").join(), texts.join());
    assertEquals(new Set(inbox.messages.map(({ id }) => id)).size, texts.length);
  }
  return true;
}

test("p2p client posts to users here and at another server, each message once and in order", async () => {
  for (let round = 0; round < 10; round++) if (await postToBoth()) return;
  assert(false, "users lost their servers in every round");
});

test("p2p client that posts without a pause does not block other work", async () => {
  await using setting = await start();
  const { alice, bob } = setting;
  const inbox = new Inbox(bob);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  let posted = 0;
  const posting = async () => {
    while (turns < 20) {
      await alice.post("Bob", `${posted++} ${"x".repeat(50)}`);
      assert(posted < 5_000_000, "the event loop is starved");
    }
  };
  try {
    await within("others have had their turn", posting());
  } finally {
    clearInterval(timer);
  }
  await eventually("all has come", () => inbox.messages.length === posted);
});

for (const abilities of [0, Ability.Batches]) {
  const reader = abilities ? "a slow reader of batches" : "a slow reader";
  test(`p2p client that posts to ${reader} waits, buffers little, and continues when it reads`, async () => {
    await using setting = await start();
    const { alice, first, connect } = setting;
    await using deaf = await RawParty.register(first, "Deaf", crypto.randomUUID(), abilities);
    deaf.pause();
    const carol = await connect("Carol", first);
    const inbox = new Inbox(carol);
    const text = "x".repeat(1_000);
    let posted = 0;
    let stopped = false;
    const posting = (async () => {
      while (!stopped) {
        posted++;
        await alice.post("Deaf", text);
      }
    })();
    // The server pauses Alice when it has buffered as much for Deaf as it can.
    let before = -1;
    let resting = 0;
    await eventually("the loop waits", () => {
      resting = posted === before ? resting + 1 : 0;
      before = posted;
      return resting === 20;
    });
    assert(posted * text.length < 32 * MIB, `${posted} KB are in flight`);
    stopped = true;
    deaf.resume();
    await within("the loop goes on", posting, 10_000);
    await alice.post("Carol", "after that");
    await eventually("Carol has it", () => inbox.lines.includes("Alice: after that"));
    const received = () =>
      deaf.frames.filter(({ type }) => type === FrameType.Message).reduce(
        (sum, { subtype, payload }) =>
          sum + (subtype === MessageKind.Batch ? readBatch(payload).texts.length : 1),
        0,
      );
    await eventually("Deaf has all", () => received() === posted);
  });
}

test("p2p client posts while users move from server to server, and nothing is repeated", async () => {
  await using setting = await start();
  const { alice, bob, first, second } = setting;
  const servers = [first, second];
  const inbox = new Inbox(bob);
  let posted = 0;
  let stopped = false;
  const posting = (async () => {
    while (!stopped) {
      for (let i = 0; i < 50; i++) await alice.post("Bob", `${posted++}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let move = 0; move < 20; move++) {
    await within("a move", alice.moveTo(servers[move % 2]!.address));
    await within("a move", bob.moveTo(servers[(move >> 1) % 2]!.address));
    const before = inbox.messages.length;
    await eventually("messages went through", () => inbox.messages.length > before);
  }
  stopped = true;
  await within("there is room", posting);
  const last = `${posted++}`;
  await alice.post("Bob", last);
  await eventually("the last one is there", () => inbox.messages.at(-1)?.text === last);
  const texts = inbox.from("Alice");
  assertEquals(new Set(texts).size, texts.length, "each once");
  assert(texts.length > posted * 0.9, `${texts.length} of ${posted}`);
});

test("p2p client that loses its server continues to post at the next one", async () => {
  await using setting = await start();
  const { alice, bob, first, second } = setting;
  const inbox = new Inbox(bob);
  await eventually("Alice knows both", () => alice.knownServers.length === 2);
  await alice.post("Bob", "before");
  await eventually("it is there", () => inbox.messages.length === 1);
  await first.close();
  await eventually("she has lost it", () => alice.server !== first.address);
  await within("there is room again", alice.post("Bob", "after"));
  await eventually("it is there", () => inbox.messages.length === 2);
  assertEquals(inbox.from("Alice"), ["before", "after"]);
  assertEquals(alice.server, second.address);
});

test("p2p client posts frame by frame to a server that accepts no batches", async () => {
  const texts: string[] = [];
  const kinds = new Set<number>();
  await using server = new ScriptedServer((_, { type, subtype, payload }) => {
    if (type !== FrameType.Message) return;
    kinds.add(subtype);
    texts.push(readMessage(payload).text);
  }, [Capability.Session]);
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  for (const text of numbers(1_000)) await alice.post("Bob", text);
  await eventually("all has come", () => texts.length === 1_000);
  assertEquals(texts, numbers(1_000));
  assertEquals([...kinds], [MessageKind.Ephemeral]);
});

test("p2p client posts to legacy users, and through legacy servers", async () => {
  await using setting = await start();
  const { alice, first } = setting;
  await using olga = await LegacyClient.connect("Olga", first);
  await eventually("she is there", () => first.localUsers().length === 2);
  for (const text of numbers(200)) await alice.post("Olga", `<${text}>`);
  await olga.sees("<199>");
  assertEquals(olga.text, numbers(200).map((text) => `Alice: <${text}>`).join(""));

  await using old = new LegacyServer();
  await using otto = await LegacyClient.connect("Otto", old);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [old.address] });
  await nina.post("Otto", "through an old one");
  await otto.sees("Nina: through an old one");
});

test("p2p client sends pending posts when it is closed, and nothing after that", async () => {
  await using setting = await start();
  const { alice, bob } = setting;
  const inbox = new Inbox(bob);
  for (const text of numbers(10_000)) void alice.post("Bob", text);
  await alice.close();
  await eventually("all has come", () => inbox.messages.length === 10_000);
  assertEquals(inbox.from("Alice"), numbers(10_000));
  await assertFails(alice.post("Bob", "late"), ErrorCode.Closed);
});

test("p2p client reports no failure for a post to an unknown user", async () => {
  await using setting = await start();
  const { alice, bob } = setting;
  const inbox = new Inbox(bob);
  for (const text of numbers(1_000)) await alice.post("Nobody", text);
  await assertFails(alice.post("", "to no name"), ErrorCode.NameInvalid);
  await assertFails(alice.post("Bob", "x".repeat(70_000)), ErrorCode.TextTooLong);
  const { delivered } = await alice.send("Bob", "durable");
  await delivered;
  assertEquals(inbox.lines, ["Alice: durable"]);
});
