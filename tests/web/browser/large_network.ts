/** The network page with a hundred servers and five thousand users. */
import { assert } from "@std/assert";
import type { Page } from "playwright-core";
import { WebServer } from "@netlab/web";
import { Pages } from "./browser.ts";
import { SimulatedNetwork } from "./simulated_network.ts";

/** How many frames a second there must be. */
const FRAMES = 30;
/** How long frames are counted: milliseconds. */
const COUNT_MS = 2_500;

Deno.test("network page draws 100 servers and 5,000 users 30 times a second", async (test) => {
  const network = new SimulatedNetwork({ servers: 100, users: 5_000, links: 99 });
  await using web = await WebServer.listen(network);
  await using pages = new Pages();
  const page = await pages.open(`${web.origin}/`);
  await page.locator(".server").nth(99).waitFor();
  await page.getByText("5,000", { exact: true }).waitFor({ timeout: 20_000 });
  await test.step("frames", async () => {
    // A page that works without pause tells how much of a core this machine has left.
    const control = await pages.open("about:blank");
    const share = await shareOfCore(control);
    await control.close();
    const { frames, drawn } = await framesPerSecond(page);
    const figures =
      `${frames.toFixed(1)} frames/s, in ${drawn.toFixed(1)} of them something is drawn, ` +
      `with ${(100 * share).toFixed(0)} % of a core`;
    const needed = FRAMES * Math.min(1, 1.2 * share);
    assert(Math.min(frames, drawn) >= needed, figures);
  });
  const before = network.total;
  await page.waitForTimeout(1_500);
  const perSecond = (network.total - before) / 1.5;
  assert(perSecond < 120, `${perSecond} requests a second`);
});

/** Returns which part of a core a page gets: 1 if nothing else runs. */
async function shareOfCore(page: Page): Promise<number> {
  return await page.evaluate(`(() => {
    const begin = performance.now();
    let best = Infinity;
    let count = 0;
    for (let last = begin, now = begin; now - begin < 1_500; last = now, count++) {
      for (let at = 0; at < 300_000; at++) Math.imul(at, at);
      now = performance.now();
      if (count > 20) best = Math.min(best, now - last);
    }
    return count * best / (performance.now() - begin);
  })()`);
}

/** Counts the frames of a page, and how many of them the page draws something in. */
async function framesPerSecond(page: Page): Promise<{ frames: number; drawn: number }> {
  return await page.evaluate(`new Promise((resolve) => {
    const prototype = CanvasRenderingContext2D.prototype;
    const clear = prototype.clearRect;
    let isDrawing = false;
    let drawn = 0;
    let frames = 0;
    let begin;
    prototype.clearRect = function (...args) {
      isDrawing = true;
      return clear.apply(this, args);
    };
    requestAnimationFrame(function count(now) {
      begin ??= now;
      frames++;
      if (isDrawing) drawn++;
      isDrawing = false;
      if (now - begin < ${COUNT_MS}) return requestAnimationFrame(count);
      prototype.clearRect = clear;
      const seconds = (now - begin) / 1_000;
      resolve({ frames: frames / seconds, drawn: drawn / seconds });
    });
  })`);
}
