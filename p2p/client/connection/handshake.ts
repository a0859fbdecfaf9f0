/**
 * The requests with which a connection to a server begins, and their answers. Owns how long a server may take to
 * answer. Must not know what the answers lead to.
 *
 * @module
 */
import {
  Ability,
  ErrorCode,
  type Frame,
  FrameType,
  type FrameWriter,
  Information,
  NetlabError,
  readCapabilities,
  readServers,
  readSessionWelcome,
  writeInformationRequest,
  writeSessionRegistration,
  writeToken,
} from "@netlab/protocol/codec";

/** How long a server may take to answer each step of the registration: milliseconds. */
const ANSWER_MS = 5_000;

/**
 * Asks one server. Each step throws a {@linkcode NetlabError} of {@linkcode ErrorCode.TimedOut} when the server does
 * not answer, and the error that was passed to {@linkcode Handshake.failed}.
 */
export class Handshake {
  readonly #address: string;
  readonly #out: FrameWriter;
  #expected = Promise.withResolvers<Frame>();

  /** Creates the handshake with the server at `address`. `out` writes frames to it. */
  constructor(address: string, out: FrameWriter) {
    this.#address = address;
    this.#out = out;
  }

  /** Asks what the server can do. A legacy server can do nothing that has a name. */
  async capabilities(): Promise<ReadonlySet<string>> {
    writeInformationRequest(this.#out, Information.Capabilities);
    const { type, payload } = await this.#answer();
    return type === FrameType.InformationResponse ? readCapabilities(payload) : new Set();
  }

  /**
   * Asks which servers a legacy server knows. After the registration only text arrives.
   *
   * @returns Their addresses; `undefined` if it does not answer. It may still accept users.
   */
  async legacyServers(): Promise<string[] | undefined> {
    this.#expected = Promise.withResolvers();
    writeInformationRequest(this.#out, Information.Servers);
    try {
      return readServers((await this.#answer()).payload);
    } catch (error) {
      if (!(error instanceof NetlabError && error.code === ErrorCode.TimedOut)) throw error;
    }
  }

  /** Sends the client's token. */
  async introduce(token: string): Promise<void> {
    this.#expected = Promise.withResolvers();
    writeToken(this.#out, token);
    await this.#answer();
  }

  /** Registers a user at a netlab server. */
  async register(
    user: { name: string; session: string; signature?: Uint8Array },
  ): Promise<void> {
    this.#expected = Promise.withResolvers();
    writeSessionRegistration(this.#out, {
      ...user,
      abilities: Ability.Batches | Ability.Heartbeats,
    });
    readSessionWelcome((await this.#answer()).payload);
  }

  /** Handles a frame that answers the last request. */
  answered(frame: Frame): void {
    this.#expected.resolve(frame.copy());
  }

  /** Handles that the server refuses the last request, or that the connection has ended. */
  failed(error: NetlabError): void {
    // There may be no pending request.
    this.#expected.promise.catch(() => {});
    this.#expected.reject(error);
  }

  async #answer(): Promise<Frame> {
    const timer = setTimeout(() =>
      this.#expected.reject(
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot register at ${this.#address}: it does not answer`,
        ),
      ), ANSWER_MS);
    try {
      return await this.#expected.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
