import { assert, assertEquals, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { BasicServer, greet } from "@netlab/basic";
import { TextSocket } from "./sockets.ts";
import { socketTest as test } from "../kinds.ts";

const REFUSAL = "error: expected hello\n";
/** Longer than any test, so that this time limit is never reached: milliseconds. */
const FOREVER_MS = 600_000;

for (const question of ["hello", "hello\n", "hello\r\n"]) {
  const answer = question.replace("hello", "world");

  test(`BasicServer answers ${JSON.stringify(question)} however TCP splits it`, async () => {
    await using server = await BasicServer.listen({
      port: 0,
      timeoutMs: FOREVER_MS,
      lineEndMs: question === "hello" ? 20 : FOREVER_MS,
    });
    for (let cut = 1; cut <= question.length; cut++) {
      using socket = await TextSocket.connect(server.address);
      await socket.write(question.slice(0, cut));
      // After a greeting over another connection, the server has read the first part.
      assert((await greet(server.address)).answered);
      await socket.write(question.slice(cut));
      assertEquals(await socket.readAll(), answer, `cut after ${cut} bytes`);
    }
  });
}

test("BasicServer answers an original client, which sends no line end and keeps its half open", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  using socket = await TextSocket.connect(server.address);
  await socket.write("hello");
  assertEquals(await socket.read(), "world");
});

test("BasicServer answers hello at once when the client ends its half", async () => {
  await using server = await BasicServer.listen({ port: 0, lineEndMs: FOREVER_MS });
  using socket = await TextSocket.connect(server.address);
  await socket.write("hello");
  await socket.end();
  assertEquals(await socket.readAll(), "world");
});

test("BasicServer refuses anything else, and closes", async () => {
  await using server = await BasicServer.listen({ port: 0, timeoutMs: FOREVER_MS });
  for (
    const said of ["hex", "Hello\n", "hello world\n", "\n", "GET / HTTP/1.1\r\n\r\n", "é", "\0"]
  ) {
    using socket = await TextSocket.connect(server.address);
    await socket.write(said);
    assertEquals(await socket.readAll(), REFUSAL, JSON.stringify(said));
  }
});

test("BasicServer refuses text that ends before it is a greeting", async () => {
  await using server = await BasicServer.listen({ port: 0, timeoutMs: FOREVER_MS });
  for (const said of ["", "hell", "hello\r"]) {
    using socket = await TextSocket.connect(server.address);
    await socket.write(said);
    await socket.end();
    assertEquals(await socket.readAll(), REFUSAL, JSON.stringify(said));
  }
});

test("BasicServer answers one greeting per connection", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  using socket = await TextSocket.connect(server.address);
  await socket.write("hello\nhello\nhello\n");
  assertEquals(await socket.readAll(), "world\n");
});

test("BasicServer loses no reply to a client that sends far too much", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  for (const said of ["x".repeat(1 << 20), "hello\n".repeat(100_000)]) {
    using socket = await TextSocket.connect(server.address);
    await socket.write(said);
    await socket.end();
    assertEquals(await socket.readAll(), said.startsWith("x") ? REFUSAL : "world\n");
  }
});

test("BasicServer does not reset the connection of a client that keeps sending", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  using socket = await TextSocket.connect(server.address);
  await socket.write("what?\n");
  assertEquals(await socket.read(), REFUSAL);
  for (let i = 0; i < 3; i++) {
    await socket.write("are you there?\n");
    assert((await greet(server.address)).answered);
  }
  await socket.end();
  assertEquals(await socket.read(), "");
});

test("BasicServer refuses a client that sends no complete greeting in time", async () => {
  await using server = await BasicServer.listen({ port: 0, timeoutMs: 30 });
  for (const said of ["", "hel", "hello\r"]) {
    const started = performance.now();
    using socket = await TextSocket.connect(server.address);
    await socket.write(said);
    assertEquals(await socket.readAll(), REFUSAL, JSON.stringify(said));
    assertGreaterOrEqual(performance.now() - started, 25);
  }
});

test("BasicServer counts its timeout for the whole greeting, not for each part", async () => {
  await using server = await BasicServer.listen({ port: 0, timeoutMs: 150 });
  const refused: string[] = [];
  const untilRefused = async (name: string, socket: TextSocket) => {
    assertEquals(await socket.readAll(), REFUSAL);
    refused.push(name);
  };
  using slow = await TextSocket.connect(server.address);
  await slow.write("h");
  const slowRefused = untilRefused("slow", slow);
  await pause(40);
  using silent = await TextSocket.connect(server.address);
  const silentRefused = untilRefused("silent", silent);
  for (const letter of "el") {
    await slow.write(letter);
    await pause(40);
  }
  await Promise.all([slowRefused, silentRefused]);
  assertEquals(refused, ["slow", "silent"]);
});

/** Waits, as a slow client does. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("BasicServer serves many clients at once while others are silent", async () => {
  await using server = await BasicServer.listen({ port: 0, timeoutMs: FOREVER_MS });
  using sockets = new DisposableStack();
  for (let i = 0; i < 100; i++) sockets.use(await TextSocket.connect(server.address));
  const greetings = await Promise.all(
    Array.from({ length: 200 }, () => greet(server.address, { timeoutMs: 15_000 })),
  );
  assertEquals(greetings.filter(({ answered }) => !answered), []);
});

test("BasicServer closes its connections when it is closed, and may be closed twice", async () => {
  const server = await BasicServer.listen({ port: 0, timeoutMs: FOREVER_MS });
  using silent = await TextSocket.connect(server.address);
  assert((await greet(server.address)).answered);
  const [said] = await Promise.all([silent.readAll(), server.close(), server.close()]);
  assertEquals(said, "");
  assertEquals((await greet(server.address)).reason, "connection refused");
});

test("BasicServer survives clients that break their connections", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  for (let i = 0; i < 20; i++) {
    using socket = await TextSocket.connect(server.address);
    await socket.write("hello\n");
  }
  assert((await greet(server.address)).answered);
});

test("BasicServer.listen rejects when the port is in use", async () => {
  await using server = await BasicServer.listen({ port: 0 });
  await assertRejects(
    () => BasicServer.listen({ port: server.port }),
    Deno.errors.AddrInUse,
  );
});
