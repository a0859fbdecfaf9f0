/** The network page of real servers. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { freePorts, Process } from "@netlab/lab/cluster";
import { P2pClient } from "@netlab/p2p/client";
import { eventually } from "../../p2p/network.ts";
import { event, PERMISSIONS } from "../../p2p/programs.ts";
import { Pages } from "./browser.ts";

const SERVER = "rtt/server.ts";

/** Three servers, which measure times, with their pages. */
class Servers implements AsyncDisposable {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly origins: readonly string[];
  readonly #processes: readonly Process[];

  private constructor() {
    const ports = freePorts(6);
    this.names = ports.slice(0, 3).map(String);
    this.addresses = this.names.map((port) => `127.0.0.1:${port}`);
    this.origins = ports.slice(3).map((port) => `http://127.0.0.1:${port}`);
    this.#processes = this.names.map((port, at) => {
      const peers = this.addresses.filter((_, other) => other !== at);
      const args = ["--port", port, "--web", `${ports[3 + at]}`, "--json"];
      const all = [...args, ...peers.flatMap((peer) => ["--peer", peer])];
      return Process.start(SERVER, all, { permissions: PERMISSIONS });
    });
  }

  static async start(): Promise<Servers> {
    const servers = new Servers();
    for (const process of servers.#processes) await event(process, "web");
    for (const origin of servers.origins) {
      await eventually("the servers know the pages of all", async () => {
        const { servers } = await (await fetch(`${origin}/servers`)).json();
        return servers.length === 3;
      }, 30_000);
    }
    return servers;
  }

  kill(at: number): void {
    this.#processes[at]!.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process[Symbol.asyncDispose]();
  }
}

/** Opens one of the lists. */
async function open(page: Page, list: string): Promise<void> {
  await page.getByRole("tab", { name: list }).click();
}

function state(page: Page, name: string, state: string) {
  return page.locator(`.server[data-state="${state}"]`, { hasText: name });
}

Deno.test("network page shows who is where, paths, and what follows when servers are killed", async () => {
  await using servers = await Servers.start();
  const [one, two, three] = servers.names as [string, string, string];
  const [first, second, third] = servers.addresses as [string, string, string];
  await using alice = await P2pClient.connect({ name: "Alice", servers: [first, second] });
  await using bob = await P2pClient.connect({ name: "Bob", servers: [third, second] });
  await using pages = new Pages();
  const page = await pages.open(servers.origins[0]!);
  page.setDefaultTimeout(20_000);
  for (const name of servers.names) await state(page, name, "up").waitFor();
  await page.getByText(`through ${first}`).waitFor();

  // Servers measure times, and the page shows them.
  await state(page, one, "up").getByRole("button").click();
  await page.locator(".links li", { hasText: /\d ms/ }).nth(1).waitFor();
  await page.keyboard.press("Escape");

  // The path of a message, through both servers.
  await open(page, "Events");
  const path = new RegExp(`Alice → ${one} → (${two} → )?${three} → Bob, 7 bytes`);
  void (async () => {
    for await (const message of bob) bob.take(message);
  })();
  await eventually("the path of a message is shown", async () => {
    await alice.send("Bob", "message");
    await page.waitForTimeout(200);
    return await page.locator(".events li", { hasText: path }).count() > 0;
  }, 20_000);

  // Filters.
  const rows = page.locator(".events li");
  await page.getByRole("button", { name: "messages" }).click();
  await rows.filter({ hasText: path }).first().waitFor({ state: "detached" });
  await rows.filter({ hasText: `${three} Bob joined` }).waitFor();
  await page.getByLabel("Search events").fill("alice");
  await eventually("only Alice's events are left", async () => {
    const texts = await rows.allTextContents();
    return texts.length > 0 && texts.every((text) => text.includes("Alice"));
  });
  await page.getByLabel("Search events").fill("no event is like it");
  await page.getByText(/None of \d+ events matches/).waitFor();
  await page.getByLabel("Search events").fill("");

  // Users are found.
  await open(page, "Users");
  await page.getByLabel("Search users").fill("bo");
  await page.getByText("1 of 2 users").waitFor();
  const user = page.locator("tbody tr", { hasText: "Bob" });
  assertEquals(await user.locator("td").nth(1).textContent(), three);

  // Another server is killed: it is gone, and its user is elsewhere.
  servers.kill(2);
  await eventually(
    "Bob is at another server",
    async () => await user.locator("td").nth(1).textContent() === two,
    20_000,
  );
  await open(page, "Events");
  await rows.filter({ hasText: `${three} is gone` }).waitFor();
  await rows.filter({ hasText: `${two} Bob joined` }).waitFor();
  await open(page, "Servers");
  await state(page, three, "gone").waitFor();
  await page.locator('[role="status"]', { hasText: `${three} is gone` }).waitFor();

  // The page's own server is killed: the page goes on with the last one.
  servers.kill(0);
  await page.getByText(`through ${second}`).waitFor();
  await state(page, one, "gone").waitFor();
  await state(page, two, "up").waitFor();
  await open(page, "Users");
  await page.getByLabel("Search users").fill("alice");
  const moved = page.locator("tbody tr", { hasText: "Alice" }).locator("td").nth(1);
  await eventually("Alice is there", async () => await moved.textContent() === two, 20_000);
});
