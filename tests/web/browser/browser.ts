/**
 * The browser of one file of tests, and the pages that are open in it. A page that reports an error fails its test.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { chromium as executablePath } from "../run.ts";

let browser: Promise<Browser> | undefined;

Deno.test.afterAll(async () => await (await browser)?.close());

/** How a page is opened. */
export interface PageOptions {
  /** The colours that the system prefers. */
  colorScheme?: "light" | "dark";
  /** The size of the window: pixels. */
  viewport?: { width: number; height: number };
  /** Whether the system asks for little motion. */
  reducedMotion?: "reduce" | "no-preference";
}

/** Pages that share nothing with those of other tests. */
export class Pages implements AsyncDisposable {
  readonly #contexts: BrowserContext[] = [];
  /** What went wrong in any of the pages. */
  readonly errors: string[] = [];

  /** Opens a page, as a person does on a computer of their own. */
  async open(url: string, options: PageOptions = {}): Promise<Page> {
    browser ??= chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    const context = await (await browser).newContext(options);
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.errors.push(`${error.stack ?? error}`));
    page.on("console", (message) => {
      // The browser reports each connection that fails, which is no error of the page.
      const isError = message.type() === "error" && !/net::ERR_|WebSocket/.test(message.text());
      if (isError) this.errors.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  /** Closes the pages, and fails if one of them has reported an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
    assertEquals(this.errors, []);
  }
}
