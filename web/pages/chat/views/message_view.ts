/**
 * One message. Its text comes from others: it is shown as text, whatever it contains.
 *
 * @module
 */
import { Icon } from "../../common/icons.ts";
import { html } from "../../common/view.ts";
import type { ChatMessage } from "../model/message.ts";
import { clockTime } from "./times.ts";

const WORDS = {
  waiting: "waits for a server",
  accepted: "stored by the network",
  delivered: "delivered",
  failed: "failed",
  received: "",
} as const;

/** A text with more characters or lines gets a box of its own that scrolls. */
const LONG = { characters: 2_000, lines: 30 } as const;

/** What a {@linkcode MessageView} shows. */
export interface MessageProps {
  readonly message: ChatMessage;
  onRetry(): void;
}

/** Shows a message. */
export function MessageView({ message, onRetry }: MessageProps): unknown {
  const { text, at, state, remark, peer } = message;
  const isOwn = state !== "received";
  const isLong = text.length > LONG.characters ||
    text.split("\n", LONG.lines + 1).length > LONG.lines;
  return html`
    <article class="message" data-own=${isOwn} data-state=${state}>
      <div class="bubble">
        <span class="hidden">${isOwn ? "You" : peer}: </span>
        <div
          class="text"
          dir="auto"
          data-long=${isLong}
          tabindex=${isLong ? 0 : undefined}
          role=${isLong ? "group" : undefined}
          aria-label=${isLong ? "Long text" : undefined}
        >${text}</div>
        <p class="meta">
          <time datetime=${new Date(at).toISOString()}>${clockTime(at)}</time>
          ${isOwn
            ? html`<span class="tick" title=${WORDS[state]}>
            <${Icon} name=${state} size=${16} /><span class="hidden">${WORDS[state]}</span>
          </span>`
            : null}
        </p>
      </div>
      ${remark ? html`<p class="remark">${remark}.</p>` : null}
      ${state === "failed"
        ? html`<button type="button" class="button plain" onClick=${onRetry}>
          <${Icon} name="retry" size=${16} /> Try again
        </button>`
        : null}
    </article>
  `;
}
