/** What axe-core says about the chat page. */
import { assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import { violations } from "./axe.ts";
import { Pages } from "./browser.ts";
import { Person } from "./person.ts";

for (const colorScheme of ["light", "dark"] as const) {
  Deno.test(`axe-core finds nothing wrong with the chat page (${colorScheme})`, async () => {
    await using server = await P2pServer.listen();
    await using web = await WebServer.listen(server);
    await using pages = new Pages();
    const page = await pages.open(`${web.origin}/chat`, { colorScheme, reducedMotion: "reduce" });
    const alice = new Person(page, "Alice");
    await page.getByLabel("Name").waitFor();
    assertEquals(await violations(page), [], "the form to sign in");
    await alice.signIn();
    await alice.server();
    await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
    await using carol = await P2pClient.connect({ name: "Carol", servers: [server.address] });
    assertEquals(await violations(page), [], "nothing is open");
    await bob.send("Alice", "Hello\nAlice");
    await carol.send("Alice", "x".repeat(5_000));
    await page.getByRole("button", { name: /Carol.*1 unread/ }).waitFor();
    await alice.open("Bob");
    await alice.write("Bob", "Hello");
    await alice.reaches("Hello", "accepted");
    assertEquals(await violations(page), [], "a conversation");
    await alice.open("Carol");
    await page.setViewportSize({ width: 390, height: 780 });
    assertEquals(await violations(page), [], "a conversation on a phone");
    await page.getByLabel("All conversations").click();
    assertEquals(await violations(page), [], "the list on a phone");
  });
}

Deno.test("chat page can be used with the keyboard alone", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/chat`);
  const { keyboard } = page;
  // The field for the name has the focus.
  await page.locator('input[name="name"]:focus').waitFor();
  await keyboard.type("Alice");
  await keyboard.press("Enter");
  await page.locator(".connection").waitFor();
  await keyboard.press("Control+k");
  await keyboard.type("Bob");
  await keyboard.press("Enter");
  await page.locator("textarea:focus").waitFor();
  await keyboard.type("one");
  await keyboard.press("Shift+Enter");
  await keyboard.type("two");
  await keyboard.press("Enter");
  await page.locator(".text").getByText("one\ntwo", { exact: true }).waitFor();
  await keyboard.press("Escape");
  await page.getByText("Choose somebody").waitFor();
  await keyboard.press("Control+k");
  await keyboard.press("Tab");
  await page.locator(".entry:focus").waitFor();
  await keyboard.press("Enter");
  await page.locator("textarea:focus").waitFor();
});
