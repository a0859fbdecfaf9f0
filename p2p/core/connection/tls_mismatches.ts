/**
 * Logs the parties that use TLS on a connection that has none, or require it there, each once. Knows nothing else of
 * them.
 *
 * @module
 */
import type { ProtocolError } from "@netlab/protocol/codec";
import type { Logger } from "../logger.ts";
import type { Connection } from "./connection.ts";

/** How many parties are remembered. Anybody could connect from any number of addresses. */
const MAX_PARTIES = 1_000;

/** The parties whose addresses say something else about TLS than they do. */
export class TlsMismatches {
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  /** Starts with none. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Handles a violation with the code `TlsFailed`. */
  found({ dialled, remoteHost }: Connection, { code }: ProtocolError): void {
    const party = dialled ?? remoteHost;
    if (this.#logged.has(party) || this.#logged.size === MAX_PARTIES) return;
    this.#logged.add(party);
    if (dialled === undefined) {
      this.#logger.warn(
        "a connection from {host} has failed: it uses TLS, and this server does not; leave out tls:// before the address",
        { event: "tls.unexpected", host: remoteHost, code },
      );
    } else {
      this.#logger.warn("cannot link with {address}: it requires TLS; name it as tls://{address}", {
        event: "tls.required",
        address: dialled,
        code,
      });
    }
  }
}
