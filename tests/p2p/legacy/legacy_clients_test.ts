/**
 * Legacy clients at netlab servers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { LegacyClient } from "../../legacy.ts";
import { eventually, Inbox, nextMessage, socketTest as test } from "../network.ts";

test("p2p server serves legacy clients: plain text, in order", async () => {
  await using server = await P2pServer.listen();
  await using olga = await LegacyClient.connect("Olga", server);
  await using otto = await LegacyClient.connect("Otto", server);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [server.address] });
  await eventually("all are there", () => server.localUsers().length === 3);

  olga.send("Otto", "Hallo, Grüße");
  await otto.sees("Olga: Hallo, Grüße");
  otto.send("Nina", "text with \0 in it");
  assertEquals((await nextMessage(nina)).text, "text with \0 in it");
  for (let number = 0; number < 500; number++) nina.send("Olga", `<${number}>`);
  await olga.sees("<499>");
  assertEquals(
    olga.text,
    Array.from({ length: 500 }, (_, number) => `Nina: <${number}>`).join(""),
  );
  assertEquals((await otto.ask(1)).sort(), ["Nina", "Olga", "Otto"]);
  assertEquals(await otto.ask(0), [server.address]);
  assertEquals(await otto.ask(77), []);
  await olga[Symbol.asyncDispose]();
  await eventually("Olga has left", () => server.localUsers().length === 2);
});

test("p2p server delivers a message that a legacy client sent twice only once", async () => {
  await using server = await P2pServer.listen();
  await using other = await P2pServer.listen({ peers: [server.address] });
  await using olga = await LegacyClient.connect("Olga", server);
  await using nina = await P2pClient.connect({ name: "Nina", servers: [other.address] });
  await eventually("all are known", () => server.users().length === 2);
  const inbox = new Inbox(nina);
  const id = crypto.randomUUID().toUpperCase();
  olga.send("Nina", "once", id);
  olga.send("Nina", "once", id.toLowerCase());
  olga.send("Nina", "last");
  await eventually("the last is there", () => inbox.from("Olga").includes("last"));
  assertEquals(inbox.lines, ["Olga: once", "Olga: last"]);
});

test("p2p server tells a legacy client in text what went wrong", async () => {
  await using server = await P2pServer.listen();
  await using _olga = await P2pClient.connect({ name: "Olga", servers: [server.address] });
  await using second = await LegacyClient.connect("Olga", server);
  await second.sees("netlab: Cannot register as Olga: the name is taken");
  await using otto = await LegacyClient.connect("Otto", server);
  otto.send("Nobody", "Hello?");
  await otto.sees("netlab: Cannot deliver to Nobody");
});
