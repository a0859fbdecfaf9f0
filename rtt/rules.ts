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
  readBareName,
  readUuid,
} from "@netlab/protocol";
import type { FrameRule, Link, RoutingCore } from "@netlab/p2p/core";

/** How often the time to each peer is measured: milliseconds. */
const MEASURE_EVERY_MS = 1_000;
/** How many measurements count: the lowest of them is the time to a peer. */
const MEASUREMENTS = 10;
/** An own echo carries this server's id and a number. */
const OWN_ECHO_BYTES = 16 + 4;

/**
 * Answers echoes with what they carry. Those that come back from peers are this server's own, known by
 * the id in them: they measure the round-trip time.
 */
export class EchoRule implements FrameRule {
  /** The word for it among a server's capabilities. */
  readonly capability: string = Capability.Echo;
  readonly #times = new Map<string, number[]>();
  readonly #sent = new Map<string, { number: number; at: number }>();
  #measuredAt = 0;
  #number = 0;

  /** Echoes are answered to anyone: a client measures before it registers. */
  allowed(): boolean {
    return true;
  }

  /** Answers an echo, or takes the time of an own one. */
  handle(link: Link, frame: Frame, core: RoutingCore): void {
    const own = link.role === "peer" && frame.end - frame.start === OWN_ECHO_BYTES &&
      readUuid(frame.bytes, frame.start) === core.id;
    if (own) this.#measured(link, frame, core);
    else link.port.out.forward(frame, 0);
  }

  /** Sends an echo to every peer that answers them, once a second. */
  tick(core: RoutingCore, now: number): void {
    if (now - this.#measuredAt < MEASURE_EVERY_MS) return;
    this.#measuredAt = now;
    const peers = new Set<string>();
    for (const { server, capabilities, port } of core.mesh.peers()) {
      peers.add(server);
      if (!capabilities.has(Capability.Echo)) continue;
      const number = this.#number = (this.#number + 1) >>> 0;
      this.#sent.set(server, { number, at: performance.now() });
      port.out.begin(FrameType.Echo, 0);
      port.out.uuid(core.id);
      port.out.u32(number);
      port.out.end();
    }
    for (const server of this.#times.keys()) if (!peers.has(server)) this.#times.delete(server);
    for (const server of this.#sent.keys()) if (!peers.has(server)) this.#sent.delete(server);
  }

  /**
   * The round-trip time to a peer: the lowest of the last ten measurements, in milliseconds.
   * `undefined` while there is none.
   */
  rttMs(server: string): number | undefined {
    const times = this.#times.get(server);
    return times && Math.min(...times);
  }

  #measured({ server, address }: Link, { bytes, end }: Frame, core: RoutingCore): void {
    const sent = this.#sent.get(server);
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(end - 4);
    // Late answers to earlier echoes would be timed from the wrong start.
    if (sent?.number !== number) return;
    const times = this.#times.get(server) ?? [];
    const rttMs = Math.round((performance.now() - sent.at) * 1_000) / 1_000;
    if (times.length === 0) {
      core.logger.info("{address} answers in {rttMs} ms", {
        event: "link.measured",
        address,
        rttMs,
      });
    }
    times.push(rttMs);
    if (times.length > MEASUREMENTS) times.shift();
    this.#times.set(server, times);
  }
}

/** Signs a user off: one who leaves, or one whose session has moved to another server. */
export const disconnectRule: FrameRule = {
  capability: Capability.Disconnect,
  allowed: (link) => link.isUser,
  handle(link, frame, core) {
    const name = readBareName(frame.payload);
    if (name !== link.name) {
      throw new NetlabError(
        ErrorCode.SenderMismatch,
        `Cannot sign ${name} off: this connection is registered as ${link.name}`,
      );
    }
    core.users.signOff(link, frame.subtype === DisconnectKind.Moves);
  },
};
