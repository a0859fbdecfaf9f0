/**
 * Remembers which network a data folder belongs to, so that a server comes back to its network when it starts
 * again. Owns the file `network` in that folder. The folder must be open: only one server may use it.
 *
 * @module
 */
import { isNetworkId, reasonOf } from "@netlab/protocol";
import type { Logger } from "../core/logger.ts";
import { SECRET_MODE } from "../files/secret_file.ts";

/** The name of the file. */
export const NETWORK = "network";

/** The file with the network of a data folder. */
export class NetworkFile {
  readonly #path: string;
  readonly #logger: Logger;
  #network: string | undefined;

  /** Reads the file in a folder, if there is one. */
  constructor(folder: string, logger: Logger) {
    this.#path = `${folder}/${NETWORK}`;
    this.#logger = logger;
    try {
      const id = Deno.readTextFileSync(this.#path).trim();
      if (isNetworkId(id)) this.#network = id;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#warn("read", error);
    }
  }

  /** The network of the folder; `undefined` when the folder is new, or when the file cannot be read. */
  get network(): string | undefined {
    return this.#network;
  }

  /**
   * Sets the network of the folder. The server also works without the file, so a failure is only logged. It is
   * in a network of its own after the next start, until it is linked with the others again.
   */
  set(network: string): void {
    if (network === this.#network) return;
    this.#network = network;
    try {
      Deno.writeTextFileSync(`${this.#path}.new`, `${network}\n`, { mode: SECRET_MODE });
      Deno.renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#warn("write", error);
    }
  }

  #warn(what: string, error: unknown): void {
    this.#logger.warn("cannot {what} {path}, which says what network this is: {reason}", {
      event: "network.file",
      what,
      path: this.#path,
      reason: reasonOf(error),
    });
  }
}
