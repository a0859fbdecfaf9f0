/**
 * The lists beside the drawing, of which one is shown.
 *
 * @module
 */
/// <reference lib="dom" />
import { useRef, useState } from "preact/hooks";
import { html } from "../../../common/view.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { EventTable } from "./event_table.ts";
import { MailboxTable } from "./mailbox_table.ts";
import { ServerList } from "./server_list.ts";
import { UserTable } from "./user_table.ts";

const TABS = [
  ["Servers", ServerList],
  ["Users", UserTable],
  ["Events", EventTable],
  ["Mailboxes", MailboxTable],
] as const;

/** Shows the tabs and one of the lists. */
export function Panel({ watcher }: { watcher: Watcher }): unknown {
  const [open, setOpen] = useState(0);
  const bar = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const next = { ArrowRight: open + 1, ArrowLeft: open - 1, Home: 0, End: TABS.length - 1 }[
      event.key
    ];
    if (next === undefined) return;
    event.preventDefault();
    const at = (next + TABS.length) % TABS.length;
    setOpen(at);
    bar.current?.querySelectorAll("button").item(at).focus();
  };
  const [, List] = TABS[open]!;
  return html`
    <section class="panel card">
      <div class="tabs" role="tablist" aria-label="Lists" ref=${bar} onKeyDown=${move}>
        ${TABS.map(([name], at) =>
          html`
            <button
              key=${name}
              type="button"
              role="tab"
              id=${`tab-${name}`}
              aria-selected=${at === open}
              aria-controls="panel"
              tabIndex=${at === open ? 0 : -1}
              onClick=${() => setOpen(at)}
            >${name}</button>
          `
        )}
      </div>
      <div class="list" role="tabpanel" id="panel" aria-labelledby=${`tab-${TABS[open]![0]}`}>
        <${List} watcher=${watcher} />
      </div>
    </section>
  `;
}
