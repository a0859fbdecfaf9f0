/**
 * Shows who has signed in, and whether a server is there.
 *
 * @module
 */
import type { ClientStatus } from "@netlab/p2p/client";
import { html, useModel } from "../../common/view.ts";
import type { Chat } from "../model/chat.ts";

/** Shows the state of the connection, and reads changes to who cannot see it. */
export function ConnectionStatus({ chat }: { chat: Chat }): unknown {
  useModel(chat);
  const { status } = chat;
  return html`
    <p class="connection" data-state=${status.state}>
      <span class="dot" aria-hidden="true"></span>
      <strong><bdi>${chat.name}</bdi></strong>
      <span role="status" class="muted">${wordsFor(status)}</span>
    </p>
  `;
}

function wordsFor(status: ClientStatus): string {
  switch (status.state) {
    case "connected":
      return `at ${status.server}`;
    case "waiting":
      return `waits for ${status.server}`;
    case "reconnecting":
      return "looks for another server…";
    case "closed":
      return "signed out";
  }
}
