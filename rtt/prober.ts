/**
 * Echoes to servers, over connections that stay open so that no handshake is in the figure. Owns those
 * connections and the times of the echoes; who is asked when, and what follows, is for others to say.
 *
 * @module
 */
import {
  Capability,
  ErrorCode,
  type Frame,
  type FrameConnection,
  FrameType,
  Information,
  NetlabError,
  readCapabilities,
  readError,
  readLoad,
  readServers,
  writeInformationRequest,
} from "@netlab/protocol";
import { dial, reasonOf } from "@netlab/p2p/dial";

/** An answer that takes longer is a miss, for now; it still counts when it comes. Milliseconds. */
const PROBE_MS = 1_000;

/** What a server answered. */
export interface ProbeAnswer {
  /** What each echo took: milliseconds. */
  readonly times: readonly number[];
  /** How many users the server has; `undefined` when it does not say. */
  readonly load: number | undefined;
  /** The servers that it knows, when the connection is new. */
  readonly knows: readonly string[];
}

/** How a server is asked. */
export interface ProbeOptions {
  /** The address, `host:port`. */
  readonly server: string;
  /** How many echoes it gets, one after the other. */
  readonly probes: number;
  /**
   * Hears that there was no answer for a second, and whether anything else came meanwhile; returns
   * whether to give up. Else it is asked again.
   */
  readonly missed: (heard: boolean) => boolean;
}

/** Asks servers, each over one connection that stays open. */
export class Prober implements AsyncDisposable {
  readonly #probes = new Map<string, ServerProbe>();
  readonly #end = new AbortController();

  /**
   * Asks a server for its load, and sends it echoes.
   *
   * @throws {NetlabError} When it cannot be reached, does not answer, or answers no echoes; with the
   *   reason behind the last colon.
   */
  async ask({ server, probes, missed }: ProbeOptions): Promise<ProbeAnswer> {
    try {
      let probe = this.#probes.get(server);
      let knows: readonly string[] = [];
      const isNew = !probe?.open;
      if (!probe?.open) {
        probe = new ServerProbe(server, await dial(server, this.#end.signal));
        this.#probes.set(server, probe);
        if (this.#end.signal.aborted) throw this.#end.signal.reason;
      }
      // Also wakes what sleeps on the way, before the time counts.
      const words = await probe.capabilities(missed);
      if (isNew) knows = await probe.servers(missed);
      if (words.size > 0 && !words.has(Capability.Echo)) {
        throw probe.error(ErrorCode.Unsupported, "it is no rtt server");
      }
      const times: number[] = [];
      while (times.length < probes) times.push(await probe.echo(missed));
      return { times, load: readLoad(words), knows };
    } catch (error) {
      await this.#probes.get(server)?.close();
      this.#probes.delete(server);
      throw error;
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    this.#end.abort(new NetlabError(ErrorCode.Closed, "Cannot go on: the prober was closed"));
    await Promise.all([...this.#probes.values()].map((probe) => probe.close()));
  }

  /** The same as {@linkcode Prober.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Why a server could not be asked, as the end of a sentence. */
export function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "no permission";
  return error instanceof NetlabError ? lastPart(error.message) : reasonOf(error);
}

/** The part of a sentence behind its last colon and space: why, without what. */
export function lastPart(sentence: string): string {
  return sentence.slice(sentence.lastIndexOf(": ") + 1).trim();
}

/** One connection, with one question on it at a time. */
class ServerProbe {
  readonly #server: string;
  readonly #connection: FrameConnection;
  readonly #running: Promise<void>;
  #waiting: { take(frame: Frame, now: number): void; fail(error: NetlabError): void } | undefined;
  /** When the echoes that were not answered were sent, by their numbers. */
  readonly #sentAt = new Map<number, number>();
  #number = 0;
  #heardAt = 0;
  #ended: NetlabError | undefined;

  constructor(server: string, connection: FrameConnection) {
    this.#server = server;
    this.#connection = connection;
    this.#running = connection.run({ frame: (frame) => this.#received(frame) })
      .catch((error) => error).then((error) => {
        const reason = error === undefined ? "it hung up" : whyNot(error);
        this.#ended = this.error(ErrorCode.ConnectionLost, reason);
        this.#waiting?.fail(this.#ended);
      });
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** What the server can do, in words; none for a legacy server. */
  capabilities(missed: ProbeOptions["missed"]): Promise<Set<string>> {
    return this.#askFor(Information.Capabilities, readCapabilities, missed);
  }

  /** The servers that this one knows of. */
  servers(missed: ProbeOptions["missed"]): Promise<string[]> {
    return this.#askFor(Information.Servers, readServers, missed);
  }

  /** Milliseconds from writing an echo to reading it. */
  echo(missed: ProbeOptions["missed"]): Promise<number> {
    const write = () => {
      this.#sentAt.set(++this.#number, performance.now());
      const { out } = this.#connection;
      out.begin(FrameType.Echo, 0);
      out.text(String(this.#number));
      out.end();
    };
    return this.#ask(write, missed, (frame, now) => {
      if (frame.type !== FrameType.Echo) return undefined;
      // One that comes late is timed from its own start.
      const number = Number(new TextDecoder().decode(frame.payload));
      const sentAt = this.#sentAt.get(number);
      this.#sentAt.delete(number);
      return sentAt === undefined ? undefined : now - sentAt;
    });
  }

  async close(): Promise<void> {
    this.#connection.abort();
    await this.#running;
  }

  error(code: number, reason: string): NetlabError {
    return new NetlabError(code, `Cannot measure the time to ${this.#server}: ${reason}`);
  }

  #askFor<T>(
    what: number,
    read: (payload: Uint8Array) => T,
    missed: ProbeOptions["missed"],
  ): Promise<T> {
    const write = () => writeInformationRequest(this.#connection.out, what);
    return this.#ask(write, missed, (frame) => {
      const isAnswer = frame.type === FrameType.InformationResponse && frame.subtype === what;
      return isAnswer ? read(frame.payload) : undefined;
    });
  }

  /** Asks until a frame is the answer, or whoever counts the misses gives up. */
  async #ask<T>(
    write: () => void,
    missed: ProbeOptions["missed"],
    read: (frame: Frame, now: number) => T | undefined,
  ): Promise<T> {
    if (this.#ended) throw this.#ended;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting = {
      take(frame, now) {
        const answer = read(frame, now);
        if (answer !== undefined) resolve(answer);
      },
      fail: reject,
    };
    let askedAt = performance.now();
    const timer = setInterval(() => {
      if (missed(this.#heardAt >= askedAt)) {
        return reject(this.error(ErrorCode.TimedOut, "no answer in time"));
      }
      askedAt = performance.now();
      write();
    }, PROBE_MS);
    try {
      write();
      return await promise;
    } finally {
      clearInterval(timer);
      this.#waiting = undefined;
    }
  }

  #received(frame: Frame): void {
    this.#heardAt = performance.now();
    if (frame.type !== FrameType.Error) return this.#waiting?.take(frame, this.#heardAt);
    const error = readError(frame);
    if (error.code !== ErrorCode.UnknownType) return this.#waiting?.fail(error);
    this.#waiting?.fail(this.error(ErrorCode.Unsupported, "it is no rtt server"));
  }
}
