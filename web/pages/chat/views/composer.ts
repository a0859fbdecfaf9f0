/**
 * The field for the next message. Enter sends it; with Shift, or on a phone, Enter begins another line.
 *
 * @module
 */
/// <reference lib="dom" />
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { MAX_PAYLOAD_BYTES } from "@netlab/protocol/codec";
import { Icon } from "../../common/icons.ts";
import { html } from "../../common/view.ts";
import type { Chat } from "../model/chat.ts";
import type { Conversation } from "../model/message.ts";

/** A text that needs more bytes than this may be too long, with the names and the id beside it. */
const NEARLY_FULL_BYTES = MAX_PAYLOAD_BYTES - 1_024;

/** A shorter text certainly fits, so its bytes need not be counted: characters. */
const SHORT = 20_000;
const encoder = new TextEncoder();

/** What a {@linkcode Composer} needs. */
export interface ComposerProps {
  /** The user who writes. */
  readonly chat: Chat;
  /** The conversation to which the message belongs. */
  readonly conversation: Conversation;
}

/** Shows the field. */
export function Composer({ chat, conversation }: ComposerProps): unknown {
  const field = useRef<HTMLTextAreaElement>(null);
  const { peer, draft } = conversation;
  const fit = () => {
    const { style } = field.current!;
    style.height = "auto";
    style.height = `${field.current!.scrollHeight}px`;
  };
  useEffect(() => field.current?.focus(), []);
  useLayoutEffect(fit, [draft]);
  const type = (text: string) => {
    conversation.draft = text;
    chat.conversations.tell();
  };
  const bytes = draft.length < SHORT ? draft.length : encoder.encode(draft).length;
  const isTooLong = bytes > NEARLY_FULL_BYTES;
  const send = () => {
    if (draft.trim() === "" || isTooLong) return;
    type("");
    void chat.send(peer, draft);
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isWriting = event.isComposing || event.shiftKey;
    if (event.key !== "Enter" || isWriting || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    send();
  };
  return html`
    <form
      class="composer"
      onSubmit=${(event: SubmitEvent) => {
        event.preventDefault();
        send();
      }}
    >
      ${isTooLong
        ? html`<p class="error" role="status">
          The text has ${bytes.toLocaleString()} bytes; one message takes ${NEARLY_FULL_BYTES.toLocaleString()}.
        </p>`
        : null}
      <textarea
        ref=${field}
        rows="1"
        dir="auto"
        placeholder="Write a message"
        aria-label=${`Message to ${peer}`}
        value=${draft}
        onInput=${(event: InputEvent) => type((event.target as HTMLTextAreaElement).value)}
        onKeyDown=${onKeyDown}
      ></textarea>
      <button class="button send" aria-label="Send" title="Send (Enter)" disabled=${draft.trim() ===
          "" || isTooLong}>
        <${Icon} name="send" />
      </button>
    </form>
  `;
}
