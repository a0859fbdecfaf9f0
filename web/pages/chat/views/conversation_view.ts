/**
 * One conversation: its messages and the field for the next one.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../common/icons.ts";
import { html, useModel } from "../../common/view.ts";
import type { Chat } from "../model/chat.ts";
import type { Conversation } from "../model/message.ts";
import { Avatar } from "./avatar.ts";
import { openConversation } from "./address.ts";
import { Composer } from "./composer.ts";
import { MessageView } from "./message_view.ts";
import { dayOf, isSameDay } from "./times.ts";

/** How many messages are shown at first, and how many more each time. */
const PAGE = 200;
/** How near to the end the messages must be scrolled to follow new ones: pixels. */
const NEAR_END = 80;

/** What a {@linkcode ConversationView} shows. */
export interface ConversationProps {
  readonly chat: Chat;
  readonly conversation: Conversation;
}

/** Shows a conversation. */
export function ConversationView({ chat, conversation }: ConversationProps): unknown {
  useModel(chat.conversations);
  useModel(chat.people);
  const { peer, messages } = conversation;
  const [shown, setShown] = useState(PAGE);
  const end = useRef<HTMLDivElement>(null);
  const isNearEnd = useRef(true);
  useLayoutEffect(() => {
    const log = end.current!;
    if (isNearEnd.current) log.scrollTop = log.scrollHeight;
  }, [messages.length]);
  useEffect(() => {
    const leave = (event: KeyboardEvent) => {
      if (event.key === "Escape") openConversation(undefined);
    };
    addEventListener("keydown", leave);
    return () => removeEventListener("keydown", leave);
  }, []);
  const scrolled = ({ target }: Event) => {
    const { scrollTop, scrollHeight, clientHeight } = target as HTMLElement;
    isNearEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
  };
  const isOnline = chat.people.isOnline(peer);
  const server = chat.people.serverOf(peer);
  const from = Math.max(0, messages.length - shown);
  return html`
    <section class="conversation" aria-label=${`Conversation with ${peer}`}>
      <header class="conversation-header">
        <button
          type="button"
          class="icon-button back"
          aria-label="All conversations"
          onClick=${() => openConversation(undefined)}
        >
          <${Icon} name="back" />
        </button>
        <${Avatar} name=${peer} isOnline=${isOnline} />
        <div class="conversation-title">
          <h2><bdi>${peer}</bdi></h2>
          <p class="muted" role="status">
            ${isOnline
              ? `on the network${server ? `, at ${server}` : ""}`
              : "away: messages wait until they return"}
          </p>
        </div>
      </header>
      <div
        class="messages"
        ref=${end}
        onScroll=${scrolled}
        role="log"
        aria-label=${`Messages with ${peer}`}
        tabindex="0"
      >
        ${from > 0
          ? html`<button type="button" class="button plain earlier" onClick=${() =>
            setShown(shown + PAGE)}>
          Show earlier messages
        </button>`
          : null}
        ${messages.slice(from).map((message, index) => {
          const before = messages[from + index - 1];
          const isNewDay = !before || !isSameDay(before.at, message.at);
          return html`
            ${isNewDay
              ? html`<h3 class="day" key=${`day ${message.id}`}>${dayOf(message.at)}</h3>`
              : null}
            <${MessageView} key=${message.id} message=${message} onRetry=${() =>
              chat.retry(message)} />
          `;
        })}
      </div>
      <${Composer} chat=${chat} conversation=${conversation} />
    </section>
  `;
}
