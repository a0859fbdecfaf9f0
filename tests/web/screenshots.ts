/**
 * Makes the screenshots for the documentation from the demo network, in both themes and three widths. A person runs it
 * and looks at them.
 *
 * @module
 */
import { chromium, type Page } from "playwright-core";
import { DemoNetwork } from "@netlab/lab/demo";
import { chromium as executablePath } from "./run.ts";
import { Person } from "./browser/person.ts";

const FOLDER = new URL("../../docs/screenshots/", import.meta.url).pathname;
const SIZES = [[1280, 760], [820, 760], [390, 780]] as const;
/** How long the network runs before, so that there is something to see: milliseconds. */
const WARM_UP_MS = 8_000;

if (!executablePath) throw new Error("Cannot make screenshots: install chromium");
await using network = await DemoNetwork.start();
await using browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
const [origin] = network.origins;
for (const colorScheme of ["light", "dark"] as const) {
  const context = await browser.newContext({ colorScheme });
  const page = await context.newPage();
  const shoot = async (name: string) => {
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await page.waitForTimeout(500);
      await page.screenshot({ path: `${FOLDER}${name}-${colorScheme}-${width}.png` });
    }
    await page.setViewportSize({ width: SIZES[0][0], height: SIZES[0][1] });
  };
  await page.setViewportSize({ width: SIZES[0][0], height: SIZES[0][1] });
  await page.goto(`${origin}/`);
  await page.waitForTimeout(WARM_UP_MS);
  await shoot("network");
  await selectSlowLink(page);
  await shoot("route");
  await page.goto(`${origin}/chat`);
  await converse(page);
  await shoot("chat");
  await context.close();
}

/** Selects the servers at both ends of the slow link, to see why messages take another way. */
async function selectSlowLink(page: Page): Promise<void> {
  for (const name of ["paris", "lima"]) {
    await page.locator(".server > button", { hasText: name }).click();
  }
}

/** Writes to some users of the network, who answer. */
async function converse(page: Page): Promise<void> {
  const person = new Person(page, "Maya");
  await person.signIn();
  await person.server();
  for (const peer of ["Lin", "Greta", "Kofi"]) {
    await person.open(peer);
    await person.write(peer, `Hello ${peer}, which server are you on?`);
    await page.locator('[data-own="false"]').waitFor();
  }
  await person.open("Zoe");
  await person.write("Zoe", "This waits until you are here.");
  await person.open("Ada");
  await person.write("Ada", "Hi Ada! I am in a browser, at paris.");
  await page.locator('[data-own="false"]').waitFor();
  await person.write(
    "Ada",
    "Three steps, as far as I see:\n  1. paris stores it\n  2. the link carries it\n  3. you have it",
  );
  await page.locator('[data-own="false"]').nth(1).waitFor();
  await person.write("Ada", "And now I go on with lima, if somebody kills paris.");
  await person.reaches("And now I go on", "delivered");
}
