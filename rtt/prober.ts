/**
 * Round-trip times to servers, over connections that stay open so that no handshake is in the figure.
 * Owns those connections and the probes on them; which server is chosen is for others to say.
 *
 * @module
 */
import {
  ErrorCode,
  type FrameConnection,
  FrameType,
  Information,
  NetlabError,
  readError,
  readServers,
  writeInformationRequest,
} from "@netlab/protocol";
import { dial, reasonOf } from "@netlab/p2p/dial";

/** How many probes a measurement takes: the lowest counts. */
export const PROBES = 5;
/** How long one probe may take: milliseconds. */
const PROBE_MS = 2_000;

/** The time to one server. */
export interface Measurement {
  /** The server's address, `host:port`. */
  server: string;
  /** The lowest round-trip time of the probes in milliseconds; `undefined` without an answer. */
  rttMs: number | undefined;
  /** Why there is no answer, as the end of a sentence. */
  reason?: string;
}

/** Measures the time to servers. */
export class Prober implements AsyncDisposable {
  readonly #probes = new Map<string, ServerProbe>();

  /**
   * Measures all `servers` at the same time, and those that they know of with them.
   *
   * @param onMeasured Hears of every measurement as soon as it is there.
   * @returns The measurements, the lowest time first, servers without an answer last.
   */
  async measure(
    servers: Iterable<string>,
    onMeasured: (measurement: Measurement) => void = () => {},
  ): Promise<Measurement[]> {
    const measured = new Map<string, Promise<Measurement[]>>();
    const measureOne = async (server: string): Promise<Measurement[]> => {
      const { measurement, knows } = await this.#measureOne(server);
      onMeasured(measurement);
      return [measurement, ...await measureAll(knows)];
    };
    const measureAll = async (servers: Iterable<string>): Promise<Measurement[]> => {
      const added: Promise<Measurement[]>[] = [];
      for (const server of servers) {
        if (measured.has(server)) continue;
        measured.set(server, measureOne(server));
        added.push(measured.get(server)!);
      }
      return (await Promise.all(added)).flat();
    };
    const measurements = await measureAll(servers);
    return measurements.sort((a, b) => (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity));
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#probes.values()].map((probe) => probe.close()));
    this.#probes.clear();
  }

  /** The same as {@linkcode Prober.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #measureOne(server: string): Promise<{ measurement: Measurement; knows: string[] }> {
    try {
      let probe = this.#probes.get(server);
      if (!probe?.open) {
        probe = new ServerProbe(server, await dial(server));
        this.#probes.set(server, probe);
      }
      const knows = await probe.servers();
      let rttMs = Infinity;
      for (let i = 0; i < PROBES; i++) rttMs = Math.min(rttMs, await probe.echo());
      return { measurement: { server, rttMs }, knows };
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      await this.#probes.get(server)?.close();
      this.#probes.delete(server);
      const reason = error instanceof NetlabError ? lastPart(error.message) : reasonOf(error);
      return { measurement: { server, rttMs: undefined, reason }, knows: [] };
    }
  }
}

/** One connection, with one question on it at a time. */
class ServerProbe {
  readonly #server: string;
  readonly #connection: FrameConnection;
  readonly #running: Promise<void>;
  #waiting: PromiseWithResolvers<string[]> | undefined;
  #number = 0;

  constructor(server: string, connection: FrameConnection) {
    this.#server = server;
    this.#connection = connection;
    this.#running = connection.run({
      frame: (frame) => {
        if (frame.type === FrameType.Echo) {
          // A late answer to a probe that was given up carries another number.
          const text = new TextDecoder().decode(frame.payload);
          if (text === String(this.#number)) this.#waiting?.resolve([]);
        } else if (
          frame.type === FrameType.InformationResponse && frame.subtype === Information.Servers
        ) this.#waiting?.resolve(readServers(frame.payload));
        else if (frame.type === FrameType.Error) this.#refused(readError(frame));
      },
    }).catch((error) => this.#waiting?.reject(error)).then(() =>
      this.#waiting?.reject(this.#error(ErrorCode.ConnectionLost, "it hung up"))
    );
  }

  get open(): boolean {
    return !this.#connection.closed;
  }

  /** The servers that this one knows of. */
  servers(): Promise<string[]> {
    return this.#ask(() => writeInformationRequest(this.#connection.out, Information.Servers));
  }

  /** Milliseconds from writing an echo to reading it. */
  async echo(): Promise<number> {
    const start = performance.now();
    await this.#ask(() => {
      const { out } = this.#connection;
      out.begin(FrameType.Echo, 0);
      out.text(String(++this.#number));
      out.end();
    });
    return performance.now() - start;
  }

  async close(): Promise<void> {
    this.#connection.abort();
    await this.#running;
  }

  async #ask(write: () => void): Promise<string[]> {
    const waiting = this.#waiting = Promise.withResolvers<string[]>();
    const timer = setTimeout(
      () => waiting.reject(this.#error(ErrorCode.TimedOut, "no answer in time")),
      PROBE_MS,
    );
    try {
      write();
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  #refused(error: NetlabError): void {
    if (error.code !== ErrorCode.UnknownType) return this.#waiting?.reject(error);
    this.#waiting?.reject(this.#error(ErrorCode.Unsupported, "it is no rtt server"));
  }

  #error(code: number, reason: string): NetlabError {
    return new NetlabError(code, `Cannot measure the time to ${this.#server}: ${reason}`);
  }
}

/** The part of a sentence behind its last colon and space: why, without what. */
function lastPart(sentence: string): string {
  return sentence.slice(sentence.lastIndexOf(": ") + 1).trim();
}
