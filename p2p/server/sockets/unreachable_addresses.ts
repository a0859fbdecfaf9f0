/**
 * The addresses that a server cannot dial without the help of a person. Logs each once. Dials nothing.
 *
 * @module
 */
import { ErrorCode, NetlabError, withoutTls } from "@netlab/protocol";
import type { Logger } from "../../core/logger.ts";

/** How many addresses are logged. Others could name any number of them. */
const MAX_LOGGED = 1_000;

/** Tells an operator about addresses that need a permission or a certificate. */
export class UnreachableAddresses {
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  /** Knows none yet. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Logs which addresses that nobody has named must not be dialled, in one line: there may be no server at all. */
  check(addresses: readonly string[]): void {
    const denied = addresses.filter((address) => {
      const host = withoutTls(address);
      return Deno.permissions.querySync({ name: "net", host }).state !== "granted";
    });
    if (denied.length === 0) return;
    for (const address of denied) this.#logged.add(address);
    this.#logger.warn(
      "no permission to look for servers on {addresses}: add these to --allow-net, or name other " +
        "servers with --peer",
      { event: "peers.denied", addresses: denied.map(withoutTls).join(", ") },
    );
  }

  /** Logs why an address could not be dialled, if a person can change that. The core goes on trying. */
  failed(address: string, error: unknown): void {
    const isDenied = error instanceof Deno.errors.NotCapable;
    const needsTls = error instanceof NetlabError && error.code === ErrorCode.TlsFailed;
    if (!isDenied && !needsTls) return;
    if (this.#logged.has(address) || this.#logged.size === MAX_LOGGED) return;
    this.#logged.add(address);
    if (needsTls) {
      const { message: reason, code } = error;
      this.#logger.warn("{reason}", { event: "link.tls", address, reason, code });
    } else {
      this.#logger.warn(
        "no permission to connect to {address}: messages to that server can only go through others; " +
          'add --allow-net={host} after "deno run"',
        { event: "link.denied", address, host: withoutTls(address) },
      );
    }
  }
}
