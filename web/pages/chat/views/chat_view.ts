/**
 * The conversations beside the one that is open. On a phone, one of both.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect } from "preact/hooks";
import { html, useModel } from "../../common/view.ts";
import type { Chat } from "../model/chat.ts";
import { openPeer } from "./address.ts";
import { ConversationList } from "./conversation_list.ts";
import { ConversationView } from "./conversation_view.ts";

/** What a {@linkcode ChatView} needs. */
export interface ChatViewProps {
  /** The user. */
  readonly chat: Chat;
  /** Called when the network has signed the user out, and the person wants to sign in again. */
  onLeave(): void;
}

/** Shows the conversations of a user. */
export function ChatView({ chat, onLeave }: ChatViewProps): unknown {
  const { conversations } = chat;
  useModel(chat);
  useModel(conversations);
  const { open, unread, lastUnseen } = conversations;

  useEffect(() => {
    // The address names the open conversation, so that other pages can lead to it.
    const follow = () => conversations.select(openPeer());
    const look = () =>
      document.visibilityState === "visible" && open && conversations.select(open.peer);
    follow();
    addEventListener("hashchange", follow);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("hashchange", follow);
      document.removeEventListener("visibilitychange", look);
    };
  }, [open?.peer]);
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${
      open ? `${open.peer} – ` : ""
    }netlab chat`;
  }, [unread, open?.peer]);

  const { status } = chat;
  return html`
    <main class="chat" data-open=${open !== undefined}>
      <h1 class="hidden">Chat</h1>
      ${status.state === "closed"
        ? html`
          <div class="banner" role="alert">
            <span>${status.error?.message ?? "You have signed out"}.</span>
            <button type="button" class="button" onClick=${onLeave}>Sign in again</button>
          </div>
        `
        : null}
      <${ConversationList} chat=${chat} />
      ${open
        ? html`<${ConversationView} key=${open.peer} chat=${chat} conversation=${open} />`
        : html`<${Nothing} />`}
      <p class="unseen" aria-live="polite">
        ${lastUnseen ? html`New message from <bdi>${lastUnseen.peer}</bdi>` : ""}
      </p>
    </main>
  `;
}

function Nothing(): unknown {
  return html`
    <section class="nothing">
      <img src="/favicon.svg" alt="" width="64" height="64" />
      <p>Choose somebody, or type a name, to write to them.</p>
      <p class="muted">Messages wait for those who are away.</p>
    </section>
  `;
}
