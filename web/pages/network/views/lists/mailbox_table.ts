/**
 * What each server stores until its recipients acknowledge it.
 *
 * @module
 */
import { html } from "../../../common/view.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { count, duration, size } from "../figures.ts";

/** Shows the mailboxes. */
export function MailboxTable({ watcher: { network } }: { watcher: Watcher }): unknown {
  const servers = network.sorted.filter(({ status, isThere }) => status && isThere);
  if (servers.length === 0) return html`<p class="empty">No server has answered yet.</p>`;
  const most = Math.max(1, ...servers.map(({ status }) => status!.mailbox.bytes));
  const total = servers.reduce((sum, { status }) => sum + status!.mailbox.messages, 0);
  return html`
    <p class="hint">
      ${total === 0
        ? "No message is stored: every recipient has acknowledged its messages."
        : "Messages that wait until their recipients acknowledge them."}
    </p>
    <div class="rows" role="region" aria-label="Mailboxes" tabIndex=${0}>
      <table class="mailboxes">
        <thead>
          <tr>
            <th>Server</th>
            <th>Messages</th>
            <th>For</th>
            <th>Size</th>
            <th>Oldest</th>
          </tr>
        </thead>
        <tbody>
          ${servers.map(({ id, status }) => {
            const { messages, recipients, bytes, oldestMs } = status!.mailbox;
            return html`
              <tr key=${id}>
                <th scope="row">${network.nameOf(id)}</th>
                <td>${count(messages)}</td>
                <td>${count(recipients)}</td>
                <td>
                  ${size(bytes)}
                  <span class="bar" aria-hidden="true"
                    ><i style=${{ width: `${100 * bytes / most}%` }}></i></span>
                </td>
                <td class="muted">${messages > 0 ? duration(oldestMs) : "–"}</td>
              </tr>
            `;
          })}
        </tbody>
      </table>
    </div>
  `;
}
