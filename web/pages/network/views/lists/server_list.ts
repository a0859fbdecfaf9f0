/**
 * The servers as a list, which does what the drawing does without a pointer: the arrow keys go through it, and Enter
 * selects.
 *
 * @module
 */
/// <reference lib="dom" />
import { useRef, useState } from "preact/hooks";
import { html } from "../../../common/view.ts";
import type { Server, ServerState } from "../../model/server.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { plural, rate } from "../figures.ts";
import { ServerDetails } from "./server_details.ts";

/** What each state is called, and its colour. */
const STATES: Readonly<Record<ServerState, readonly [string, string]>> = {
  found: ["not asked yet", "muted"],
  up: ["up", "good"],
  draining: ["about to leave", "warn"],
  silent: ["does not answer", "bad"],
  old: ["too old to tell", "warn"],
  gone: ["gone", "bad"],
  left: ["has left", "muted"],
};

/** Shows the servers. */
export function ServerList({ watcher }: { watcher: Watcher }): unknown {
  const { network, selection } = watcher;
  const [current, setCurrent] = useState<string | undefined>();
  const list = useRef<HTMLUListElement>(null);
  const servers = network.sorted;
  const reached = servers.find(({ id }) => id === current) ?? servers[0];

  const move = (event: KeyboardEvent) => {
    const at = servers.findIndex(({ id }) => id === reached?.id);
    const next =
      { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: servers.length - 1 }[event.key];
    const server = next === undefined ? undefined : servers[next];
    if (!server) return;
    event.preventDefault();
    setCurrent(server.id);
    list.current?.querySelectorAll<HTMLElement>(".server > button").item(next!).focus();
  };
  const choose = (id: string) => {
    setCurrent(id);
    selection.choose(id);
    watcher.tell();
  };
  if (servers.length === 0) return html`<p class="empty">No server has answered yet.</p>`;
  return html`
    <p class="hint">
      ${selection.from === undefined
        ? "Select a server to see more of it, and a second one to see the route."
        : selection.to === undefined
        ? "Select a second server to see the route to it."
        : "Escape ends the selection."}
    </p>
    <ul class="servers" ref=${list} onKeyDown=${move}>
      ${servers.map((server) =>
        html`
          <li key=${server.id} class="server" data-state=${server.state}>
            <button
              type="button"
              tabIndex=${server === reached ? 0 : -1}
              aria-pressed=${selection.has(server.id)}
              onClick=${() => choose(server.id)}
              onFocus=${() => setCurrent(server.id)}
            >
              <${Line} server=${server} watcher=${watcher} />
            </button>
            ${server.id === selection.from && selection.to === undefined
              ? html`<${ServerDetails} server=${server} network=${network} />`
              : null}
          </li>
        `
      )}
    </ul>
  `;
}

function Line({ server, watcher: { network, selection } }: { server: Server; watcher: Watcher }) {
  const { id, address, state, status, rates, isThere } = server;
  const [word, colour] = STATES[state];
  const end = id === selection.from && selection.to !== undefined
    ? "from"
    : id === selection.to
    ? "to"
    : undefined;
  return html`
    <span class=${`state ${colour}`} aria-hidden="true"></span>
    <span class="server-title">
      <b>${network.nameOf(id)}</b>
      ${end ? html`<span class="tag">${end}</span>` : null}
      ${id === network.own ? html`<span class="tag">this page</span>` : null}
      <span class="muted">${state === "up" ? address : word}</span>
    </span>
    ${isThere && status
      ? html`
        <span class="server-figures">
          <span>${plural(status.users, "user")}</span>
          <span class="muted">${rates ? `${rate(rates.messagesReceived)} msg/s` : "…"}</span>
        </span>
      `
      : null}
  `;
}
