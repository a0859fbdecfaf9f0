/**
 * Why a server could not be measured, as errors and as the end of a sentence. Must not know connections.
 *
 * @module
 */
import { NetlabError, reasonOf, shorten } from "@netlab/protocol";

/** The longest reason from a server that is kept: UTF-16 units. */
const MAX_REASON_LENGTH = 200;

/** The reason when a server answers no echoes. */
export const NO_RTT_SERVER = "not an rtt server";

/** Returns the error of a measurement that failed. */
export function cannotMeasure(server: string, code: number, reason: string): NetlabError {
  return new NetlabError(code, `Cannot measure the time to ${server}: ${reason}`);
}

/** Returns why a server could not be measured, as the end of a sentence. */
export function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "no permission";
  return reasonIn(error instanceof NetlabError ? error.message : reasonOf(error));
}

/** Returns the part of an error message behind its last colon. A long one is shortened, and all is printable. */
export function reasonIn(sentence: string): string {
  const reason = sentence.slice(sentence.lastIndexOf(": ") + 1);
  // The server may have written it, so it must not move the cursor or fill the screen.
  const clean = reason.replace(/\p{C}+/gu, " ").trim();
  return clean === "" ? "it gives no reason" : shorten(clean, MAX_REASON_LENGTH);
}
