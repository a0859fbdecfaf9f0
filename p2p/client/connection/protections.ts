/**
 * Requests to protect a name, and who waits for their answers. Knows no connection.
 *
 * @module
 */
import {
  ErrorCode,
  type FrameWriter,
  type NetlabError,
  type ProtectedName,
  writeProtection,
} from "@netlab/protocol/codec";

/** The requests on one connection. */
export class Protections {
  /** Who waits, in the order of the requests. */
  readonly #waiting: { resolve(): void; reject(reason: NetlabError): void }[] = [];

  /** Sends a record. Resolves when the server has taken it, and rejects with its error or that of the connection. */
  async ask(out: FrameWriter, record: ProtectedName): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#waiting.push(answer);
    writeProtection(out, record);
    await answer.promise;
  }

  /** Handles that the server has taken a record. */
  taken(): void {
    this.#waiting.shift()?.resolve();
  }

  /** Handles an error of the server, if it is about a record. */
  refused(error: NetlabError): void {
    const { code } = error;
    const isAboutName = code === ErrorCode.NameProtected || code === ErrorCode.StorageFull;
    if (isAboutName) this.#waiting.shift()?.reject(error);
  }

  /** Handles the end of the connection. */
  end(reason: NetlabError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
