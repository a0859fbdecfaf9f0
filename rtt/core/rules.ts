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
import {
  type Connection,
  type FrameRule,
  type LinkCosts,
  Peer,
  type ServerCore,
  User,
} from "@netlab/p2p/core";
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
  peer: Peer;
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
  readonly #times = new Map<string, LinkTime>();
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
  handle({ party, out }: Connection, frame: Frame, core: ServerCore): void {
    const time = party instanceof Peer ? this.#times.get(party.server) : undefined;
    const isMeasured = time?.peer === party;
    const bytes = frame.end - frame.start;
    if (bytes === 0 && isMeasured) this.#measured(time!, undefined, core);
    else if (
      party instanceof Peer && bytes === OWN_ECHO_BYTES &&
      readUuid(frame.bytes, frame.start) === core.id
    ) {
      const view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset);
      if (isMeasured) this.#measured(time!, view.getUint32(frame.end - 4), core);
    } else out.forward(frame, 0);
  }

  /** Sends an echo to every peer that answers them: five at first, and then one a second. */
  tick(core: ServerCore): void {
    const now = this.#clock();
    const linked = new Set<string>();
    for (const peer of core.mesh.peers()) {
      linked.add(peer.server);
      if (!peer.capabilities.has(Capability.Echo)) continue;
      let time = this.#times.get(peer.server);
      if (!time) {
        time = { peer, times: [], count: 0, echoes: new EchoTimes(), sentAt: -Infinity };
        this.#times.set(peer.server, time);
      }
      // A new link to the same server mostly takes the same path. An echo on the old link is lost.
      if (time.peer !== peer) Object.assign(time, { peer, echoes: new EchoTimes() });
      const waitMs = time.echoes.outstanding > 0 ? LOST_MS : MEASURE_EVERY_MS;
      if (now - time.sentAt >= waitMs) this.#send(time, core, now);
    }
    for (const server of this.#times.keys()) if (!linked.has(server)) this.#times.delete(server);
  }

  /**
   * The round-trip time to a peer: the lowest of the last ten measurements, in milliseconds.
   * `undefined` while there is none.
   */
  rttMs(server: string): number | undefined {
    const times = this.#times.get(server)?.times;
    return times && times.length > 0 ? Math.min(...times) : undefined;
  }

  /**
   * What a link costs: its round-trip time in microseconds, to the nearest half of a millisecond, and
   * no less than that. The lowest of ten measurements is steady: a rise counts when it lasts ten
   * seconds, a fall at once. `undefined` until the link was measured five times.
   */
  of({ server }: Peer): number | undefined {
    const time = this.#times.get(server);
    if (!time || time.count < FIRST_MEASUREMENTS) return undefined;
    const steps = Math.max(1, Math.round(Math.min(...time.times) * 1_000 / COST_STEP));
    return Math.min(steps * COST_STEP, MAX_COST);
  }

  /** A cost as a time there and back: `20.4 ms`. */
  describe(cost: number): string {
    return `${(cost / 1_000).toFixed(1)} ms there and back`;
  }

  #send(time: LinkTime, { id }: ServerCore, now: number): void {
    const number = this.#number = (this.#number + 1) >>> 0;
    time.echoes.sent(number, now);
    time.sentAt = now;
    const { out } = time.peer;
    out.begin(FrameType.Echo, 0);
    out.uuid(id);
    out.u32(number);
    out.end();
  }

  /** An own echo was answered; `number` is the one in the answer, if there is any. */
  #measured(time: LinkTime, number: number | undefined, core: ServerCore): void {
    const now = this.#clock();
    const ms = time.echoes.answered(number, now);
    if (ms === undefined) return;
    const rttMs = Math.round(ms * 1_000) / 1_000;
    time.times.push(rttMs);
    if (time.times.length > MEASUREMENTS) time.times.shift();
    if (++time.count < FIRST_MEASUREMENTS) return this.#send(time, core, now);
    core.mesh.costsChanged();
    if (time.count > FIRST_MEASUREMENTS) return;
    core.logger.info("{address} answers in {rttMs} ms", {
      event: "link.measured",
      address: time.peer.address,
      rttMs: this.rttMs(time.peer.server),
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
  allowed: ({ party }) => party instanceof User,
  handle({ party }, frame, core) {
    const user = party as User;
    const name = readLegacyName(frame.payload);
    if (name !== user.name) {
      throw new NetlabError(
        ErrorCode.SenderMismatch,
        `Cannot sign ${name} off: this connection is registered as ${user.name}`,
      );
    }
    core.users.signOff(user, frame.subtype === DisconnectKind.Move);
  },
};
