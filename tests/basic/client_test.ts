import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { BasicServer, greet, greetAll } from "@netlab/basic";
import { LegacyBasicServer } from "../legacy.ts";
import { freePort } from "../processes.ts";
import { ResettingServer, type Script, ScriptedServer, TextSocket } from "./sockets.ts";
import { socketTest as test } from "../kinds.ts";

/** Longer than any test, so that this time limit is never reached: milliseconds. */
const FOREVER_MS = 600_000;

test("greet reports how long an answer took", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  const started = performance.now();
  const { address, answered, ms, ...rest } = await greet(server.address);
  assertEquals({ address, answered, rest }, {
    address: `127.0.0.1:${server.port}`,
    answered: true,
    rest: {},
  });
  assertGreater(ms, 0);
  assertLess(ms, performance.now() - started + 0.01);
});

test("greet reports a refused connection", async () => {
  const { answered, reason } = await greet({ hostname: "127.0.0.1", port: freePort() });
  assertEquals({ answered, reason }, { answered: false, reason: "connection refused" });
});

const replies: [what: string, reason: string | undefined, (socket: TextSocket) => Promise<void>][] =
  [
    ["an answer in two parts", undefined, async (socket) => {
      await socket.write("wor");
      await socket.write("ld\n");
    }],
    ["an answer without an end of line", undefined, (socket) => socket.write("world")],
    ["an answer and more", undefined, (socket) => socket.write("world\nand good bye")],
    ["nothing", "closed without an answer", () => Promise.resolve()],
    [
      "a refusal",
      'answered "error: expected hello"',
      (socket) => socket.write("error: expected hello\n"),
    ],
    [
      "text without end",
      `answered "${"x".repeat(80)}…" (1,024 characters)`,
      (socket) => socket.write("x".repeat(1024)),
    ],
  ];
for (const [what, reason, reply] of replies) {
  test(`greet understands ${what}`, async () => {
    const heard: string[] = [];
    await using server = new ScriptedServer(async (socket) => {
      heard.push(await socket.read());
      await reply(socket);
    });
    const greeting = await greet(server.address);
    assertEquals(greeting.answered, reason === undefined);
    assertEquals(greeting.reason, reason);
    assertEquals(heard, greeting.answered ? ["hello"] : ["hello", "hello\n"]);
  });
}

test("greet is answered by an original server", async () => {
  await using server = new LegacyBasicServer();
  const { answered, reason } = await greet(server.address);
  assertEquals({ answered, reason }, { answered: true, reason: undefined });
  assertEquals(server.heard, ["hello"]);
});

test("greet is answered by a netlab server that waits for the end of a line", async () => {
  await using server = await BasicServer.listen({ port: 0, lineEndMs: FOREVER_MS });
  assert((await greet(server.address, { timeoutMs: 15_000 })).answered);
});

test("greet does not wait for the end of a connection that was answered", async () => {
  await using server = new ScriptedServer(async (socket, testEnds) => {
    await socket.read();
    await socket.write("world");
    await testEnds;
  });
  assert((await greet(server.address, { timeoutMs: 15_000 })).answered);
});

/** The behaviour of servers that give no answer. */
const failures = {
  closes: async (socket) => void await socket.read(),
  refuses: async (socket) => {
    await socket.read();
    await socket.write("error: what?\n");
  },
  "is silent": (_socket, testEnds) => testEnds,
} satisfies Record<string, Script>;

for (const [does, fail] of Object.entries(failures)) {
  test(`greet adds a line end for a server that ${does} at a bare hello`, async () => {
    const timeoutMs = 2_000;
    let connections = 0;
    await using server = new ScriptedServer(async (socket, testEnds) => {
      if (++connections === 1) return await fail(socket, testEnds);
      assertEquals(await socket.read(), "hello\n");
      await socket.write("world\n");
      // The client keeps its half open, and closes the connection after the answer.
      assertEquals(await socket.read(), "");
    });
    const started = performance.now();
    const { answered, ms } = await greet(server.address, { timeoutMs });
    const passedMs = performance.now() - started;
    assertEquals([answered, connections], [true, 2]);
    // `ms` counts only the second connection, which was opened after half of the time.
    if (does === "is silent") assertLess(ms, passedMs - timeoutMs / 2 + 5);
  });
}

test("greet adds a line end for a server that resets the connection at a bare hello", async () => {
  await using server = await ResettingServer.start(1);
  assert((await greet(server.address)).answered);
});

test("greet reports a server that resets every connection", async () => {
  await using server = await ResettingServer.start(2);
  const { answered, reason } = await greet(server.address);
  assertEquals({ answered, reason }, { answered: false, reason: "connection reset" });
});

test("greet takes the answer to its first question even when it has asked again", async () => {
  const askedAgain = Promise.withResolvers<void>();
  await using server = new ScriptedServer(async (socket, testEnds) => {
    if (await socket.read() === "hello\n") {
      askedAgain.resolve();
      return await testEnds;
    }
    await askedAgain.promise;
    await socket.write("world");
    await testEnds;
  });
  const { answered, ms } = await greet(server.address, { timeoutMs: 2_000 });
  assert(answered);
  assertGreater(ms, 990);
});

const CLOSED = "closed without an answer";
const OTHER_WORDS = 'answered "error: what?"';
const reasons: [first: keyof typeof failures, second: keyof typeof failures, reason: string][] = [
  ["closes", "refuses", OTHER_WORDS],
  ["refuses", "closes", OTHER_WORDS],
  ["closes", "is silent", CLOSED],
  ["is silent", "closes", CLOSED],
  ["is silent", "is silent", "no answer within 1 s"],
];
for (const [first, second, expected] of reasons) {
  test(`greet reports why a server that ${first}, then ${second} gives no answer`, async () => {
    let connections = 0;
    await using server = new ScriptedServer((socket, testEnds) =>
      failures[connections++ === 0 ? first : second](socket, testEnds)
    );
    const { answered, reason } = await greet(server.address, { timeoutMs: 1_000 });
    assertEquals({ answered, reason }, { answered: false, reason: expected });
    assertEquals(connections, 2);
  });
}

test("greet gives up when its time is up", async () => {
  await using server = new ScriptedServer((_socket, testEnds) => testEnds);
  const { answered, reason, ms } = await greet(server.address, { timeoutMs: 50 });
  assertEquals({ answered, reason }, { answered: false, reason: "no answer within 0.05 s" });
  assertLess(ms, 5_000);
});

for (const question of ["hello", "hello\n"]) {
  test(`greet gives up when its signal aborts after ${JSON.stringify(question)}`, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await using server = new ScriptedServer(async (socket, testEnds) => {
      if (await socket.read() !== question) return;
      controller.abort(reason);
      await testEnds;
    });
    const options = { signal: controller.signal, timeoutMs: FOREVER_MS };
    const error = await assertRejects(() => greet(server.address, options), Error);
    assert(error === reason);
    await assertRejects(() => greet(server.address, options), Error, "enough");
  });
}

test("greetAll greets all at the same time", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answerAllOrNone = async () => {
    using sockets = new DisposableStack();
    const all: TextSocket[] = [];
    while (all.length < 3) all.push(sockets.use(new TextSocket(await listener.accept())));
    for (const socket of all) await socket.write("world\n");
  };
  const [greetings] = await Promise.all([
    greetAll(Array.from({ length: 3 }, () => listener.addr), { timeoutMs: 15_000 }),
    answerAllOrNone(),
  ]);
  assertEquals(greetings.map(({ answered }) => answered), [true, true, true]);
});

test("greetAll keeps the order of the addresses", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  const nowhere = { hostname: "127.0.0.1", port: freePort() };
  const greetings = await greetAll([server.address, nowhere, server.address]);
  assertEquals(greetings.map(({ answered }) => answered), [true, false, true]);
});
