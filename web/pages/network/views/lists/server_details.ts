/**
 * What a server tells of itself: its process, its queues and its links.
 *
 * @module
 */
import { ErrorCode } from "@netlab/protocol/codec";
import { html } from "../../../common/view.ts";
import type { Network } from "../../model/network.ts";
import { byName } from "../../model/names.ts";
import type { Server } from "../../model/server.ts";
import { count, duration, milliseconds, plural, rate, size } from "../figures.ts";

const CODES = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, words(name)]),
);

/** Shows the details of a server. */
export function ServerDetails(
  { server: { status, rates, address }, network }: { server: Server; network: Network },
): unknown {
  if (!status) return html`<p class="details muted">It has told nothing yet.</p>`;
  const { version, system, uptimeMs, memory, connections, queues, limitsHit } = status;
  const links = [...status.links].sort((a, b) => byName(a.address, b.address));
  const perSecond = (value: number | undefined) => value === undefined ? "…" : `${rate(value)}/s`;
  return html`
    <div class="details">
      <dl>
        <${Row} name="Address" value=${address} />
        <${Row} name="Program" value=${`${system} ${version}`} />
        <${Row} name="Running for" value=${duration(uptimeMs)} />
        <${Row} name="Memory" value=${memory.rssBytes > 0 ? size(memory.rssBytes) : "unknown"} />
        <${Row} name="Connections" value=${count(connections)} />
        <${Row} name="Delivered" value=${perSecond(rates?.messagesDelivered)} />
        <${Row} name="Forwarded" value=${perSecond(rates?.messagesForwarded)} />
        <${Row} name="Traffic"
          value=${rates ? `${size(rates.bytesRead + rates.bytesWritten)}/s` : "…"} />
        <${Row} name="Waiting to be sent" value=${size(queues.outgoingBytes)} />
        <${Row} name="In flight" value=${plural(queues.inFlight, "message")} />
      </dl>
      ${limitsHit.length > 0
        ? html`
          <h3>Limits hit</h3>
          <ul>
            ${limitsHit.map(({ code, count: times }) =>
              html`<li>${CODES.get(code) ?? `code ${code}`}: ${plural(times, "time")}</li>`
            )}
          </ul>
        `
        : null}
      <h3>${plural(links.length, "link")}</h3>
      <ul class="links">
        ${links.map(({ server, rttMs, upMs, queuedBytes }) =>
          html`
            <li key=${server}>
              <span>${network.nameOf(server)}</span>
              <span>${rttMs === undefined ? "not measured" : milliseconds(rttMs)}</span>
              <span class="muted">up ${duration(upMs)}${queuedBytes > 0
                ? `, ${size(queuedBytes)} wait`
                : ""}</span>
            </li>
          `
        )}
      </ul>
    </div>
  `;
}

function Row({ name, value }: { name: string; value: string }): unknown {
  return html`
    <div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>
  `;
}

/** Converts `TooManyRequests` to `too many requests`. */
function words(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, " $1").toLowerCase();
}
