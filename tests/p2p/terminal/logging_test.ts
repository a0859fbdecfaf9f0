/**
 * What servers log: users that join and leave, other servers, and each message if it is asked for.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { type Logger, P2pServer, type P2pServerOptions } from "@netlab/p2p";
import { chain, servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../kinds.ts";
import { LegacyClient, LegacyServer } from "../../legacy.ts";
import { freePorts } from "../../processes.ts";
import { eventually, nextMessage, processTest, socketTest as test } from "../network.ts";
import { event, startServer } from "../programs.ts";

/** Log lines as people see them. */
class Lines implements Logger {
  readonly lines: string[] = [];

  debug(message: string, properties?: Record<string, unknown>): void {
    if (properties?.event === "message") this.#add(message, properties);
  }

  info(message: string, properties?: Record<string, unknown>): void {
    this.#add(message, properties);
  }

  warn(message: string, properties?: Record<string, unknown>): void {
    this.#add(message, properties);
  }

  error(message: string, properties?: Record<string, unknown>): void {
    this.#add(message, properties);
  }

  /** Waits for a line, takes it out, and everything before it. */
  async next(line: string): Promise<string[]> {
    await eventually(`"${line}" in ${this.lines.join("; ")}`, () => this.lines.includes(line));
    return this.lines.splice(0, this.lines.indexOf(line) + 1);
  }

  #add(message: string, properties: Record<string, unknown> = {}): void {
    this.lines.push(message.replace(/\{(\w+)\}/g, (_, name) => String(properties[name])));
  }
}

async function listen(options: P2pServerOptions = {}): Promise<{ server: P2pServer; log: Lines }> {
  const log = new Lines();
  return { server: await P2pServer.listen({ ...options, logger: log }), log };
}

test("p2p server logs a line for each user who joins or leaves", async () => {
  const { server, log } = await listen();
  await using _server = server;
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const olga = await LegacyClient.connect("Olga", server);
  await log.next("Olga joined");
  await alice.close();
  await log.next("Alice left");
  await olga[Symbol.asyncDispose]();
  await log.next("Olga left");
  assertEquals(log.lines, []);
});

test("p2p server logs a line for each server that appears or disappears", async () => {
  const [port, legacyPort] = freePorts(2) as [number, number];
  const { server, log } = await listen({
    peers: [`127.0.0.1:${port}`, `127.0.0.1:${legacyPort}`],
  });
  await using _server = server;
  const second = await P2pServer.listen({ port });
  assertEquals(await log.next(`linked to ${second.address}`), [`linked to ${second.address}`]);
  await second.close();
  await log.next(`lost the link to ${second.address}`);
  const legacy = new LegacyServer({ port: legacyPort });
  await log.next(`found a legacy server on ${legacy.address}`);
  await legacy[Symbol.asyncDispose]();
  await log.next(`lost the legacy server on ${legacy.address}`);
  assertEquals(log.lines, []);
});

pureTest("p2p server logs a line for each server that it reaches only through others", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, chain(3)) as [VirtualNode, VirtualNode, VirtualNode];
  settle(network, nodes);
  network.run(5_000);
  const [first, second, third] = nodes;
  const about = ({ events }: VirtualNode) => events.filter((event) => event.startsWith("server."));
  assertEquals(nodes.map(about), [["server.found"], [], ["server.found"]]);
  third.crash();
  network.run(5_000);
  assertEquals(about(first), ["server.found", "server.lost"]);
  // The end of its link shows that it has gone.
  assertEquals([about(second), second.events.at(-1)], [[], "link.down"]);
});

test("p2p server logs each message with its next hop, and never the text", async () => {
  const { server: one, log } = await listen({ logMessages: true });
  await using _one = one;
  const { server: two, log: logOfTwo } = await listen({
    peers: [one.address],
    logMessages: true,
  });
  await using _two = two;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [one.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [two.address] });
  await using olga = await LegacyClient.connect("Olga", one);
  await eventually("all are known", () => [one, two].every((each) => each.users().length === 3));
  log.lines.length = logOfTwo.lines.length = 0;

  await alice.send("Bob", "secret");
  await nextMessage(bob);
  await log.next(`Alice to Bob, 6 bytes, next hop: ${two.address}`);
  await logOfTwo.next("Alice to Bob, 6 bytes, next hop: here");
  await bob.post("Olga", "secrét");
  await olga.sees("Bob: secrét");
  await logOfTwo.next(`Bob to Olga, 7 bytes, next hop: ${one.address}`);
  await log.next("Bob to Olga, 7 bytes, next hop: here");
  for (let count = 0; count < 3; count++) void bob.post("Alice", "secret");
  await nextMessage(alice);
  await logOfTwo.next(`Bob to Alice, 3 messages, 18 bytes, next hop: ${one.address}`);
  await log.next("Bob to Alice, 3 messages, 18 bytes, next hop: here");
  await alice.send("Alice", "secret");
  await log.next("Alice to Alice, 6 bytes, next hop: here");
  await alice.send("Zed", "secret");
  await log.next("Alice to Zed, 6 bytes, next hop: none, stored until the recipient joins");
  olga.send("Zed", "secret");
  const [refused] = await eventually("a refusal", () => {
    const lines = log.lines.filter((line) => line.startsWith("Olga to Zed, 6 bytes"));
    return lines.length > 0 ? lines : undefined;
  }) as string[];
  assertStringIncludes(refused!, "next hop: none (Cannot deliver to Zed");
  await using legacy = new LegacyServer({ siblings: [one.port] });
  await using _otto = await LegacyClient.connect("Otto", legacy);
  await eventually("Otto is known", () => one.users().includes("Otto"));
  await alice.send("Otto", "secret");
  await log.next(`Alice to Otto, 6 bytes, next hop: legacy server ${legacy.address}`);
  for (const line of [...log.lines, ...logOfTwo.lines]) assert(!/secr/.test(line), line);
});

test("p2p server logs no messages unless it is asked to", async () => {
  const { server, log } = await listen();
  await using _server = server;
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await alice.send("Alice", "secret");
  await nextMessage(alice);
  assertEquals(log.lines, ["Alice joined"]);
});

processTest(
  "the last p2p server logs how many messages are lost, and how to prevent it",
  async () => {
    const [port, peer] = freePorts(2) as [number, number];
    await using server = await startServer(port, peer, "--verbose");
    const alice = await P2pClient.connect({ name: "Alice", servers: [`127.0.0.1:${port}`] });
    for (let count = 0; count < 7; count++) await alice.send("Bob", "secret");
    await event(server, "message", "Bob");
    await alice.close();
    server.kill("SIGINT");
    const { code, stdout } = await server.finished();
    assertEquals(code, 0);
    const lost = stdout.find((line) => line.includes("storage.lost"));
    assert(lost, stdout.join("\n"));
    const { level, message, count } = JSON.parse(lost);
    assertEquals([level, count], ["warn", 7]);
    assertStringIncludes(message, "7 messages in memory are lost");
    assertStringIncludes(message, "--data DIR");
    assert(!stdout.join("\n").includes("secret"));
  },
);

test("p2p server that has nothing stored does not mention messages when it ends", async () => {
  const { server, log } = await listen();
  await server.close();
  assertEquals(log.lines, []);
});
