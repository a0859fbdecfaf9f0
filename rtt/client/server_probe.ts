/**
 * The connection over which one server is measured: asks it questions, sends echoes, and matches the answers. Owns
 * how often a question is repeated, and how much a server may send that was not requested. Must not know which
 * server is measured when.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  type FrameConnection,
  FrameType,
  hostOf,
  type HostReach,
  Information,
  NetlabError,
  reachOf,
  readCapabilities,
  readError,
  readServers,
  Registration,
  writeInformationRequest,
  writeToken,
} from "@netlab/protocol";
import type { OwnToken } from "@netlab/p2p/client";
import { EchoTimes, readEcho, writeEcho } from "../core/echo_times.ts";
import { cannotMeasure, NO_RTT_SERVER, whyNot } from "./reasons.ts";

/** How much a server may send between two answers before it is given up: bytes. */
const MAX_UNREQUESTED_BYTES = 1024 * 1024;
/** What a frame counts in addition to its payload, because even an empty frame takes time: bytes. */
const FRAME_COST_BYTES = 100;
/** An answer that takes longer counts as missed: milliseconds. Its time still counts when it comes. */
const MISS_MS = 1_000;
/** How often a server is asked for the servers that it knows: milliseconds. */
const LIST_EVERY_MS = 60_000;

/** How long to wait for answers while a server is measured. */
export interface Asking {
  /** Called after every second without an answer, as in `MeasureOptions`. */
  readonly missed: (heard: boolean) => boolean;
  /** Gives up when it aborts. */
  readonly stop: AbortSignal;
  /** When an answer to any question was last missed: milliseconds. */
  missedAt?: number;
}

/** The connection to one server, with at most one question on it at a time. */
export class ServerProbe {
  readonly #server: string;
  readonly #connection: FrameConnection;
  readonly #running: Promise<void>;
  /** The question that waits for an answer. It gets every frame, with the time in case of an echo. */
  #waiting:
    | { take(frame: Frame, echoMs: number | undefined): void; fail(error: unknown): void }
    | undefined;
  readonly #echoes = new EchoTimes();
  /** When the last frame came: milliseconds. */
  #heardAt = 0;
  /** When it was last asked for the servers that it knows: milliseconds. */
  #listedAt = -Infinity;
  /** How much came since the last answer: bytes. */
  #unrequestedBytes = 0;
  #ended: NetlabError | undefined;
  /** Whether the server has got the token, or needs none. */
  #isIntroduced = false;

  /** Reads from the connection until it ends. */
  constructor(server: string, connection: FrameConnection) {
    this.#server = server;
    this.#connection = connection;
    this.#running = connection.run({ frame: (frame) => this.#received(frame) })
      .catch((error) => error).then((error) => {
        const reason = error === undefined ? "it hung up" : whyNot(error);
        const isTls = error instanceof NetlabError && error.code === ErrorCode.TlsFailed;
        const code = isTls ? ErrorCode.TlsFailed : ErrorCode.ConnectionLost;
        this.#ended = cannotMeasure(server, code, reason);
        this.#waiting?.fail(this.#ended);
      });
  }

  /** Whether the connection is open. */
  get open(): boolean {
    return this.#ended === undefined;
  }

  /** From where the server can be reached. */
  get reach(): HostReach {
    return reachOf(this.#connection.ip ?? hostOf(this.#server));
  }

  /** Whether a late answer to an echo could be taken for the answer to the next echo. */
  get ambiguous(): boolean {
    return this.#echoes.ambiguous;
  }

  /** Asks for the capabilities of the server. A legacy server has none. */
  capabilities(asking: Asking): Promise<Set<string>> {
    return this.#askFor(Information.Capabilities, readCapabilities, asking);
  }

  /** Sends the client's token, once, if the server's network has keys. */
  async introduce(own: OwnToken, words: ReadonlySet<string>, asking: Asking): Promise<void> {
    if (this.#isIntroduced) return;
    const token = await own.for(this.#server, this.#connection, words);
    this.#isIntroduced = true;
    if (token === undefined) return;
    let isSent = false;
    const write = () => {
      if (!isSent) writeToken(this.#connection.out, token);
      isSent = true;
    };
    await this.#ask(write, asking, ({ type, subtype }) => {
      return type === FrameType.Registration && subtype === Registration.Token ? true : undefined;
    });
  }

  /** Whether it is time to ask for the servers that this one knows. */
  get isListDue(): boolean {
    return performance.now() - this.#listedAt >= LIST_EVERY_MS;
  }

  /** Asks for the addresses of the servers that this one knows. */
  servers(asking: Asking): Promise<string[]> {
    this.#listedAt = performance.now();
    return this.#askFor(Information.Servers, readServers, asking);
  }

  /** Sends an echo, and returns its round-trip time in milliseconds. */
  echo(asking: Asking): Promise<number> {
    const write = () => {
      // The number is random, so that no server can answer an echo before it has arrived.
      const number = crypto.getRandomValues(new Uint32Array(1))[0]!;
      this.#echoes.sent(number, performance.now());
      writeEcho(this.#connection.out, number);
    };
    return this.#ask(write, asking, (_, echoMs) => echoMs);
  }

  /** Closes the connection. */
  async close(): Promise<void> {
    this.#connection.abort();
    await this.#running;
  }

  #askFor<T>(
    what: number,
    read: (payload: Uint8Array) => T,
    asking: Asking,
  ): Promise<T> {
    const write = () => writeInformationRequest(this.#connection.out, what);
    return this.#ask(write, asking, (frame) => {
      const isAnswer = frame.type === FrameType.InformationResponse && frame.subtype === what;
      return isAnswer ? read(frame.payload) : undefined;
    });
  }

  /**
   * Asks a question, and repeats it after each miss.
   *
   * @param write Writes the question.
   * @param read Returns the answer in a frame, or `undefined` when the frame is no answer.
   */
  async #ask<T>(
    write: () => void,
    asking: Asking,
    read: (frame: Frame, echoMs: number | undefined) => T | undefined,
  ): Promise<T> {
    const { missed, stop } = asking;
    if (this.#ended) throw this.#ended;
    stop.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting = {
      take: (frame, echoMs) => {
        const answer = read(frame, echoMs);
        if (answer === undefined) return;
        this.#unrequestedBytes = 0;
        resolve(answer);
      },
      fail: reject,
    };
    const onStop = () => reject(stop.reason);
    stop.addEventListener("abort", onStop);
    let askedAt = performance.now();
    const timer = setInterval(() => {
      // An answer to an earlier question is a sign of life, too, if it came after the last miss.
      const heard = this.#heardAt >= Math.min(askedAt, asking.missedAt ?? Infinity);
      asking.missedAt = performance.now();
      if (missed(heard)) {
        return reject(cannotMeasure(this.#server, ErrorCode.TimedOut, "no answer in time"));
      }
      askedAt = performance.now();
      write();
    }, MISS_MS);
    try {
      write();
      return await promise;
    } finally {
      clearInterval(timer);
      stop.removeEventListener("abort", onStop);
      this.#waiting = undefined;
    }
  }

  #received(frame: Frame): void {
    this.#heardAt = performance.now();
    this.#unrequestedBytes += FRAME_COST_BYTES + frame.end - frame.start;
    if (this.#unrequestedBytes > MAX_UNREQUESTED_BYTES) {
      // A server that floods this client would spoil the times of the others.
      return this.#connection.abort(
        cannotMeasure(this.#server, ErrorCode.Unsupported, "it sends data that was not requested"),
      );
    }
    switch (frame.type) {
      case FrameType.Echo:
        return this.#waiting?.take(frame, this.#echoed(frame));
      case FrameType.Error: {
        const error = readError(frame);
        if (error.code !== ErrorCode.UnknownType) return this.#waiting?.fail(error);
        return this.#waiting?.fail(
          cannotMeasure(this.#server, ErrorCode.Unsupported, NO_RTT_SERVER),
        );
      }
      default:
        this.#waiting?.take(frame, undefined);
    }
  }

  /**
   * Returns the round-trip time of the echo that a frame answers, in milliseconds: from the sending of that
   * echo, even when later ones were sent; `undefined` when the frame answers none.
   */
  #echoed(frame: Frame): number | undefined {
    const number = readEcho(frame.payload);
    const ms = this.#echoes.answered(number, this.#heardAt);
    if (ms === undefined && number === undefined) {
      // With more answers than echoes, none of them can be matched.
      throw cannotMeasure(
        this.#server,
        ErrorCode.Unsupported,
        "it answers echoes that were not sent",
      );
    }
    return ms;
  }
}
