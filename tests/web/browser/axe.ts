/** What axe-core says about a page. */
import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe-core finds wrong with a page: the rule and the elements. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run()") as axe.AxeResults;
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
}
