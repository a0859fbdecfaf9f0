/**
 * The network page.
 *
 * @module
 */
/// <reference lib="dom" />
import { html, render } from "../common/view.ts";
import { Servers } from "../common/connection/servers.ts";
import { App } from "./views/app.ts";

const app = document.getElementById("app")!;
try {
  const servers = await Servers.load();
  app.replaceChildren();
  render(html`<${App} servers=${servers} />`, app);
} catch {
  app.textContent = "Cannot reach the server of this page. Load the page again when it runs.";
}
