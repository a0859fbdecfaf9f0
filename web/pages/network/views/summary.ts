/**
 * The most important figures of the network.
 *
 * @module
 */
import { html } from "../../common/view.ts";
import type { Watcher } from "../watch/watcher.ts";
import { count, milliseconds, rate } from "./figures.ts";

/** Shows the figures. */
export function Summary({ watcher: { network } }: { watcher: Watcher }): unknown {
  const there = network.there;
  const shown = network.servers.size;
  const sum = (read: (server: typeof there[number]) => number | undefined) =>
    there.reduce((total, server) => total + (read(server) ?? 0), 0);
  const slowest = network.links.reduce((most, { rttMs }) => Math.max(most, rttMs ?? 0), 0);
  const users = Math.max(sum(({ status }) => status?.users), network.users.size);
  return html`
    <dl class="summary" aria-label="Summary">
      <${Figure} name="Servers" value=${count(there.length)}
        note=${there.length < shown ? `${shown - there.length} gone` : undefined} />
      <${Figure} name="Users" value=${count(users)} />
      <${Figure} name="Messages" value=${rate(sum(({ rates }) => rates?.messagesReceived))}
        unit="/s" />
      <${Figure} name="Stored" value=${count(sum(({ status }) => status?.mailbox.messages))} />
      <${Figure} name="Slowest link" value=${slowest > 0 ? milliseconds(slowest) : "–"} />
    </dl>
  `;
}

function Figure(
  { name, value, unit, note }: { name: string; value: string; unit?: string; note?: string },
): unknown {
  return html`
    <div class="figure">
      <dt>${name}</dt>
      <dd>${value}${unit ? html`<small>${unit}</small>` : null}
        ${note ? html`<small class="bad">${note}</small>` : null}</dd>
    </div>
  `;
}
