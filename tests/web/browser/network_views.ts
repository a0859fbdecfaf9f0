/** What the network page shows of simulated networks, and how it is used. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { WebServer } from "@netlab/web";
import { eventually } from "../../p2p/network.ts";
import { violations } from "./axe.ts";
import { Pages } from "./browser.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

const SMALL = { servers: 4, users: 8, links: 2 };

/** Returns a text that looks like a token. */
function tokenFor(subject: string): string {
  const claims = { sub: subject, aud: "simulated", role: "observer" };
  return [{ alg: "EdDSA" }, claims].map((part) => btoa(JSON.stringify(part))).join(".") + ".x";
}

async function seen(page: Page): Promise<void> {
  page.setDefaultTimeout(20_000);
  await page.locator('.server[data-state="up"]').nth(3).waitFor();
}

for (const colorScheme of ["light", "dark"] as const) {
  Deno.test(`axe-core finds nothing wrong with the network page (${colorScheme})`, async () => {
    const network = new SimulatedNetwork(SMALL, {
      events: [
        { kind: "refused", who: "Mallory", code: 3, reason: "Cannot register: the name is taken" },
        { kind: "linkDown", server: "00000000-0000-4000-8000-000000000001", address: "a:1" },
      ],
    });
    await using web = await WebServer.listen(network);
    await using pages = new Pages();
    const page = await pages.open(web.origin, { colorScheme, reducedMotion: "reduce" });
    await seen(page);
    await page.locator(".server button").nth(0).click();
    assertEquals(await violations(page), [], "a server is selected");
    await page.locator(".server button").nth(2).click();
    await page.getByRole("tab", { name: "Events" }).click();
    assertEquals(await violations(page), [], "a route and events");
    await page.getByRole("tab", { name: colorScheme === "light" ? "Mailboxes" : "Users" }).click();
    await page.setViewportSize({ width: 390, height: 780 });
    await web.close();
    await page.getByRole("alert").waitFor();
    assertEquals(await violations(page), [], "on a phone, and the server is gone");
  });
}

Deno.test("route between two servers is selected and explained with the keyboard alone", async () => {
  await using web = await WebServer.listen(new SimulatedNetwork(SMALL));
  await using pages = new Pages();
  const page = await pages.open(web.origin);
  await seen(page);
  const { keyboard } = page;
  const focused = () =>
    page.evaluate("document.querySelector('button:focus')?.textContent ?? ''") as Promise<string>;
  for (let key = 0; key < 20 && !(await focused()).includes("5001"); key++) {
    await keyboard.press("Tab");
  }
  await keyboard.press("Enter");
  await page.locator(".details").waitFor();
  await keyboard.press("ArrowDown");
  await keyboard.press("ArrowDown");
  assert((await focused()).includes("5003"));
  await keyboard.press("Space");
  await page.getByText("5001 → 5002 → 5003, 6.00 ms; the way over 5004 would take 10.0 ms.")
    .waitFor();
  await keyboard.press("End");
  assert((await focused()).includes("5004"));
  await keyboard.press("Escape");
  await page.locator(".route").waitFor({ state: "detached" });
  await keyboard.press("Shift+Tab");
  await keyboard.press("ArrowRight");
  await page.getByRole("tab", { name: "Users", selected: true }).waitFor();
  await page.getByRole("tabpanel", { name: "Users" }).getByText("8 users").waitFor();
});

Deno.test("drawing selects the servers that are clicked", async () => {
  await using web = await WebServer.listen(
    new SimulatedNetwork({ servers: 1, users: 0, links: 0 }),
  );
  await using pages = new Pages();
  const page = await pages.open(web.origin, { reducedMotion: "reduce" });
  await page.locator('.server[data-state="up"]').waitFor();
  // The only server is in the middle.
  await page.locator(".graph").click();
  await page.locator(".details").waitFor();
});

Deno.test("hostile names and sentences are text", async () => {
  const markup = "<img/src=x/onerror=document.title='gone'>";
  const bidi = "\u202Etxet\u2066 <script>document.title='gone'</script> ${1} {{1}}";
  const long = `x${"\u0301".repeat(100)}`;
  const network = new SimulatedNetwork({ ...SMALL, users: 60 }, {
    names: [markup, "__proto__", "a".repeat(255)],
    events: [
      { kind: "refused", who: bidi, code: 3, reason: markup },
      { kind: "left", user: "Bob", reason: bidi },
      { kind: "refused", who: long, code: 65_535, reason: "\n\n\t" + "y".repeat(200) },
    ],
  });
  await using web = await WebServer.listen(network);
  await using pages = new Pages();
  const page = await pages.open(web.origin);
  await seen(page);
  await page.getByRole("tab", { name: "Users" }).click();
  await page.getByLabel("Search users").fill("onerror");
  await page.locator("td bdi", { hasText: markup }).waitFor();
  const link = page.locator("td a");
  assertEquals(await link.getAttribute("href"), `/chat#${encodeURIComponent(markup)}`);
  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByRole("button", { name: "messages" }).click();
  await page.locator(".events bdi", { hasText: markup }).first().waitFor();
  // What changes the direction of text stays inside its own element.
  const isolated = page.locator(".events bdi", { hasText: "txet" });
  await isolated.first().waitFor();
  assertEquals(await page.title(), "netlab network");
  assertEquals(await page.locator("#app img[src=x], #app script").count(), 0);
  const wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
  assertEquals(wide, false, "long words do not make the page wider");
});

Deno.test("page that nobody sees asks nothing", async () => {
  const network = new SimulatedNetwork(SMALL);
  await using web = await WebServer.listen(network);
  await using pages = new Pages();
  const page = await pages.open(web.origin);
  await seen(page);
  const hide = (isHidden: boolean) =>
    page.evaluate(
      `Object.defineProperty(document, "hidden", { configurable: true, value: ${isHidden} });
      document.dispatchEvent(new Event("visibilitychange"));`,
    );
  await hide(true);
  await eventually("the connection is closed", () => network.connections === 0);
  const { total } = network;
  await page.waitForTimeout(1_500);
  assertEquals(network.total, total);
  await hide(false);
  await eventually("it asks again", () => network.total > total + 4);
  assertEquals(await page.locator('.server[data-state="up"]').count(), 4);
});

Deno.test("page asks for a token on a network with keys, and says what is wrong with it", async () => {
  const network = new SimulatedNetwork(SMALL, { token: tokenFor("right") });
  await using web = await WebServer.listen(network);
  await using pages = new Pages();
  const page = await pages.open(web.origin);
  page.setDefaultTimeout(20_000);
  await page.getByText("This network has keys").waitFor();
  assertEquals(await violations(page), []);
  await page.getByLabel("Token").fill(tokenFor("wrong"));
  await page.getByRole("button", { name: "Watch" }).click();
  await page.getByText("Cannot use the token: it is another one.").waitFor();
  await page.getByLabel("Token").fill(tokenFor("right"));
  await page.getByRole("button", { name: "Watch" }).click();
  await seen(page);
  await page.reload();
  await seen(page);
});
