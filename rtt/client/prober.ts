/**
 * Measures the round-trip time to servers with echoes. Owns the connections for this, which stay open so
 * that no handshake is part of a time, and how long a server has to answer. The caller decides when to
 * measure which server.
 *
 * @module
 */
import {
  Capability,
  dial,
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
  readLoad,
  readNetwork,
  readServers,
  reasonOf,
  Registration,
  shorten,
  type TrustFile,
  writeInformationRequest,
  writeToken,
} from "@netlab/protocol";
import { OwnToken } from "@netlab/p2p/client";
import { EchoTimes, readEcho, writeEcho } from "../core/echo_times.ts";

/**
 * The longest time that {@linkcode Prober.measure} takes: milliseconds, the same as for dialling. A
 * server whose round-trip time is above a quarter of it cannot be measured, because dialling and two
 * questions come before the first echo.
 */
export const MEASURE_TIMEOUT_MS = 5_000;

/** How much a server may send between two answers before it is given up: bytes. */
const MAX_UNREQUESTED_BYTES = 1024 * 1024;
/** What a frame counts in addition to its payload, because even an empty frame takes time: bytes. */
const FRAME_COST_BYTES = 100;
/** An answer that takes longer counts as missed: milliseconds. Its time still counts when it comes. */
const MISS_MS = 1_000;
/** How often a server is asked for the servers that it knows: milliseconds. */
const LIST_EVERY_MS = 60_000;
/** The longest reason from a server that is kept: UTF-16 units. */
const MAX_REASON_LENGTH = 200;

/** The result of measuring one server. */
export interface Measurement {
  /** The round-trip time of each echo: milliseconds. */
  readonly timesMs: readonly number[];
  /** The number of users of the server; `undefined` when it does not report one. */
  readonly load: number | undefined;
}

/** How to measure one server. */
export interface MeasureOptions {
  /** The address of the server, `host:port`. */
  readonly server: string;
  /** How many echoes it gets, one after the other. */
  readonly probes: number;
  /**
   * Called with the network of the server before it is measured; `undefined` when it does not state one. Throws
   * when the server should not be measured.
   */
  readonly admit: (network: string | undefined) => void;
  /** From where the party that has named the server can be reached; `undefined` if the program has named it. */
  readonly namedBy?: HostReach | undefined;
  /**
   * Called with the addresses of the servers that it knows, and from where it can be reached: when the connection is
   * new, and every minute.
   */
  readonly learned: (servers: readonly string[], by: HostReach) => void;
  /**
   * Called when an answer is missing for a second. `heard` says whether the server sent anything else
   * since the last call. Returns whether to give up; otherwise the question is repeated.
   */
  readonly missed: (heard: boolean) => boolean;
}

/** Measures servers, each over one connection that stays open. */
export class Prober implements AsyncDisposable {
  readonly #probes = new Map<string, ServerProbe>();
  readonly #end = new AbortController();
  readonly #token: OwnToken;
  readonly #trust: TrustFile | undefined;

  /**
   * Starts without connections.
   *
   * @param token The token of the user or observer, or none.
   * @param trust The certificate authorities that are trusted besides those that Deno trusts.
   */
  constructor(token: OwnToken = new OwnToken(undefined), trust?: TrustFile) {
    this.#token = token;
    this.#trust = trust;
  }

  /**
   * Asks a server for its load, and sends it echoes. Ends after {@linkcode MEASURE_TIMEOUT_MS} at the
   * latest. The echoes that were answered until then count.
   *
   * @throws {NetlabError} When the server cannot be reached, does not answer, or answers no echoes. The
   *   reason is behind the last colon. Also the errors of `OwnToken.for`, and those with which a server refuses a
   *   token.
   * @throws {Deno.errors.NotCapable} When Deno has no network permission for the address.
   */
  async measure(options: MeasureOptions): Promise<Measurement> {
    const { server, namedBy } = options;
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(cannotMeasure(server, ErrorCode.TimedOut, "no answer in time")),
      MEASURE_TIMEOUT_MS,
    );
    const stop = AbortSignal.any([this.#end.signal, deadline.signal]);
    const timesMs: number[] = [];
    let load: number | undefined;
    try {
      const isNew = !this.#probes.get(server)?.open;
      const probe = isNew ? await this.#dial(server, namedBy, stop) : this.#probes.get(server)!;
      const asking: Asking = { missed: options.missed, stop };
      // The first question also wakes anything on the network path that sleeps, before a time counts.
      const words = await probe.capabilities(asking);
      load = readLoad(words);
      options.admit(readNetwork(words));
      await probe.introduce(this.#token, words, asking);
      if (probe.isListDue) options.learned(await probe.servers(asking), probe.reach);
      if (words.size > 0 && !words.has(Capability.Echo)) {
        throw cannotMeasure(server, ErrorCode.Unsupported, NO_RTT_SERVER);
      }
      while (timesMs.length < options.probes) timesMs.push(await probe.echo(asking));
    } catch (error) {
      const isLate = deadline.signal.aborted;
      if (!isLate || timesMs.length === 0) {
        await this.#drop(server);
        throw isLate ? deadline.signal.reason : error;
      }
    } finally {
      clearTimeout(timer);
    }
    if (this.#probes.get(server)?.ambiguous) await this.#drop(server);
    return { timesMs, load };
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    this.#end.abort(new NetlabError(ErrorCode.Closed, "Cannot go on: the prober was closed"));
    await Promise.all([...this.#probes.values()].map((probe) => probe.close()));
  }

  /** Closes all connections, as {@linkcode Prober.close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #dial(
    server: string,
    namedBy: HostReach | undefined,
    stop: AbortSignal,
  ): Promise<ServerProbe> {
    const trust = this.#trust;
    const probe = new ServerProbe(server, await dial(server, stop, { namedBy, trust }));
    this.#probes.set(server, probe);
    stop.throwIfAborted();
    return probe;
  }

  async #drop(server: string): Promise<void> {
    const probe = this.#probes.get(server);
    this.#probes.delete(server);
    await probe?.close();
  }
}

/** Returns why a server could not be measured, as the end of a sentence. */
export function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "no permission";
  return reasonIn(error instanceof NetlabError ? error.message : reasonOf(error));
}

/** Returns the part of an error message behind its last colon. A long one is shortened, and all is printable. */
export function reasonIn(sentence: string): string {
  const reason = sentence.slice(sentence.lastIndexOf(": ") + 1);
  // The server may have written it, so it must not move the cursor or fill the screen.
  const clean = reason.replace(/\p{C}+/gu, " ").trim();
  return clean === "" ? "it gives no reason" : shorten(clean, MAX_REASON_LENGTH);
}

const NO_RTT_SERVER = "not an rtt server";

function cannotMeasure(server: string, code: number, reason: string): NetlabError {
  return new NetlabError(code, `Cannot measure the time to ${server}: ${reason}`);
}

/** How long to wait for answers while a server is measured. */
interface Asking {
  /** Called after every second without an answer, as in {@linkcode MeasureOptions}. */
  readonly missed: MeasureOptions["missed"];
  /** Gives up when it aborts. */
  readonly stop: AbortSignal;
  /** When an answer to any question was last missed: milliseconds. */
  missedAt?: number;
}

/** The connection to one server, with at most one question on it at a time. */
class ServerProbe {
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
