/**
 * Stopping does not wait for anything that may never come: dials that hang, and parties that do not answer.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { unixProcessTest as test } from "../kinds.ts";
import { freePort, freePorts, Process } from "../processes.ts";
import { assertFails, eventually, FullServer, socketTest, within } from "./network.ts";
import { CLIENT, event, SERVER, startClient, startServer } from "./programs.ts";

/** Longer than stopping takes, and shorter than the time limit of a dial: milliseconds. */
const SOON_MS = 4_000;

/** A server that closes every connection. */
class ClosingServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #first = Promise.withResolvers<void>();
  readonly address = `127.0.0.1:${this.#listener.addr.port}`;

  constructor() {
    this.#accepting = this.#accept();
  }

  /** Resolves when it has had a connection. */
  get found(): Promise<void> {
    return within("a connection", this.#first.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      connection.close();
      this.#first.resolve();
    }
  }
}

const programs: [program: string, args: string[], option: string, code: number][] = [
  [SERVER, ["--port", `${freePort()}`], "--peer", 0],
  ["rtt/server.ts", ["--port", `${freePort()}`], "--peer", 0],
  [CLIENT, ["--name", "Alice"], "--server", 143],
  ["rtt/client.ts", ["--name", "Alice"], "--server", 143],
  ["rtt/client.ts", ["--watch"], "--server", 0],
  ["basic/client.ts", ["--watch"], "--server", 0],
  ["basic/client.ts", [], "--server", 143],
];
for (const [program, args, option, code] of programs) {
  test(`${program} ${args[0] ?? ""} stops at once while a dial hangs`, async () => {
    await using hung = await FullServer.fill();
    await using other = new ClosingServer();
    const servers = [option, other.address, option, hung.address];
    await using running = Process.start(program, [...args, ...servers], { stdin: "piped" });
    await other.found;
    running.kill("SIGTERM");
    assertEquals((await running.finished(SOON_MS)).code, code);
  });
}

test("p2p client program stops at once when its server does not answer", async () => {
  const port = freePort();
  await using server = await startServer(port, port);
  await using alice = startClient("Alice", port);
  await alice.waitForError("connected to");
  server.kill("SIGSTOP");
  alice.kill("SIGTERM");
  assertEquals((await alice.finished(SOON_MS)).code, 0);
});

test("p2p server program stops soon when its peer does not answer", async () => {
  const [one, two] = freePorts(2) as [number, number];
  await using server = await startServer(one, two);
  await using peer = await startServer(two, one);
  await event(server, "link.up");
  peer.kill("SIGSTOP");
  server.kill("SIGTERM");
  assertEquals((await server.finished(SOON_MS)).code, 0);
});

socketTest("P2pClient.close ends a request to a server that cannot be reached", async () => {
  await using hung = await FullServer.fill();
  const server = await P2pServer.listen();
  let isLost = false;
  await using alice = await P2pClient.connect({
    name: "Alice",
    servers: [hung.address, server.address],
    rank: ([first, second]) => Promise.resolve([second!, first!]),
    onStatus: ({ state }) => isLost ||= state === "reconnecting",
  });
  await server.close();
  await eventually("it has no server", () => isLost);
  const asked = assertFails(alice.users(), ErrorCode.Closed);
  await within("its end", alice.close(), SOON_MS);
  await within("an answer", asked, SOON_MS);
});

test("deno task p2p:server ends with 0 when the task is told to stop", async () => {
  const port = `${freePort()}`;
  const task = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "p2p:server", "--port", port, "--peer", port],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let output = "";
  for await (const text of task.stdout.pipeThrough(new TextDecoderStream())) {
    if (output === "") task.kill("SIGTERM");
    output += text;
  }
  assertEquals((await within("its end", task.status, SOON_MS)).code, 0);
  assertStringIncludes(output, "closing");
});
