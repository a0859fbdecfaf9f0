/**
 * Opens the connections of one client. Owns whether they use the system's sockets or what the program gives. Must
 * not know what is sent on them.
 *
 * @module
 */
import type { FrameConnection } from "@netlab/protocol/connection";
import type { HostReach } from "@netlab/protocol/codec";

/**
 * Opens a connection to a server, by the address under which the network knows it.
 *
 * @param address The address: `host:port` or `tls://host:port`.
 * @param stop Cancels the attempt.
 * @param namedBy From where the party that has named the address can be reached; `undefined` if that is the person
 *   or program that has started this one.
 * @returns Rejects with a `NetlabError` when the server cannot be reached, and with the reason of `stop` when that
 *   aborts.
 */
export type Dial = (
  address: string,
  stop: AbortSignal,
  namedBy: HostReach | undefined,
) => Promise<FrameConnection>;

/** Opens connections, with sockets unless the program gives another way. */
export class Dialler {
  #loaded: Promise<Dial> | undefined;
  readonly #tlsCa: string | undefined;

  /**
   * Creates a dialler.
   *
   * @param given Opens the connections instead of sockets.
   * @param tlsCa A file with certificates of authorities, which are trusted besides those that Deno trusts.
   */
  constructor(given?: Dial, tlsCa?: string) {
    this.#tlsCa = tlsCa;
    if (given) this.#loaded = Promise.resolve(given);
  }

  /**
   * Reads the file with certificates, if there is one.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when it cannot be used.
   */
  async load(): Promise<void> {
    await (this.#loaded ??= this.#sockets());
  }

  /** Opens a connection, as {@linkcode Dial} does. */
  async dial(
    address: string,
    stop: AbortSignal,
    namedBy?: HostReach,
  ): Promise<FrameConnection> {
    this.#loaded ??= this.#sockets();
    return await (await this.#loaded)(address, stop, namedBy);
  }

  async #sockets(): Promise<Dial> {
    // A browser has no sockets and cannot load them.
    const { dial, TrustFile } = await import("@netlab/protocol");
    const trust = this.#tlsCa === undefined ? undefined : new TrustFile(this.#tlsCa);
    await trust?.load();
    return (address, stop, namedBy) => dial(address, stop, { namedBy, trust });
  }
}
