/**
 * The options of a server program for its web pages. Loads the pages only when they are served.
 *
 * @module
 */
import {
  type Address,
  formatAddress,
  isEveryAddress,
  isLoopbackHost,
} from "@netlab/protocol/address";
import { type Options, UsageError } from "@netlab/terminal";
import type { WebHost, WebServer } from "@netlab/web";

/** The options, by name. */
export const webOptions = {
  web: {
    kind: "address",
    value: "[HOST:]PORT",
    help:
      "Serve web pages on this address: the network at /, a chat at /chat, metrics at /metrics. " +
      "The host is 127.0.0.1 unless it is given. Default: none.",
  },
  "web-origin": {
    kind: "string",
    value: "URL",
    help:
      "Where browsers reach the web pages if a proxy is between: https://HOST or http://HOST, with or " +
      "without a port.",
  },
} as const satisfies Options;

/** What was given for {@linkcode webOptions}, and the options of the server that hold for the pages, too. */
export interface WebOptionValues {
  readonly web: Address | undefined;
  readonly "web-origin": string | undefined;
  readonly "tls-cert": string | undefined;
  readonly "tls-key": string | undefined;
  readonly keys: string | undefined;
  readonly open: boolean;
}

/**
 * Checks the options before the server starts.
 *
 * @throws {UsageError} When one is wrong.
 */
export function checkWebOptions(
  { web, "web-origin": origin, keys, open }: WebOptionValues,
): void {
  if (web?.tls) {
    throw new UsageError(
      `Option --web: leave out tls:// in ${
        formatAddress(web)
      }; the pages use TLS if the server does (--tls-cert)`,
    );
  }
  if (origin !== undefined && !web) throw new UsageError("Option --web-origin requires --web");
  const isLocal = !web || (isLoopbackHost(web.hostname) && !isEveryAddress(web.hostname));
  if (isLocal || keys !== undefined || open) return;
  throw new UsageError(
    `Option --web: anyone who reaches ${
      formatAddress(web)
    } could register; add --keys and --token-file, ` +
      "or permit it with --open",
  );
}

/**
 * Serves the web pages of a server, if they are wanted.
 *
 * @throws {TypeError} When an option is wrong.
 * @throws {Error} When it cannot listen there.
 */
export async function serveWeb(
  server: WebHost,
  { web, "web-origin": origin, ...rest }: WebOptionValues,
): Promise<WebServer | undefined> {
  if (!web) return undefined;
  const { "tls-cert": cert, "tls-key": key, keys, open } = rest;
  const { WebServer } = await import("@netlab/web");
  return await WebServer.listen(server, {
    hostname: web.hostname,
    port: web.port,
    ...origin !== undefined && { origin },
    ...cert !== undefined && { tlsCert: cert },
    ...key !== undefined && { tlsKey: key },
    mayBeRemote: open || keys !== undefined,
  });
}
