/**
 * The network page as a whole.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useState } from "preact/hooks";
import { Header } from "../../common/header.ts";
import { html, useModel } from "../../common/view.ts";
import type { Servers } from "../../common/connection/servers.ts";
import { Watcher } from "../watch/watcher.ts";
import { Charts } from "./charts.ts";
import { GraphView } from "./graph_view.ts";
import { Panel } from "./lists/panel.ts";
import { RouteCard } from "./route_card.ts";
import { Summary } from "./summary.ts";
import { TokenForm, tokenOfThisTab } from "./token_form.ts";

/** The most pages of other servers that are linked. */
const MAX_LINKS = 5;

/** Shows the page. */
export function App({ servers }: { servers: Servers }): unknown {
  const [watcher] = useState(() => new Watcher(servers, tokenOfThisTab()));
  useModel(watcher);
  useEffect(() => {
    const onKey = ({ key }: KeyboardEvent) => {
      if (key !== "Escape") return;
      watcher.selection.clear();
      watcher.tell();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [watcher]);
  const { link, network } = watcher;
  return html`
    <${Header} page="network"><${Connection} watcher=${watcher} /><//>
    ${link.state === "refused"
      ? html`<${TokenForm} reason=${link.reason} onToken=${(token: string) =>
        watcher.useToken(token)} />`
      : html`<${Overview} watcher=${watcher} />`}
    <p class="hidden" role="status">${network.announcement}</p>
  `;
}

function Overview({ watcher }: { watcher: Watcher }): unknown {
  const { link, network } = watcher;
  return html`
    <main class="network">
      <h1 class="hidden">Network</h1>
      ${link.state === "lost" ? html`<${Lost} watcher=${watcher} reason=${link.reason} />` : null}
      <div class="overview">
        <div class="stage">
          <${Summary} watcher=${watcher} />
          <div class="graph-box card">
            <${GraphView} watcher=${watcher} />
            ${network.servers.size === 0
              ? html`<p class="empty">Waiting for the first server…</p>`
              : null}
            <${RouteCard} watcher=${watcher} />
          </div>
          <${Charts} watcher=${watcher} />
        </div>
        <${Panel} watcher=${watcher} />
      </div>
    </main>
  `;
}

/** Says that the connection is lost, and where other servers have the same page. */
function Lost({ watcher, reason }: { watcher: Watcher; reason: string }): unknown {
  const others = watcher.network.there.flatMap(({ id, status }) => {
    const origin = originOf(status?.pages ?? "");
    const isOther = origin !== undefined && origin !== location.origin;
    return isOther ? [{ origin, name: watcher.network.nameOf(id) }] : [];
  });
  return html`
    <p class="error banner" role="alert">
      ${reason}. Trying the other servers of the network…${" "}
      ${others.length > 0 ? "Their pages show the same:" : null}
      ${others.slice(0, MAX_LINKS).map(({ origin, name }) =>
        html`${" "}<a key=${origin} href=${origin}>${name}</a>`
      )}
    </p>
  `;
}

/** Returns where pages are; `undefined` if a server tells anything else, such as a script. */
function originOf(pages: string): string | undefined {
  const url = URL.parse(pages);
  return url && /^https?:$/.test(url.protocol) ? url.origin : undefined;
}

function Connection({ watcher: { link } }: { watcher: Watcher }): unknown {
  const [colour, text] = link.state === "connected"
    ? ["good", html`<span class="through">through </span>${link.address}`]
    : link.state === "connecting"
    ? ["muted", "connecting…"]
    : link.state === "lost"
    ? ["bad", "reconnecting…"]
    : ["warn", "needs a token"];
  return html`
    <span class="connection">
      <span class=${`state ${colour}`} aria-hidden="true"></span>
      <span>${text}</span>
    </span>
  `;
}
