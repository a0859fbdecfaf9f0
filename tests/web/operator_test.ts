/** What the programs of an operator are told: metrics, health, and whether the server takes users. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { RttServer } from "@netlab/rtt/server";
import { WebServer } from "@netlab/web";
import { ignoreUnless } from "../permissions.ts";
import { socketTest as test, storageTest } from "../kinds.ts";
import { eventually } from "../p2p/network.ts";
import { KeyFiles } from "../p2p/tokens/test_network.ts";
import { request } from "./raw_http.ts";

/** The value of a metric without labels. */
function value(text: string, name: string): number {
  return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1]);
}

test("metrics count users and messages, with a type and a help for each", async () => {
  await using server = await RttServer.listen();
  await using web = await WebServer.listen(server);
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  await alice.send("Bob", "Hello");
  const { headers, text } = await request(web.port, "/metrics");
  assertMatch(headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  assertEquals(value(text, "netlab_users"), 1);
  assertEquals(value(text, "netlab_messages_stored_total"), 1);
  assertEquals(value(text, "netlab_mailbox_messages"), 1);
  assertMatch(
    text,
    /^netlab_info\{version="[^"]+",system="rtt",server="[^"]+",address="[^"]+",network="[^"]+"\} 1$/m,
  );
  for (const [, name] of text.matchAll(/^(\w+)[ {]/gm)) {
    assert(text.includes(`# TYPE ${name} `) && text.includes(`# HELP ${name} `), name);
    assertMatch(
      name!,
      /_(seconds|bytes|total|messages|users|connections|links|servers|recipients|info|draining)$/,
    );
  }
  const again = await request(web.port, "/metrics");
  assertEquals(value(again.text, "netlab_messages_stored_total"), 1);
});

test("metrics show links, also when one is lost", async () => {
  await using one = await P2pServer.listen();
  const two = await P2pServer.listen({ peers: [one.address] });
  await using web = await WebServer.listen(one);
  const shows = async (isLinked: boolean) => {
    const { text } = await request(web.port, "/metrics");
    return text.includes(`netlab_link_uptime_seconds{peer="${two.address}"}`) === isLinked;
  };
  await eventually("the link is shown", () => shows(true));
  await two.close();
  await eventually("the link is not shown", () => shows(false));
});

Deno.test({
  name: "dashboard shows all metrics, and none that do not exist",
  ignore: ignoreUnless.net || ignoreUnless.read,
  fn: async () => {
    const file = new URL("../../docs/grafana.json", import.meta.url);
    const { panels } = JSON.parse(await Deno.readTextFile(file)) as {
      panels: { targets: { expr: string }[] }[];
    };
    const shown = new Set(
      panels.flatMap(({ targets }) =>
        targets.flatMap(({ expr }) => expr.match(/\w+(?=\{)/g) ?? [])
      ),
    );
    await using server = await P2pServer.listen();
    await using web = await WebServer.listen(server);
    const { text } = await request(web.port, "/metrics");
    const defined = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);
    assertEquals([...shown].sort(), defined.sort());
  },
});

test("server is ready until it drains, and healthy as long as it runs", async () => {
  await using other = await P2pServer.listen();
  const server = await P2pServer.listen({ peers: [other.address] });
  await using web = await WebServer.listen(server);
  await eventually("the servers are linked", () => other.peers().length === 1);
  // A user who does not move keeps the server from closing.
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(
    new TextEncoder().encode("\0\x02\0\0\0\0\x02\x02\0\x15\0\0" + "\0".repeat(15) + "\x01\x04Stay"),
  );
  await eventually("the user is there", () => server.localUsers().length === 1);
  assertEquals((await request(web.port, "/readyz")).status, 200);
  const draining = server.drain();
  assertEquals((await request(web.port, "/readyz")).status, 503);
  assertEquals((await request(web.port, "/healthz")).status, 200);
  conn.close();
  await draining;
  assertEquals((await request(web.port, "/readyz")).status, 503);
});

storageTest("metrics of a network with keys need a token of an observer or a server", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using web = await WebServer.listen(server);
  const ask = async (token?: string) => {
    const headers: Record<string, string> = token === undefined
      ? {}
      : { authorization: `Bearer ${token}` };
    return (await request(web.port, "/metrics", headers)).status;
  };
  assertEquals(await ask(), 401);
  assertEquals(await ask("no.token.atall"), 401);
  assertEquals(await ask(await files.token({ role: "user" })), 401);
  assertEquals(await ask(await files.token({ role: "observer", aud: "home" })), 401);
  for (const role of ["observer", "server"]) {
    assertEquals(await ask(await files.token({ sub: "prometheus", role })), 200, role);
  }
  // What says nothing about the network needs none.
  assertEquals((await request(web.port, "/readyz")).status, 200);
  assertEquals((await request(web.port, "/chat")).status, 200);
});
