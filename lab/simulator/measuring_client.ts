/**
 * A user on a {@linkcode VirtualNetwork} who measures servers and moves, with the real `Chooser`: what the
 * rtt client is on sockets. Owns the echoes and the rounds; the user's messages are the session client's.
 *
 * @module
 */
import {
  Capability,
  FrameType,
  Information,
  readCapabilities,
  readLoad,
  writeInformationRequest,
} from "@netlab/protocol";
import { type Ask, Chooser, createPolicy, type Decision } from "@netlab/rtt";
import type { HistoryEvent } from "../history.ts";
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
  sentAt: number;
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
  readonly #connections = new Map<string, VirtualConnection>();
  readonly #questions = new Map<string, Question>();

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

  #ask({ server, probes }: Ask, done: () => void): void {
    // What the round before has not come to the end of goes on.
    if (this.#questions.has(server)) return done();
    const question = { probes, done, times: [], load: undefined, sentAt: 0 };
    this.#questions.set(server, question);
    const connection = this.#connections.get(server);
    if (connection) return this.#send(server, question, connection);
    this.#network.dial(this.user.party, server, {
      failed: (reason) => this.#failed(server, reason),
      connected: (connection) => {
        this.#connections.set(server, connection);
        connection.start({
          frame: (frame) => {
            const question = this.#questions.get(server);
            if (!question) return;
            if (frame.type === FrameType.Echo) this.#answered(server, question, connection);
            else if (frame.type === FrameType.InformationResponse) {
              const words = readCapabilities(frame.payload);
              if (!words.has(Capability.Echo)) throw new Error("The server answers no echoes");
              question.load = readLoad(words);
            }
          },
          gone: () => {
            this.#connections.delete(server);
            this.#failed(server, "it hung up");
          },
        });
        this.#send(server, question, connection);
      },
    });
  }

  #send(server: string, question: Question, connection: VirtualConnection): void {
    if (question.times.length === 0) {
      writeInformationRequest(connection.out, Information.Capabilities);
    }
    const sentAt = question.sentAt = this.#network.now;
    connection.out.frame(FrameType.Echo, 0);
    this.#network.after(PROBE_MS, () => {
      if (this.#questions.get(server) !== question || question.sentAt !== sentAt) return;
      if (!this.#chooser.missed(server, false)) return this.#send(server, question, connection);
      connection.abort();
    });
  }

  #answered(server: string, question: Question, connection: VirtualConnection): void {
    question.times.push(this.#network.now - question.sentAt);
    if (question.times.length < question.probes) return this.#send(server, question, connection);
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
