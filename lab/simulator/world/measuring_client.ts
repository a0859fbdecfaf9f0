/**
 * A user on a {@linkcode VirtualNetwork} who measures servers and moves, as the rtt client does, with the
 * shipped `Chooser`. `session_client.ts` handles the messages of the user.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  FrameType,
  Information,
  readCapabilities,
  readLoad,
  writeInformationRequest,
} from "@netlab/protocol";
import {
  Chooser,
  createPolicy,
  type Decision,
  EchoTimes,
  type ProbeRequest,
  readEcho,
  writeEcho,
} from "@netlab/rtt";
import type { HistoryEvent } from "../../checker/history.ts";
import { SessionClient } from "./session_client.ts";
import type { VirtualConnection } from "./virtual_connection.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

/** How long to wait for the answer to a probe: milliseconds. The prober of the rtt client waits as long. */
const PROBE_MS = 1_000;
/** The time between two attempts of a user without a server: milliseconds. */
const TRY_AGAIN_MS = 250;

/** The measurement of one server in one round. */
interface Measurement {
  readonly probes: number;
  readonly done: () => void;
  readonly times: number[];
  load: number | undefined;
  /** The number of the last echo. */
  number: number;
}

/** A connection for measuring a server. */
interface Probe {
  readonly connection: VirtualConnection;
  readonly echoes: EchoTimes;
}

/** A user who chooses a server by round-trip time. */
export class MeasuringClient {
  /** The session of the user, with its messages. */
  readonly user: SessionClient;
  /** The decisions that changed something, each with its time: milliseconds since 1970. */
  readonly decisions: { readonly at: number; readonly decision: Decision }[] = [];
  /** How long the user was without a server, for each time that it lost one: milliseconds. */
  readonly absencesMs: number[] = [];
  readonly #network: VirtualNetwork;
  readonly #chooser: Chooser;
  readonly #servers: readonly string[];
  readonly #probes = new Map<string, Probe>();
  readonly #measurements = new Map<string, Measurement>();
  #number = 0;

  /**
   * Starts to measure, and registers at the best server.
   *
   * @param servers The addresses of the servers, `host:port`.
   * @param onEvent Called with each event of the user, for the checker.
   */
  constructor(
    network: VirtualNetwork,
    name: string,
    servers: readonly string[],
    onEvent: (event: HistoryEvent) => void,
  ) {
    this.#network = network;
    this.#servers = servers;
    this.#chooser = new Chooser(createPolicy("netlab", {}, network.random));
    this.user = new SessionClient(network, name, [], (event) => {
      onEvent(event);
      if (event.kind === "disconnected" && !this.user.attached) this.#lost();
    });
    this.#round();
  }

  #round(): void {
    this.#network.after(Chooser.nextRoundMs(this.#network.random()), () => this.#round());
    const asks = [...this.#chooser.begin(), ...this.#chooser.learn(this.#servers)];
    let open = asks.length;
    const done = () => {
      if (--open === 0) this.#decide();
    };
    for (const ask of asks) this.#ask(ask, done);
  }

  #ask({ server, probes }: ProbeRequest, done: () => void): void {
    // A measurement of the previous round that has not ended goes on.
    if (this.#measurements.has(server)) return done();
    const measurement = { probes, done, times: [], load: undefined, number: 0 };
    this.#measurements.set(server, measurement);
    const probe = this.#probes.get(server);
    if (probe) return this.#send(server, measurement, probe);
    this.#network.dial(this.user.party, server, {
      failed: (reason) => this.#failed(server, reason),
      connected: (connection) => {
        const probe = { connection, echoes: new EchoTimes() };
        this.#probes.set(server, probe);
        connection.start({
          frame: (frame) => this.#received(server, probe, frame),
          gone: () => {
            this.#probes.delete(server);
            this.#failed(server, "it hung up");
          },
        });
        this.#send(server, measurement, probe);
      },
    });
  }

  #send(server: string, measurement: Measurement, probe: Probe): void {
    const { connection, echoes } = probe;
    if (measurement.times.length === 0) {
      writeInformationRequest(connection.out, Information.Capabilities);
    }
    const number = measurement.number = ++this.#number;
    echoes.sent(number, this.#network.now);
    writeEcho(connection.out, number);
    this.#network.after(PROBE_MS, () => {
      if (this.#measurements.get(server) !== measurement || measurement.number !== number) return;
      if (!this.#chooser.missed(server, false)) return this.#send(server, measurement, probe);
      connection.abort();
    });
  }

  #received(server: string, probe: Probe, frame: Frame): void {
    const measurement = this.#measurements.get(server);
    if (frame.type === FrameType.Echo) {
      const ms = probe.echoes.answered(readEcho(frame.payload), this.#network.now);
      if (ms !== undefined && measurement) this.#answered(server, measurement, probe, ms);
    } else if (frame.type === FrameType.InformationResponse && measurement) {
      const words = readCapabilities(frame.payload);
      // A legacy server sends no capabilities.
      if (words.size > 0 && !words.has(Capability.Echo)) {
        throw new Error("The server answers no echoes");
      }
      measurement.load = readLoad(words);
    }
  }

  #answered(server: string, measurement: Measurement, probe: Probe, ms: number): void {
    measurement.times.push(ms);
    if (measurement.times.length < measurement.probes) {
      return this.#send(server, measurement, probe);
    }
    this.#measurements.delete(server);
    this.#chooser.answered(server, measurement.times, measurement.load);
    measurement.done();
  }

  #failed(server: string, why: string): void {
    this.#chooser.failed(server, why);
    const measurement = this.#measurements.get(server);
    this.#measurements.delete(server);
    measurement?.done();
  }

  #decide(): void {
    const at = this.user.attached?.peer.party;
    if (at !== undefined && at !== this.#chooser.used) this.#chooser.use(at);
    const decision = this.#chooser.decide(this.#network.now);
    if (decision.kind !== "kept") this.decisions.push({ at: this.#network.now, decision });
    if (decision.server !== undefined && decision.server !== at) {
      this.user.moveTo({ address: decision.server });
    }
  }

  /** The user lost its server: moves to the best of the others, and tries until it is registered. */
  #lost(): void {
    const lostAt = this.#network.now;
    this.#chooser.lose("it hung up");
    this.user.onAttached = () => {
      this.absencesMs.push(this.#network.now - lostAt);
      this.user.onAttached = () => {};
    };
    const seek = () => {
      if (this.user.attached) return;
      this.#decide();
      this.#network.after(TRY_AGAIN_MS, seek);
    };
    seek();
  }
}
