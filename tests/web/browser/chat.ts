/** The chat page: what people write, and what becomes of it. */
import { assert, assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import { KeyFiles } from "../../p2p/tokens/test_network.ts";
import { Pages } from "./browser.ts";
import { Person } from "./person.ts";

Deno.test("chat page shows when a message waits, is stored and is delivered", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const alice = new Person(await pages.open(`${web.origin}/chat`), "Alice");
  await alice.signIn();
  assertEquals(await alice.server(), server.address);
  await alice.open("Bob");
  await alice.write("Bob", "Hello\nthere");
  await alice.reaches("Hello", "accepted");
  await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
  for await (const message of bob) {
    assertEquals([message.sender, message.text], ["Alice", "Hello\nthere"]);
    bob.take(message);
    break;
  }
  await alice.reaches("Hello", "delivered");

  // A message in another conversation counts as not seen until it is opened.
  await alice.open("Carol");
  await bob.send("Alice", "Are you there?");
  const entry = alice.page.getByRole("button", { name: /Bob.*1 unread message/ });
  await entry.waitFor();
  assertEquals(await alice.page.title(), "(1) Carol – netlab chat");
  await entry.click();
  await alice.sees("Are you there?");
  await alice.page.getByRole("button", { name: /unread/ }).waitFor({ state: "detached" });
});

for (const lost of ["answers", "messages"] as const) {
  Deno.test(`message survives a reload when ${lost} are lost, and is seen once`, async () => {
    await using server = await P2pServer.listen();
    await using web = await WebServer.listen(server);
    await using pages = new Pages();
    const page = await pages.open("about:blank");
    let isLosing = false;
    await page.routeWebSocket(/connection/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((message) => {
        if (!isLosing || lost === "answers") upstream.send(message);
      });
      upstream.onMessage((message) => {
        if (!isLosing) socket.send(message);
      });
    });
    await page.goto(`${web.origin}/chat`);
    const alice = new Person(page, "Alice");
    await alice.signIn();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { text } of bob) seen.push(text);
    })();
    await alice.open("Bob");
    await alice.write("Bob", "first");
    await alice.reaches("first", "delivered");
    isLosing = true;
    await alice.write("Bob", "second");
    await alice.write("Bob", "third");
    await alice.reaches("third", "waiting");
    isLosing = false;
    await page.reload();
    await alice.reaches("second", "delivered");
    await alice.reaches("third", "delivered");
    assertEquals(seen, ["first", "second", "third"]);
    assertEquals(await alice.texts("own"), ["first", "second", "third"]);
    await bob.close();
    await reading;
  });
}

/** A text that would do harm if it were more than text. */
const HOSTILE = [
  "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>",
  "\u202Etxet desrever\u202C \u2066isolated",
  "${document.title='pwned'} {{constructor.constructor('1')()}}",
];

Deno.test("hostile texts and names are shown as text, also those of 60 KB", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const alice = new Person(await pages.open(`${web.origin}/chat`), "Alice");
  await alice.signIn();
  const name = "__proto__";
  await using mallory = await P2pClient.connect({ name, servers: [server.address] });
  const long = "x".repeat(60_000);
  for (const text of [...HOSTILE, long]) await mallory.send("Alice", text);
  await alice.page.getByRole("button", { name: /__proto__.*4 unread/ }).click();
  await alice.sees(long);
  assertEquals(await alice.texts("other"), [...HOSTILE, long]);
  assertEquals(await alice.page.locator(".text *").count(), 0);
  assert(!(await alice.page.title()).includes("pwned"));
  const root = "document.documentElement";
  assert(await alice.page.evaluate(`${root}.scrollWidth <= ${root}.clientWidth`));
  // An address of the page is hostile, too.
  await alice.page.evaluate('location.hash = encodeURIComponent("<b>\\u202Ebold")');
  await alice.page.getByRole("heading", { name: "<b>" }).waitFor();
  assertEquals(await alice.page.locator(".conversation-title b").count(), 0);
});

Deno.test("user of a network with keys signs in with a token, also after a reload", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/chat`);
  const alice = new Person(page, "Alice");
  await alice.signIn();
  await page.getByText("This network has keys: paste your token below.").waitFor();
  await page.getByLabel("Token").fill(await files.token({ sub: "Bob" }));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("the token is for Bob").waitFor();
  await page.getByLabel("Token").fill(await files.token());
  await page.getByRole("button", { name: "Sign in" }).click();
  assertEquals(await alice.server(), server.address);
  await alice.open("Alice");
  await alice.write("Alice", "A note to myself");
  await alice.reaches("A note to myself", "delivered");
  await page.reload();
  await alice.sees("A note to myself");
  // Who signs out leaves nothing behind.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Name").waitFor();
  await page.reload();
  await alice.signIn(await files.token());
  await alice.open("Alice");
  assertEquals(await alice.texts("own"), []);
});

Deno.test("page says when the network has signed the user out", async () => {
  using files = await KeyFiles.create();
  await using server = await files.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/chat`);
  const alice = new Person(page, "Alice");
  await alice.signIn(await files.token());
  await alice.server();
  files.write("revoked", "sub Alice\n");
  await page.getByRole("alert").getByText("revoked").waitFor();
  await page.getByRole("button", { name: "Sign in again" }).click();
  await page.getByLabel("Name").waitFor();
});

Deno.test("page goes on with a server that came after it was loaded", async () => {
  const one = await P2pServer.listen();
  const first = await WebServer.listen(one);
  await using pages = new Pages();
  const alice = new Person(await pages.open(`${first.origin}/chat`), "Alice");
  await alice.signIn();
  await alice.server();
  await using two = await P2pServer.listen({ peers: [one.address] });
  await using _second = await WebServer.listen(two);
  // The page has loaded a frame with a newer policy.
  await alice.page.locator("iframe").waitFor({ state: "attached" });
  await alice.open("Bob");
  await first.close();
  await one.close();
  assertEquals(await alice.server(one.address), two.address);
  await alice.write("Bob", "I am somewhere else now");
  await alice.reaches("I am somewhere else now", "accepted");
});
