/**
 * The part of the page's address that names the open conversation. Other pages can lead to it.
 *
 * @module
 */
/// <reference lib="dom" />

/** Opens the conversation with a user, or none. */
export function openConversation(peer: string | undefined): void {
  location.hash = peer === undefined ? "" : encodeURIComponent(peer);
}

/** The name of the user whose conversation is open; `undefined` if none is. */
export function openPeer(): string | undefined {
  const { hash } = location;
  try {
    return hash.length > 1 ? decodeURIComponent(hash.slice(1)) : undefined;
  } catch {
    return undefined;
  }
}
