/**
 * Measures the round-trip time to servers with echoes. Owns which connections stay open for this, so that no
 * handshake is part of a time, and how long a measurement may take. The caller decides when to measure which server.
 *
 * @module
 */
import {
  Capability,
  dial,
  ErrorCode,
  type HostReach,
  NetlabError,
  readLoad,
  readNetwork,
  type TrustFile,
} from "@netlab/protocol";
import { OwnToken } from "@netlab/p2p/client";
import { cannotMeasure, NO_RTT_SERVER } from "./reasons.ts";
import { type Asking, ServerProbe } from "./server_probe.ts";

/**
 * The longest time that {@linkcode Prober.measure} takes: milliseconds, the same as for dialling. A
 * server whose round-trip time is above a quarter of it cannot be measured, because dialling and two
 * questions come before the first echo.
 */
export const MEASURE_TIMEOUT_MS = 5_000;

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
