/**
 * The headers of every answer. Owns what a page may load and with whom it may connect.
 *
 * @module
 */

/**
 * Returns the headers that keep a page from loading or running anything but the files of its server.
 *
 * @param sockets The origins of other servers of the network to which the page may connect: `ws://host:port`.
 * @param isFrame Whether it is the frame that pages have to learn of further servers.
 */
export function securityHeaders(
  sockets: Iterable<string>,
  isFrame: boolean,
): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...sockets].join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-src 'self'",
    `frame-ancestors ${isFrame ? "'self'" : "'none'"}`,
  ];
  return {
    "content-security-policy": policy.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": isFrame ? "SAMEORIGIN" : "DENY",
  };
}
