/**
 * The protocol of basic: what counts as a greeting, and what the server replies. Owns the words. It works
 * on text only, and must not know sockets or clocks.
 *
 * @module
 */

/** What a client says. A line end may follow. */
export const QUESTION = "hello";
/** What a server replies to {@linkcode QUESTION}, with the line end that the client used. */
export const ANSWER = "world";
/** What a server replies to anything else. */
export const REFUSAL = "error: expected hello\n";
/** The longest text that either side reads from the other: bytes. */
export const MAX_TEXT_BYTES = 1024;

/**
 * Returns the reply to the text that a client has sent so far, or `undefined` when the reply depends on
 * text that may still come: `hello` may be complete, or its line end may be on its way.
 *
 * Only the first line counts, because TCP decides how much of the rest arrives together with it.
 */
export function replyTo(received: string): string | undefined {
  for (const lineEnd of ["\n", "\r\n"]) {
    if (received.startsWith(QUESTION + lineEnd)) return ANSWER + lineEnd;
  }
  return `${QUESTION}\r\n`.startsWith(received) ? undefined : REFUSAL;
}

/** Returns the reply to a client that sends nothing after this text. */
export function finalReplyTo(received: string): string {
  return received === QUESTION ? ANSWER : replyTo(received) ?? REFUSAL;
}
