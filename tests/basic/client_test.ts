import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { BasicServer, greet, greetAll } from "@netlab/basic";
import { ignoreUnless } from "../permissions.ts";
import { freePort } from "../processes.ts";
import { ScriptedServer, TextSocket } from "./sockets.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    ignore: ignoreUnless.net,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

test("greet tells how long an answer took", async () => {
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

test("greet says that nobody listens", async () => {
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
      `answered "${"x".repeat(32)}"`,
      (socket) => socket.write("x".repeat(1024)),
    ],
  ];
for (const [what, reason, reply] of replies) {
  test(`greet understands ${what}`, async () => {
    await using server = new ScriptedServer(async (socket) => {
      assertEquals(await socket.read(), "hello\n");
      await reply(socket);
    });
    const greeting = await greet(server.address);
    assertEquals(greeting.answered, reason === undefined);
    assertEquals(greeting.reason, reason);
  });
}

test("greet does not wait for ever", async () => {
  await using server = new ScriptedServer(async (socket) => {
    await socket.readAll().catch(() => {});
  });
  const { answered, reason, ms } = await greet(server.address, { timeoutMs: 50 });
  assertEquals({ answered, reason }, { answered: false, reason: "no answer within 0.05 s" });
  assertLess(ms, 5_000);
});

test("greet gives up when its signal aborts", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await using server = new ScriptedServer(async (socket) => {
    assertEquals(await socket.read(), "hello\n");
    controller.abort(reason);
    await socket.readAll().catch(() => {});
  });
  const error = await assertRejects(
    () => greet(server.address, { signal: controller.signal }),
    Error,
  );
  assert(error === reason);
  await assertRejects(() => greet(server.address, { signal: controller.signal }), Error, "enough");
});

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
