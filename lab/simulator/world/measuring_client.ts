/**
 * A user on a {@linkcode VirtualNetwork} who measures servers and moves, with the real `Chooser`: what the
 * rtt client is on sockets. Owns the echoes and the rounds; the user's messages are the session client's.
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

/** How long an answer may take before it is missed: milliseconds, as the real prober has it. */
const PROBE_MS = 1_000;
/** How often a user without a server tries again: milliseconds. */
const TRY_AGAIN_MS = 250;

/** What is asked of a server in a round. */
interface Question {
  readonly probes: number;
  readonly done: () => void;
  readonly times: number[];
  load: number | undefined;
  /** The number of the last echo. */
  number: number;
}

/** A connection to a server that is measured. */
interface Probe {
  readonly connection: VirtualConnection;
  readonly echoes: EchoTimes;
}

/** One user. */
export class MeasuringClient {
  /** The user. */
  readonly user: SessionClient;
  /** What was decided, save that nothing changes. */
  readonly decisions: { readonly at: number; readonly decision: Decision }[] = [];
  /** How long the user was without a server, each time: milliseconds. */
  readonly absencesMs: number[] = [];
  readonly #network: VirtualNetwork;
  readonly #chooser: Chooser;
  readonly #servers: readonly string[];
  readonly #probes = new Map<string, Probe>();
  readonly #questions = new Map<string, Question>();
  #number = 0;

  /** Begins to measure, and registers at the best. */
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
    // What the round before has not come to the end of goes on.
    if (this.#questions.has(server)) return done();
    const question = { probes, done, times: [], load: undefined, number: 0 };
    this.#questions.set(server, question);
    const probe = this.#probes.get(server);
    if (probe) return this.#send(server, question, probe);
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
        this.#send(server, question, probe);
      },
    });
  }

  #send(server: string, question: Question, probe: Probe): void {
    const { connection, echoes } = probe;
    if (question.times.length === 0) {
      writeInformationRequest(connection.out, Information.Capabilities);
    }
    const number = question.number = ++this.#number;
    echoes.sent(number, this.#network.now);
    writeEcho(connection.out, number);
    this.#network.after(PROBE_MS, () => {
      if (this.#questions.get(server) !== question || question.number !== number) return;
      if (!this.#chooser.missed(server, false)) return this.#send(server, question, probe);
      connection.abort();
    });
  }

  #received(server: string, probe: Probe, frame: Frame): void {
    const question = this.#questions.get(server);
    if (frame.type === FrameType.Echo) {
      const ms = probe.echoes.answered(readEcho(frame.payload), this.#network.now);
      if (ms !== undefined && question) this.#answered(server, question, probe, ms);
    } else if (frame.type === FrameType.InformationResponse && question) {
      const words = readCapabilities(frame.payload);
      // A legacy server says nothing of what it can do.
      if (words.size > 0 && !words.has(Capability.Echo)) {
        throw new Error("The server answers no echoes");
      }
      question.load = readLoad(words);
    }
  }

  #answered(server: string, question: Question, probe: Probe, ms: number): void {
    question.times.push(ms);
    if (question.times.length < question.probes) return this.#send(server, question, probe);
    this.#questions.delete(server);
    this.#chooser.answered(server, question.times, question.load);
    question.done();
  }

  #failed(server: string, why: string): void {
    this.#chooser.failed(server, why);
    const question = this.#questions.get(server);
    this.#questions.delete(server);
    question?.done();
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

  /** The user has no server: it goes to the best that is left, and tries until it is at one. */
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
