/**
 * Strangers attack a server over real sockets, and its users must not notice much. The laboratory has larger
 * attacks, against processes.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode, FrameType, Information, MessageKind, writeMessage } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import { eventually, nextMessage, RawParty, socketTest as test, within } from "./network.ts";

const MIB = 1024 * 1024;

/** Sockets that send the same frame again and again, for as long as they can. */
class Flood implements AsyncDisposable {
  /** How many bytes were taken. */
  sent = 0;
  /** How many bytes came back. */
  received = 0;
  #isOver = false;
  readonly #conns: Deno.TcpConn[] = [];
  readonly #work: Promise<void>[] = [];

  static async open(
    { port }: { port: number },
    sockets: number,
    frame: readonly number[],
    reads: boolean,
  ): Promise<Flood> {
    const flood = new Flood();
    const bytes = new Uint8Array(6_000 - 6_000 % frame.length);
    for (let at = 0; at < bytes.length; at += frame.length) bytes.set(frame, at);
    for (let i = 0; i < sockets; i++) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      flood.#conns.push(conn);
      flood.#work.push(flood.#send(conn, bytes));
      if (reads) flood.#work.push(flood.#read(conn));
    }
    return flood;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const conn of this.#conns) conn[Symbol.dispose]();
    await Promise.all(this.#work);
  }

  async #send(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    try {
      while (!this.#isOver) this.sent += await conn.write(bytes);
    } catch { /* it is closed */ }
  }

  async #read(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await conn.read(buffer)) !== null;) this.received += count;
    } catch { /* it is closed */ }
  }
}

const FRAMES: [what: string, frame: readonly number[]][] = [
  ["requests for servers", [0, Information.Servers, 0, 0, 0, 0]],
  ["requests for all users", [0, Information.AllUsers, 0, 0, 0, 0]],
  ["echoes", [FrameType.Echo, 0, 0, 0, 0, 0]],
  ["unknown frames", [200, 0, 0, 0, 0, 0]],
];

for (const [what, frame] of FRAMES) {
  for (const reads of [true, false]) {
    test(`strangers who send ${what}, and read ${reads ? "the answers" : "nothing"}, do not silence a server`, async () => {
      await using first = await RttServer.listen();
      await using second = await RttServer.listen({ peers: [first.address] });
      await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
      await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
      await eventually("all are known", () => first.users().length === 2);
      await using flood = await Flood.open(first, 6, frame, reads);
      await eventually("the flood has begun", () => flood.sent > 100_000);
      for (let i = 0; i < 10; i++) {
        await within("a message arrives", alice.send("Bob", `${i}`), 2_000);
        assertEquals((await nextMessage(bob)).text, `${i}`);
      }
      assertEquals([first.peers().length, second.peers().length], [1, 1]);
      if (reads) assert(flood.received > 0, "strangers are answered, too");
    });
  }
}

test("p2p server closes the connections for which most waits when too much waits in all", async () => {
  const lines: string[] = [];
  const log = (text: string) => void lines.push(text);
  const logger = { debug() {}, info() {}, warn: log, error: log };
  const limits = { maxOutgoingBytes: 2 * MIB };
  await using server = await P2pServer.listen({ limits, logger });
  await using other = await P2pServer.listen({ peers: [server.address] });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [other.address] });
  await eventually("all are known", () => server.users().length === 2);
  // Each of them may have a MiB that waits, and then pauses the sender. Together, that is more than the limit.
  const deaf = await Promise.all(
    ["Deaf", "Deafer", "Deafest"].map((name) => RawParty.register(server, name)),
  );
  for (const party of deaf) party.pause();
  await using eager = await RawParty.register(server, "Eager");
  const text = "x".repeat(30_000);
  let sent = 0;
  await eventually("one of them is closed", () => {
    for (const recipient of ["Deaf", "Deafer", "Deafest"]) {
      if (!server.localUsers().includes(recipient) || eager.out.length > MIB) continue;
      const message = { id: crypto.randomUUID(), sender: "Eager", recipient, text };
      writeMessage(eager.out, message, MessageKind.Ephemeral);
      sent += text.length;
    }
    return server.localUsers().length < 5;
  }, 30_000);
  assert(sent > 2 * MIB, `${sent} bytes were sent`);
  assert(server.localUsers().includes("Alice") && server.localUsers().includes("Eager"));
  assertStringIncludes(lines.join("\n"), "--max-outgoing-bytes");
  assertEquals(server.peers().length, 1);
  await within("a message arrives", alice.send("Bob", "still here"));
  assertEquals((await nextMessage(bob)).text, "still here");
  for (const party of deaf) await party[Symbol.asyncDispose]();
});

test("p2p server takes as many unregistered connections as it may, and says so to those beyond", async () => {
  await using server = await P2pServer.listen({ limits: { maxUnregistered: 2 } });
  const parties = await Promise.all([1, 2].map(() => RawParty.connect(server)));
  for (const party of parties) {
    party.send(0, Information.Capabilities, 0, 0, 0, 0);
    await party.next(FrameType.InformationResponse);
  }
  await using third = await RawParty.connect(server);
  const error = await third.nextError();
  assertEquals([error.code, error.fatal], [ErrorCode.TooManyConnections, true]);
  await within("it is closed", third.ended);
  // Those who register make room.
  for (const party of parties) await party[Symbol.asyncDispose]();
  await eventually("there is room again", async () => {
    await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] })
      .catch(() => undefined) ?? { name: "", async [Symbol.asyncDispose]() {} };
    return alice.name === "Alice";
  });
});
