/**
 * The rules that make a p2p server an rtt server: it answers echoes, measures the round-trip time to its
 * peers with echoes of its own, and lets users sign off. Owns the frame types echo and disconnect; p2p
 * owns the rest of the server.
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

/** The least time between two echoes to a peer: milliseconds. The server ticks every 250 ms: once a second. */
const MEASURE_EVERY_MS = 900;
/** How many measurements of a peer are kept. The lowest of them counts. */
const MEASUREMENTS = 10;
/** How many measurements follow each other at once when a link comes up. Then its cost is known. */
const FIRST_MEASUREMENTS = 5;
/** How long to wait for the answer to an echo before the next one is sent: milliseconds. */
const LOST_MS = 5_000;
/**
 * The step in which costs grow: microseconds. With it, all links on one machine or in one room cost the
 * same, so that a route with fewer links is better there.
 */
const COST_STEP_US = 500;
/** The largest cost that `LinkCosts` allows: microseconds. */
const MAX_COST_US = 100_000_000;
/** The payload of an echo that this server sends, its id and a number: bytes. */
const OWN_ECHO_BYTES = 16 + 4;

/** The measurements of the link to one peer. */
interface LinkTime {
  peer: Peer;
  /** The last round-trip times: milliseconds. */
  readonly timesMs: number[];
  /** How many measurements there were in all. */
  count: number;
  /** The echoes that wait for an answer on this link. */
  echoes: EchoTimes;
  /** When the last echo was sent: milliseconds. */
  sentAt: number;
}

/**
 * Answers echoes, and measures the links to peers. The cost of a link is its round-trip time in
 * microseconds.
 *
 * An echo that comes from a peer with the id of this server is the answer to one of this server's echoes.
 * An empty echo from a peer that owes an answer is an answer, too, because some servers return none of the
 * payload. Two such servers would otherwise answer each other for ever. Any other echo is returned to its
 * sender.
 */
export class EchoRule implements FrameRule, LinkCosts {
  /** The capability that a server with this rule announces. */
  readonly capability: string = Capability.Echo;
  readonly isTime = true;
  readonly #clock: () => number;
  readonly #times = new Map<string, LinkTime>();
  /** The number of the last echo: 32 bits. */
  #number = 0;

  /**
   * Creates a rule that has measured nothing yet.
   *
   * @param clock Returns the time, by a clock that never goes back: milliseconds.
   */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Allows echoes on every connection, because a client measures before it registers. */
  allowed(): boolean {
    return true;
  }

  /** Returns an echo to its sender, or takes it as the answer to an echo of this server. */
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

  /** Sends echoes to every peer that answers them: five at first, then one each second. */
  tick(core: ServerCore): void {
    const now = this.#clock();
    const linked = new Set<string>();
    for (const peer of core.mesh.peers()) {
      linked.add(peer.server);
      if (!peer.capabilities.has(Capability.Echo)) continue;
      let time = this.#times.get(peer.server);
      if (!time) {
        time = { peer, timesMs: [], count: 0, echoes: new EchoTimes(), sentAt: -Infinity };
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
   * Returns the round-trip time to a peer, the lowest of its last ten measurements: milliseconds;
   * `undefined` before the first.
   *
   * @param server The id of the peer.
   */
  rttMs(server: string): number | undefined {
    const timesMs = this.#times.get(server)?.timesMs;
    return timesMs && timesMs.length > 0 ? Math.min(...timesMs) : undefined;
  }

  /**
   * Returns the cost of a link: its round-trip time in microseconds, rounded to half a millisecond and at
   * least that; `undefined` until the link has been measured five times.
   *
   * The lowest of ten measurements is steady: it follows a rise that lasts ten seconds, and a fall at once.
   */
  of({ server }: Peer): number | undefined {
    const time = this.#times.get(server);
    if (!time || time.count < FIRST_MEASUREMENTS) return undefined;
    const steps = Math.max(1, Math.round(Math.min(...time.timesMs) * 1_000 / COST_STEP_US));
    return Math.min(steps * COST_STEP_US, MAX_COST_US);
  }

  /** Formats a cost for people: `20.4 ms round trip`. */
  describe(cost: number): string {
    return `${(cost / 1_000).toFixed(1)} ms round trip`;
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

  /** Handles the answer to an echo of this server. `number` is the one in the answer, if it has one. */
  #measured(time: LinkTime, number: number | undefined, core: ServerCore): void {
    const now = this.#clock();
    const ms = time.echoes.answered(number, now);
    if (ms === undefined) return;
    const rttMs = Math.round(ms * 1_000) / 1_000;
    time.timesMs.push(rttMs);
    if (time.timesMs.length > MEASUREMENTS) time.timesMs.shift();
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

/** Returns the rules of an rtt server, by frame type. */
export function rttRules(echo: EchoRule): ReadonlyMap<number, FrameRule> {
  return new Map<number, FrameRule>([
    [FrameType.Echo, echo],
    [FrameType.Disconnect, disconnectRule],
  ]);
}

/** Signs a user off who leaves, or whose session has moved to another server. */
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
