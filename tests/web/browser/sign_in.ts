/** A person signs in on the chat page. */
import { P2pServer } from "@netlab/p2p/server";
import { WebServer } from "@netlab/web";
import { Pages } from "./browser.ts";

Deno.test("chat page signs a user in with the shipped client", async () => {
  await using server = await P2pServer.listen();
  await using web = await WebServer.listen(server);
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/chat`);
  await page.getByLabel("Name").fill("Alice");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Alice").waitFor();
  while (!server.localUsers().includes("Alice")) await page.waitForTimeout(10);
});
