/**
 * Echoes to servers, over connections that stay open so that no handshake is in the figure. Owns those
 * connections and how long a server has to answer; who is asked when, and what follows, is for others to
 * say.
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
  Information,
  isAddress,
  NetlabError,
  readCapabilities,
  readError,
  readLoad,
  readUncheckedItems,
  reasonOf,
  writeInformationRequest,
} from "@netlab/protocol";
import { EchoTimes, readEcho, writeEcho } from "../core/echo_times.ts";

/**
 * How long {@linkcode Prober.ask} takes at most: milliseconds. As long as dialling may take; a server whose
 * round-trip time is above a quarter of it cannot be measured, for it is dialled and asked two questions
 * before the first echo.
 */
export const ASK_MS = 5_000;

/** A server that sends so much without an answer in it is given up: bytes. */
const MAX_UNASKED_BYTES = 1024 * 1024;
/** What a frame counts beside its payload, for even an empty one costs time: bytes. */
const FRAME_COST_BYTES = 100;
/** An answer that takes longer is a miss, for now; it still counts when it comes. Milliseconds. */
const PROBE_MS = 1_000;
/** What a server says of why it cannot be measured is cut off here: UTF-16 units. */
const MAX_REASON = 200;

/** What a server answered. */
export interface ProbeAnswer {
  /** What each echo took: milliseconds. */
  readonly times: readonly number[];
  /** How many users the server has; `undefined` when it does not say. */
  readonly load: number | undefined;
}

/** How a server is asked. */
export interface ProbeOptions {
  /** The address, `host:port`. */
  readonly server: string;
  /** How many echoes it gets, one after the other. */
  readonly probes: number;
  /** Hears of the servers that this one knows, `host:port` each; only when the connection is new. */
  readonly learned: (servers: readonly string[]) => void;
  /**
   * Hears that there was no answer for a second, and whether anything else came meanwhile, or since the
   * last miss; returns whether to give up. Else it is asked again.
   */
  readonly missed: (heard: boolean) => boolean;
}

/** Asks servers, each over one connection that stays open. */
export class Prober implements AsyncDisposable {
  readonly #probes = new Map<string, ServerProbe>();
  readonly #end = new AbortController();

  /**
   * Asks a server for its load, and sends it echoes. Ends after five seconds ({@linkcode ASK_MS}) whatever
   * the server does: the echoes that were answered until then count.
   *
   * @throws {NetlabError} When it cannot be reached, does not answer, or answers no echoes; with the
   *   reason behind the last colon.
   * @throws {Deno.errors.NotCapable} When the program may not use that address.
   */
  async ask(options: ProbeOptions): Promise<ProbeAnswer> {
    const { server } = options;
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(cannotMeasure(server, ErrorCode.TimedOut, "no answer in time")),
      ASK_MS,
    );
    const stop = AbortSignal.any([this.#end.signal, deadline.signal]);
    const times: number[] = [];
    let load: number | undefined;
    try {
      const isNew = !this.#probes.get(server)?.open;
      const probe = isNew ? await this.#dial(server, stop) : this.#probes.get(server)!;
      const asking: Asking = { missed: options.missed, stop };
      // Also wakes what sleeps on the way, before the time counts.
      const words = await probe.capabilities(asking);
      load = readLoad(words);
      if (isNew) options.learned(await probe.servers(asking));
      if (words.size > 0 && !words.has(Capability.Echo)) {
        throw cannotMeasure(server, ErrorCode.Unsupported, NO_RTT_SERVER);
      }
      while (times.length < options.probes) times.push(await probe.echo(asking));
    } catch (error) {
      const isLate = deadline.signal.aborted;
      if (!isLate || times.length === 0) {
        await this.#drop(server);
        throw isLate ? deadline.signal.reason : error;
      }
    } finally {
      clearTimeout(timer);
    }
    if (this.#probes.get(server)?.ambiguous) await this.#drop(server);
    return { times, load };
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

  async #dial(server: string, stop: AbortSignal): Promise<ServerProbe> {
    const probe = new ServerProbe(server, await dial(server, stop));
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

/** Why a server could not be asked, as the end of a sentence. */
export function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "no permission";
  return reasonIn(error instanceof NetlabError ? error.message : reasonOf(error));
}

/** The part of a sentence behind its last colon and space: why, without what; at most 200 characters. */
export function reasonIn(sentence: string): string {
  const reason = sentence.slice(sentence.lastIndexOf(": ") + 1);
  // It may be the server's own words: nothing in them is to move the cursor or to fill the screen.
  const clean = reason.replace(/\p{C}+/gu, " ").trim().slice(0, MAX_REASON);
  return clean === "" ? "it gives no reason" : clean;
}

const NO_RTT_SERVER = "not an rtt server";

/** The addresses in a list of servers; whatever else is in it is no reason not to measure who sent it. */
function readAddresses(payload: Uint8Array): string[] {
  return readUncheckedItems(payload).filter(isAddress);
}

function cannotMeasure(server: string, code: number, reason: string): NetlabError {
  return new NetlabError(code, `Cannot measure the time to ${server}: ${reason}`);
}

/** How long an answer is waited for. */
interface Asking {
  /** Says after every second without an answer whether to give up. */
  readonly missed: ProbeOptions["missed"];
  /** Gives up when it aborts. */
  readonly stop: AbortSignal;
  /** When an answer was missed last, to whichever question. */
  missedAt?: number;
}

/** One connection, with one question on it at a time. */
class ServerProbe {
  readonly #server: string;
  readonly #connection: FrameConnection;
  readonly #running: Promise<void>;
  /** Who waits for an answer: gets every frame, with the time that it took when it answers an echo. */
  #waiting:
    | { take(frame: Frame, echoMs: number | undefined): void; fail(error: unknown): void }
    | undefined;
  readonly #echoes = new EchoTimes();
  #heardAt = 0;
  /** How much came since the last answer: bytes. */
  #unaskedBytes = 0;
  #ended: NetlabError | undefined;

  constructor(server: string, connection: FrameConnection) {
    this.#server = server;
    this.#connection = connection;
    this.#running = connection.run({ frame: (frame) => this.#received(frame) })
      .catch((error) => error).then((error) => {
        const reason = error === undefined ? "it hung up" : whyNot(error);
        this.#ended = cannotMeasure(server, ErrorCode.ConnectionLost, reason);
        this.#waiting?.fail(this.#ended);
      });
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Whether a late answer to an echo could be taken for the answer to the next one. */
  get ambiguous(): boolean {
    return this.#echoes.ambiguous;
  }

  /** What the server can do, in words; none for a legacy server. */
  capabilities(asking: Asking): Promise<Set<string>> {
    return this.#askFor(Information.Capabilities, readCapabilities, asking);
  }

  /** The servers that this one knows of. */
  servers(asking: Asking): Promise<string[]> {
    return this.#askFor(Information.Servers, readAddresses, asking);
  }

  /** Milliseconds from writing an echo to reading it. */
  echo(asking: Asking): Promise<number> {
    const write = () => {
      // Drawn anew each time, so that no server can answer an echo before it has come.
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

  /** Asks until a frame is the answer, or whoever counts the misses gives up, or it has to stop. */
  async #ask<T>(
    write: () => void,
    asking: Asking,
    read: (frame: Frame, echoMs: number | undefined) => T | undefined,
  ): Promise<T> {
    const { missed, stop } = asking;
    if (this.#ended) throw this.#ended;
    stop.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const answered = () => this.#unaskedBytes = 0;
    this.#waiting = {
      take(frame, echoMs) {
        const answer = read(frame, echoMs);
        if (answer === undefined) return;
        answered();
        resolve(answer);
      },
      fail: reject,
    };
    const onStop = () => reject(stop.reason);
    stop.addEventListener("abort", onStop);
    let askedAt = performance.now();
    const timer = setInterval(() => {
      // The answer to an earlier question was a sign of life as well, if it came after the last miss.
      const heard = this.#heardAt >= Math.min(askedAt, asking.missedAt ?? Infinity);
      asking.missedAt = performance.now();
      if (missed(heard)) {
        return reject(cannotMeasure(this.#server, ErrorCode.TimedOut, "no answer in time"));
      }
      askedAt = performance.now();
      write();
    }, PROBE_MS);
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
    this.#unaskedBytes += FRAME_COST_BYTES + frame.end - frame.start;
    if (this.#unaskedBytes > MAX_UNASKED_BYTES) {
      // Whoever floods this client would spoil what it measures of the others.
      return this.#connection.abort(
        cannotMeasure(this.#server, ErrorCode.Unsupported, "it sends what nobody asked for"),
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

  /** What an echo took, in milliseconds; one that comes late is timed from its own start. */
  #echoed(frame: Frame): number | undefined {
    const number = readEcho(frame.payload);
    const ms = this.#echoes.answered(number, this.#heardAt);
    if (ms === undefined && number === undefined) {
      // With answers to spare, it cannot be told what any of them answers.
      throw cannotMeasure(
        this.#server,
        ErrorCode.Unsupported,
        "it answers echoes that were not sent",
      );
    }
    return ms;
  }
}
