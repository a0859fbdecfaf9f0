/**
 * The chat page.
 *
 * @module
 */
/// <reference lib="dom" />
import { html, render } from "htm/preact";
import { useState } from "preact/hooks";
import { P2pClient } from "@netlab/p2p/client";
import { Servers } from "../shared/connection/servers.ts";

const servers = await Servers.load();

function App() {
  const [state, setState] = useState("signed out");
  const signIn = async (event: SubmitEvent) => {
    event.preventDefault();
    const name = new FormData(event.target as HTMLFormElement).get("name") as string;
    try {
      const client = await P2pClient.connect({ name, servers: [servers.own], dial: servers.dial });
      setState(`signed in at ${client.server} as ${client.name}`);
    } catch (error) {
      setState((error as Error).message);
    }
  };
  return html`
    <form onSubmit=${signIn}>
      <label>Name <input name="name" required /></label>
      <button>Sign in</button>
    </form>
    <p role="status">${state}</p>
  `;
}

const app = document.getElementById("app")!;
app.replaceChildren();
render(html`<${App} />`, app);
