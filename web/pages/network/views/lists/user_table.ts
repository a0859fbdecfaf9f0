/**
 * The users of all servers: a table of which only the visible rows are in the page, with a search.
 *
 * @module
 */
/// <reference lib="dom" />
import { useState } from "preact/hooks";
import { html } from "../../../common/view.ts";
import { Icon } from "../../../common/icons.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { count, duration, plural } from "../figures.ts";
import { ServerChoice } from "./server_choice.ts";

/** The height of a row: pixels. The style sheet has the same. */
const ROW = 40;
/** How many rows are drawn above and below those that are visible. */
const MORE = 8;

/** Shows the users. */
export function UserTable({ watcher: { network } }: { watcher: Watcher }): unknown {
  const [text, setText] = useState("");
  const [server, setServer] = useState<string | undefined>();
  const [view, setView] = useState({ top: 0, height: 600 });
  const users = network.users.search(text, server);
  const first = Math.max(0, Math.floor(view.top / ROW) - MORE);
  const last = Math.min(users.length, Math.ceil((view.top + view.height) / ROW) + MORE);
  const now = Date.now();
  const { total, size } = network.users;
  return html`
    <div class="filters">
      <label class="search">
        <${Icon} name="search" size=${16} />
        <span class="hidden">Search users</span>
        <input type="search" placeholder="Search users" value=${text}
          onInput=${({ currentTarget }: InputEvent) =>
            setText((currentTarget as HTMLInputElement).value)} />
      </label>
      <${ServerChoice} network=${network} value=${server} onChange=${setServer} />
    </div>
    <p class="hint" role="status">
      ${text === "" && server === undefined
        ? `${plural(total, "user")}${total > size + 1 ? `, ${count(size)} of them listed` : ""}`
        : `${count(users.length)} of ${plural(size, "user")}`}
    </p>
    ${users.length === 0
      ? html`<p class="empty">${
        size === 0
          ? html`Nobody has registered. <a href="/chat">Be the first.</a>`
          : "Nobody matches."
      }</p>`
      : html`
        <div class="rows" role="region" aria-label="Users" tabIndex=${0}
          onScroll=${({ currentTarget }: Event) => {
            const { scrollTop, clientHeight } = currentTarget as HTMLElement;
            setView({ top: scrollTop, height: clientHeight });
          }}>
          <table aria-rowcount=${users.length + 1}>
            <thead>
              <tr aria-rowindex="1">
                <th>User</th>
                <th>Server</th>
                <th>Online for</th>
              </tr>
            </thead>
            <tbody>
              <${Space} rows=${first} />
              ${users.slice(first, last).map((user, at) =>
                html`
                  <tr key=${user.name} aria-rowindex=${first + at + 2}>
                    <td><a href=${`/chat#${encodeURIComponent(user.name)}`}
                      ><bdi>${user.name}</bdi></a></td>
                    <td>${network.nameOf(user.server)}</td>
                    <td class="muted">${duration(now - user.since)}</td>
                  </tr>
                `
              )}
              <${Space} rows=${users.length - last} />
            </tbody>
          </table>
        </div>
      `}
  `;
}

/** The room of rows that are not in the page. */
function Space({ rows }: { rows: number }): unknown {
  return rows > 0
    ? html`
      <tr aria-hidden="true">
        <td colspan="3" style=${{ height: `${rows * ROW}px` }}></td>
      </tr>
    `
    : null;
}
