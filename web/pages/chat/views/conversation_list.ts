/**
 * The conversations and the people on the network, with a field that finds either or takes a new name.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useRef, useState } from "preact/hooks";
import { invalidNameReason, normalizeName } from "@netlab/protocol/codec";
import { Icon } from "../../common/icons.ts";
import { html, useModel } from "../../common/view.ts";
import type { Chat } from "../model/chat.ts";
import { type Conversation, lastAt } from "../model/message.ts";
import { Avatar } from "./avatar.ts";
import { openConversation } from "./address.ts";
import { shortTime } from "./times.ts";

/** How many people are shown who have no conversation yet. */
const MAX_PEOPLE = 50;
/** The longest beginning of a text that is shown: characters. */
const MAX_PREVIEW = 120;

/** Shows the list. */
export function ConversationList({ chat }: { chat: Chat }): unknown {
  const { conversations, people } = chat;
  useModel(conversations);
  useModel(people);
  const [typed, setTyped] = useState("");
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "k" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);

  const name = normalizeName(typed.trim());
  const has = (other: string) => other.toLowerCase().includes(name.toLowerCase());
  const found = conversations.list.filter(({ peer }) => has(peer));
  const talking = new Set(conversations.list.map(({ peer }) => peer));
  const others = people.names.filter((other) =>
    has(other) && other !== chat.name && !talking.has(other)
  );
  const isNew = name !== "" && !talking.has(name) && !others.includes(name);
  const why = isNew ? invalidNameReason(name) : undefined;
  const open = (peer: string) => {
    setTyped("");
    openConversation(peer);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const exact = [...talking, ...people.names].find((other) => other === name);
    const peer = exact ?? found[0]?.peer ?? others[0] ?? (why === undefined ? name : undefined);
    if (name !== "" && peer !== undefined) open(peer);
  };
  return html`
    <nav class="list" aria-label="Conversations">
      <form class="search" role="search" onSubmit=${submit}>
        <${Icon} name="search" size=${18} />
        <input
          ref=${search}
          type="search"
          placeholder="Find or type a name"
          aria-label="Find or type a name"
          title="Ctrl+K"
          autocapitalize="none"
          autocomplete="off"
          spellcheck=${false}
          value=${typed}
          onInput=${(event: InputEvent) => setTyped((event.target as HTMLInputElement).value)}
        />
      </form>
      <div class="list-scroll">
        ${isNew && why === undefined
          ? html`
            <ul>
              <li>
                <button type="button" class="entry" onClick=${() => open(name)}>
                  <${Avatar} name=${name} />
                  <span class="entry-text">Write to <bdi>${name}</bdi></span>
                </button>
              </li>
            </ul>
          `
          : null}
        ${isNew && why !== undefined
          ? html`<p class="error" role="status">No name: it ${why}.</p>`
          : null}
        ${found.length === 0 ? null : html`
          <ul>
            ${found.map((one) =>
              html`<${Entry} key=${one.peer} chat=${chat} conversation=${one} onOpen=${open} />`
            )}
          </ul>
        `}
        ${others.length === 0 ? null : html`
          <h2>People on the network</h2>
          <ul>
            ${others.slice(0, MAX_PEOPLE).map((other) =>
              html`
                <li key=${other}>
                  <button type="button" class="entry" onClick=${() => open(other)}>
                    <${Avatar} name=${other} isOnline=${true} />
                    <span class="entry-text"><bdi class="entry-name">${other}</bdi></span>
                  </button>
                </li>
              `
            )}
          </ul>
          ${others.length > MAX_PEOPLE
            ? html`<p class="muted more">and ${others.length - MAX_PEOPLE} others: type a name</p>`
            : null}
        `}
      </div>
    </nav>
  `;
}

/** What an entry shows. */
interface EntryProps {
  readonly chat: Chat;
  readonly conversation: Conversation;
  onOpen(peer: string): void;
}

function Entry({ chat, conversation, onOpen }: EntryProps): unknown {
  const { peer, unread, messages, draft } = conversation;
  const last = messages.at(-1);
  const isOnline = chat.people.isOnline(peer);
  const isOpen = chat.conversations.open === conversation;
  const preview = draft !== "" && !isOpen ? `Draft: ${draft}` : last?.text ?? "";
  return html`
    <li>
      <button
        type="button"
        class="entry"
        aria-current=${isOpen ? "true" : undefined}
        onClick=${() => onOpen(peer)}
      >
        <${Avatar} name=${peer} isOnline=${isOnline} />
        <span class="entry-text">
          <span class="entry-line">
            <bdi class="entry-name">${peer}</bdi>
            <span class="hidden">${isOnline ? ", on the network" : ""}</span>
            ${last ? html`<time class="muted">${shortTime(lastAt(conversation))}</time>` : null}
          </span>
          <span class="entry-line">
            <bdi class="muted entry-preview">${preview.slice(0, MAX_PREVIEW)}</bdi>
            ${unread > 0
              ? html`<span class="badge">${unread}<span class="hidden"> unread ${
                unread === 1 ? "message" : "messages"
              }</span></span>`
              : null}
          </span>
        </span>
      </button>
    </li>
  `;
}
