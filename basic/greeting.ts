/**
 * The whole protocol of basic: what counts as a greeting, and what is said to it. Pure text; knows no
 * socket and no clock.
 *
 * @module
 */

/** What a client says, with or without the end of its line. */
export const QUESTION = "hello";
/** What a server says to it, with the same end of line. */
export const ANSWER = "world";
/** What a server says to anything else. */
export const REFUSAL = "error: expected hello\n";
/** The longest text that either side takes from the other: bytes. */
export const MAX_TEXT_BYTES = 1024;

/**
 * The reply to what a client has said so far, or `undefined` when more may come that decides it:
 * `hello` may be the whole of it or may have its line end under way. Only the first line counts, for
 * how much comes with it depends on how TCP cuts the stream.
 */
export function replyTo(said: string): string | undefined {
  for (const lineEnd of ["\n", "\r\n"]) {
    if (said.startsWith(QUESTION + lineEnd)) return ANSWER + lineEnd;
  }
  return `${QUESTION}\r\n`.startsWith(said) ? undefined : REFUSAL;
}

/** The reply to a client that says no more than this. */
export function finalReplyTo(said: string): string {
  return said === QUESTION ? ANSWER : replyTo(said) ?? REFUSAL;
}
