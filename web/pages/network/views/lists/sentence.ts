/**
 * What has happened, in words. Names of users are isolated, so that none of them changes how the rest is read.
 *
 * @module
 */
import { html } from "../../../common/view.ts";
import type { Part } from "../../model/event_list.ts";

/** Shows the parts of a sentence. */
export function Sentence(
  { parts, nameOf }: { parts: readonly Part[]; nameOf: (server: string) => string },
): unknown {
  return parts.map((part) => {
    if (typeof part === "string") return html`<bdi>${part}</bdi>`;
    if ("user" in part) return html`<bdi class="name">${part.user}</bdi>`;
    return html`<span class="server-name">${nameOf(part.server)}</span>`;
  });
}
