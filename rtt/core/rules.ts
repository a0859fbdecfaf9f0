/**
 * What an rtt server does beyond a p2p server: it answers echoes, measures the time to its peers with
 * echoes of its own, and lets users sign off. Owns those two frame types; what a server is otherwise
 * is p2p's.
 *
 * @module
 */
import {
  Capability,
  DisconnectKind,
  ErrorCode,
  type Frame,
  FrameType,
  NetlabError,
  readLegacyName,
  readUuid,
} from "@netlab/protocol/codec";
import type { Connection, FrameRule, LinkCosts, ServerCore } from "@netlab/p2p/core";
import { EchoTimes } from "./echo_times.ts";

/** How often the time to each peer is measured: milliseconds; with the tick, once a second. */
const MEASURE_EVERY_MS = 900;
/** How many measurements count: the lowest of them is the time to a peer. */
const MEASUREMENTS = 10;
/** So many follow each other at once when a link comes up; then its cost is known. */
const FIRST_MEASUREMENTS = 5;
/** An echo that was not answered for so long is followed by the next one: milliseconds. */
const LOST_MS = 5_000;
/**
 * Costs go up in steps of half a millisecond, so that links on one machine or in one room cost the same,
 * and fewer of them are better than more. In microseconds.
 */
const COST_STEP = 500;
/** The dearest that a link can be: the most that a cost may be, in microseconds. */
const MAX_COST = 100_000_000;
/** An own echo carries this server's id and a number. */
const OWN_ECHO_BYTES = 16 + 4;

/** What is known of the time to one peer. */
interface LinkTime {
  connection: Connection;
  /** The last measurements: milliseconds. */
  readonly times: number[];
  /** How many there were in all. */
  count: number;
  /** The echoes on this link that were not answered. */
  echoes: EchoTimes;
  /** When the last one was sent. */
  sentAt: number;
}

/**
 * Answers echoes with what they carry. Those that come back from peers are this server's own, known by
 * the id in them: they measure the round-trip time, and that is what a link costs. A microsecond costs
 * one. From a peer that was sent echoes, an empty one is an answer, too: some servers return nothing of
 * what they are sent, and if it were answered, the two would answer each other for ever.
 */
export class EchoRule implements FrameRule, LinkCosts {
  /** The word for it among a server's capabilities. */
  readonly capability: string = Capability.Echo;
  readonly #clock: () => number;
  readonly #peers = new Map<string, LinkTime>();
  #number = 0;

  /**
   * Nothing is measured yet.
   *
   * @param clock The time in milliseconds, by a clock that never goes back.
   */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Echoes are answered to anyone: a client measures before it registers. */
  allowed(): boolean {
    return true;
  }

  /** Answers an echo, or takes the time of an own one. */
  handle(connection: Connection, frame: Frame, core: ServerCore): void {
    const peer = connection.role === "peer" ? this.#peers.get(connection.server) : undefined;
    const bytes = frame.end - frame.start;
    if (bytes === 0 && peer?.connection === connection) this.#measured(peer, undefined, core);
    else if (
      connection.role === "peer" && bytes === OWN_ECHO_BYTES &&
      readUuid(frame.bytes, frame.start) === core.id
    ) {
      const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset);
      if (peer?.connection === connection) {
        this.#measured(peer, view.getUint32(frame.end - 4), core);
      }
    } else connection.out.forward(frame, 0);
  }

  /** Sends an echo to every peer that answers them: five at first, and then one a second. */
  tick(core: ServerCore): void {
    const now = this.#clock();
    const linked = new Set<string>();
    for (const connection of core.mesh.peers()) {
      linked.add(connection.server);
      if (!connection.capabilities.has(Capability.Echo)) continue;
      let peer = this.#peers.get(connection.server);
      if (!peer) {
        peer = { connection, times: [], count: 0, echoes: new EchoTimes(), sentAt: -Infinity };
        this.#peers.set(connection.server, peer);
      }
      // Another link to the same server, most likely the same way: an echo on the old one is lost.
      if (peer.connection !== connection) {
        Object.assign(peer, { connection, echoes: new EchoTimes() });
      }
      const waitMs = peer.echoes.outstanding > 0 ? LOST_MS : MEASURE_EVERY_MS;
      if (now - peer.sentAt >= waitMs) this.#send(peer, core, now);
    }
    for (const server of this.#peers.keys()) if (!linked.has(server)) this.#peers.delete(server);
  }

  /**
   * The round-trip time to a peer: the lowest of the last ten measurements, in milliseconds.
   * `undefined` while there is none.
   */
  rttMs(server: string): number | undefined {
    const times = this.#peers.get(server)?.times;
    return times && times.length > 0 ? Math.min(...times) : undefined;
  }

  /**
   * What a link costs: its round-trip time in microseconds, to the nearest half of a millisecond, and
   * no less than that. The lowest of ten measurements is steady: a rise counts when it lasts ten
   * seconds, a fall at once. `undefined` until the link was measured five times.
   */
  of(connection: Connection): number | undefined {
    const peer = this.#peers.get(connection.server);
    if (!peer || peer.count < FIRST_MEASUREMENTS) return undefined;
    const steps = Math.max(1, Math.round(Math.min(...peer.times) * 1_000 / COST_STEP));
    return Math.min(steps * COST_STEP, MAX_COST);
  }

  /** A cost as a time there and back: `20.4 ms`. */
  describe(cost: number): string {
    return `${(cost / 1_000).toFixed(1)} ms there and back`;
  }

  #send(peer: LinkTime, { id }: ServerCore, now: number): void {
    const number = this.#number = (this.#number + 1) >>> 0;
    peer.echoes.sent(number, now);
    peer.sentAt = now;
    const { out } = peer.connection;
    out.begin(FrameType.Echo, 0);
    out.uuid(id);
    out.u32(number);
    out.end();
  }

  /** An own echo was answered; `number` is the one in the answer, if there is any. */
  #measured(peer: LinkTime, number: number | undefined, core: ServerCore): void {
    const now = this.#clock();
    const ms = peer.echoes.answered(number, now);
    if (ms === undefined) return;
    const rttMs = Math.round(ms * 1_000) / 1_000;
    peer.times.push(rttMs);
    if (peer.times.length > MEASUREMENTS) peer.times.shift();
    if (++peer.count < FIRST_MEASUREMENTS) return this.#send(peer, core, now);
    core.mesh.costsChanged();
    if (peer.count > FIRST_MEASUREMENTS) return;
    core.logger.info("{address} answers in {rttMs} ms", {
      event: "link.measured",
      address: peer.connection.address,
      rttMs: this.rttMs(peer.connection.server),
    });
  }
}

/** What an rtt server takes beyond a p2p server, by frame type. */
export function rttRules(echo: EchoRule): ReadonlyMap<number, FrameRule> {
  return new Map<number, FrameRule>([
    [FrameType.Echo, echo],
    [FrameType.Disconnect, disconnectRule],
  ]);
}

/** Signs a user off: one who leaves, or one whose session has moved to another server. */
const disconnectRule: FrameRule = {
  capability: Capability.Disconnect,
  allowed: (connection) => connection.isUser,
  handle(connection, frame, core) {
    const name = readLegacyName(frame.payload);
    if (name !== connection.name) {
      throw new NetlabError(
        ErrorCode.SenderMismatch,
        `Cannot sign ${name} off: this connection is registered as ${connection.name}`,
      );
    }
    core.users.signOff(connection, frame.subtype === DisconnectKind.Move);
  },
};
