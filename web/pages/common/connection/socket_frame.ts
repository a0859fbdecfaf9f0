/**
 * Opens WebSockets to servers that were not known when the page was loaded. The policy of the page names those that
 * were; a frame of the same server that is loaded later has a newer policy. Does not know what is sent on them.
 *
 * @module
 */
/// <reference lib="dom" />

/** The document of the frame. It is empty. */
const ADDRESS = "/source/web/pages/common/connection/frame.html";

/** The class of WebSockets. */
export type SocketClass = typeof WebSocket;

/**
 * Loads a frame that nobody sees.
 *
 * @returns The class of its WebSockets. They end when the page does.
 * @throws {TypeError} When it cannot be loaded.
 */
export async function loadSocketFrame(): Promise<SocketClass> {
  const frame = document.createElement("iframe");
  frame.title = "Connections";
  frame.hidden = true;
  frame.src = `${ADDRESS}?${Date.now()}`;
  const { promise, resolve, reject } = Promise.withResolvers<Event>();
  frame.onload = resolve;
  frame.onerror = reject;
  document.body.append(frame);
  await promise;
  const inside = frame.contentWindow as (Window & { WebSocket: SocketClass }) | null;
  try {
    // Another document than ours is there if the server did not answer.
    if (inside?.location.pathname === ADDRESS) return inside.WebSocket;
  } catch {
    // The browser shows a document of its own.
  }
  frame.remove();
  throw new TypeError("Cannot load the frame");
}
