import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { pureTest } from "../../kinds.ts";
import { Chat } from "../../../p2p/terminal/chat/chat.ts";
import { durationOf } from "../../../p2p/terminal/chat/clock.ts";
import { whois } from "../../../p2p/terminal/chat/whois.ts";
import { eventually, Inbox, socketTest, within } from "../network.ts";
import { FakeClient, FakeScreen } from "./chat_parts.ts";

socketTest("whois shows where a user is, since when, the route and the times", async () => {
  // A line of three servers: the first and the last are not linked.
  await using middle = await P2pServer.listen();
  await using first = await P2pServer.listen({ peers: [middle.address] });
  await using last = await P2pServer.listen({ peers: [middle.address] });
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [last.address] });
  const inbox = new Inbox(bob);
  await using _mary = await P2pClient.connect({ name: "Mary Ann", servers: [first.address] });
  await alice.send("Bob", "Hello");
  await eventually("Bob is reached", () => inbox.lines.length > 0);

  const [name, server, since, session, route, time, ...more] = await whois(alice, "Bob");
  assertEquals([name, server, more], ["Bob", `  server   ${last.address}`, []]);
  assertMatch(since!, /^ {2}since {4}\d\d:\d\d \(\d+ (second|minute)s?\)$/);
  assertEquals(session, "  session  a netlab client, which confirms messages");
  assertStringIncludes(route!, `  route    from your server ${first.address} over `);
  assertMatch(
    time!,
    /^ {2}time {5}\d+(\.\d)? ms to your server, unknown from there to \S+, unknown from there to the user$/,
  );
  for (const typed of ["Mary Ann", '"Mary Ann"', "@Mary Ann"]) {
    const lines = await whois(alice, typed);
    assertEquals(lines.slice(0, 2), ["Mary Ann", `  server   ${first.address}`], typed);
    assertEquals(lines.length, 5, "there is no route on one's own server");
  }
  assertEquals((await whois(alice, ""))[0], "Alice (you)");
  assertEquals(await whois(alice, "bob"), [
    "bob is not connected; a message to bob waits until they are. Did you mean Bob?",
  ]);
  assertEquals(await whois(alice, "Zed\x1b[2J"), [
    "Zed\uFFFD[2J is not connected; a message to Zed\uFFFD[2J waits until they are",
  ]);
});

socketTest("whois finds a user among more than fit into a page", async () => {
  await using server = await P2pServer.listen();
  await using stack = new AsyncDisposableStack();
  const connect = async (name: string) =>
    stack.use(await P2pClient.connect({ name, servers: [server.address] }));
  for (let count = 0; count < 210; count += 30) {
    await Promise.all(Array.from({ length: 30 }, (_, n) => connect(`user${count + n}`)));
  }
  const last = await connect("Zed");
  assertEquals((await whois(last, "Zed"))[0], "Zed (you)");
  assertEquals((await whois(last, "user0"))[1], `  server   ${server.address}`);
});

socketTest("whois in a conversation says what failed", async () => {
  const server = await P2pServer.listen();
  const alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const screen = new FakeScreen(false);
  const chatting = new Chat(alice, screen).run();
  screen.type("/whois");
  await eventually("it is answered", () => screen.shown.length === 5);
  await server.close();
  screen.type("/whois Bob");
  await eventually("it fails", () => screen.shown.length > 5);
  assertMatch(screen.shown[5]!, /^Cannot (reach|ask|connect)/);
  screen.type("/quit");
  assertEquals(await within("the end", chatting), 1);
});

pureTest("whois says what is unknown when the server is too old", async () => {
  const client = new FakeClient();
  const old = Object.assign(client, {
    watch: () => Promise.reject(new NetlabError(ErrorCode.Unsupported, "too old")),
  }) as unknown as P2pClient;
  assertEquals(await whois(old, "Bob"), [
    "Bob",
    "  server, time and route are unknown: your server is too old",
  ]);
  assertMatch((await whois(old, "Bbo"))[0]!, /^Bbo is not connected; .* Did you mean Bob\?$/);
});

pureTest("durations have their largest unit", () => {
  const times: [ms: number, text: string][] = [
    [-5, "0 seconds"],
    [999, "0 seconds"],
    [1_000, "1 second"],
    [59_999, "59 seconds"],
    [60_000, "1 minute"],
    [3_600_000 * 5, "5 hours"],
    [86_400_000 * 30, "30 days"],
  ];
  for (const [ms, text] of times) assertEquals(durationOf(ms), text);
});
