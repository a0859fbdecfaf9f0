/**
 * What happens in the network, with filters. A person can stop it to read.
 *
 * @module
 */
/// <reference lib="dom" />
import { useState } from "preact/hooks";
import { html } from "../../../common/view.ts";
import { Icon } from "../../../common/icons.ts";
import { type EventGroup, GROUPS, type ShownEvent } from "../../model/event_list.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { clock, count } from "../figures.ts";
import { Sentence } from "./sentence.ts";
import { ServerChoice } from "./server_choice.ts";

/** The most events that are shown. */
const MAX_SHOWN = 150;

/** Shows the events. */
export function EventTable({ watcher: { network } }: { watcher: Watcher }): unknown {
  const [groups, setGroups] = useState<ReadonlySet<EventGroup>>(new Set(GROUPS));
  const [server, setServer] = useState<string | undefined>();
  const [text, setText] = useState("");
  const [stopped, setStopped] = useState<readonly ShownEvent[] | undefined>();
  const { events, nameOf } = network;
  const find = () => events.newest({ groups, server, text }, MAX_SHOWN, nameOf);
  const shown = stopped ?? find();
  const toggle = (group: EventGroup) => {
    const next = new Set(groups);
    if (!next.delete(group)) next.add(group);
    setGroups(next);
    setStopped(undefined);
  };
  return html`
    <div class="filters">
      <label class="search">
        <${Icon} name="search" size=${16} />
        <span class="hidden">Search events</span>
        <input type="search" placeholder="Search events" value=${text}
          onInput=${({ currentTarget }: InputEvent) => {
            setText((currentTarget as HTMLInputElement).value);
            setStopped(undefined);
          }} />
      </label>
      <${ServerChoice} network=${network} value=${server} onChange=${(chosen?: string) => {
        setServer(chosen);
        setStopped(undefined);
      }} />
    </div>
    <div class="groups" role="group" aria-label="Kinds of events">
      ${GROUPS.map((group) =>
        html`
          <button key=${group} type="button" class="chip" aria-pressed=${groups.has(group)}
            onClick=${() => toggle(group)}>${group}</button>
        `
      )}
      <button type="button" class="chip pause" aria-pressed=${stopped !== undefined}
        onClick=${() => setStopped(stopped ? undefined : find())}>
        ${stopped ? "paused" : "pause"}
      </button>
    </div>
    ${shown.length === 0
      ? html`<p class="empty">${
        events.size === 0
          ? "Nothing has happened yet."
          : `None of ${count(events.size)} events matches.`
      }</p>`
      : html`
        <div class="rows" role="region" aria-label="Events" tabIndex=${0}>
          <ol class="events">
            ${shown.map(({ key, time, at, group, isBad, parts }) =>
              html`
                <li key=${key} data-group=${group} data-bad=${isBad}>
                  <time>${clock(time)}</time>
                  <span class="what">
                    ${group === "messages"
                      ? null
                      : html`<span class="server-name">${nameOf(at)}</span>${" "}`}
                    <${Sentence} parts=${parts} nameOf=${nameOf} />
                  </span>
                </li>
              `
            )}
          </ol>
        </div>
      `}
  `;
}
