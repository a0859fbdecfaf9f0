/**
 * A person in front of the chat page. Does what a person does, and sees what the page shows.
 *
 * @module
 */
import type { Page } from "playwright-core";

/** How long something may take to appear: milliseconds. */
const SOON_MS = 60_000;

/** A person at a page. */
export class Person {
  /** Takes a page that shows the form to sign in. */
  constructor(readonly page: Page, readonly name: string) {
    page.setDefaultTimeout(SOON_MS);
  }

  /** Signs in. */
  async signIn(token?: string): Promise<void> {
    await this.page.getByLabel("Name").fill(this.name);
    if (token !== undefined) {
      await this.page.getByText("My network has keys").click();
      await this.page.getByLabel("Token").fill(token);
    }
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Waits until the page is at a server, and returns its address. */
  async server(not = ""): Promise<string> {
    const status = this.page.locator('.connection[data-state="connected"] [role="status"]');
    const other = status.filter({ hasText: /^at / }).filter({ hasNotText: not || "\0" });
    return (await other.textContent())!.replace("at ", "");
  }

  /** Opens the conversation with a user. */
  async open(peer: string): Promise<void> {
    await this.page.getByLabel("Find or type a name").fill(peer);
    await this.page.keyboard.press("Enter");
    await this.page.getByLabel(`Message to ${peer}`, { exact: true }).waitFor();
  }

  /** Writes a message in the open conversation. */
  async write(peer: string, text: string): Promise<void> {
    await this.page.getByLabel(`Message to ${peer}`, { exact: true }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Waits until the open conversation shows a text. */
  async sees(text: string): Promise<void> {
    await this.page.locator(".text").getByText(text, { exact: true }).first().waitFor();
  }

  /** The texts of the open conversation, the oldest first. */
  async texts(whose: "own" | "other"): Promise<string[]> {
    return await this.page.locator(`.message[data-own="${whose === "own"}"] .text`)
      .allTextContents();
  }

  /** Waits until a message of this person has reached a state. */
  async reaches(text: string, state: string): Promise<void> {
    await this.page.locator(`.message[data-state="${state}"]`, { hasText: text }).waitFor();
  }
}
