/**
 * Counts the frames on the links of a simulated network, by what they are for. Knows nothing of users.
 *
 * @module
 */
import { type Frame, FrameType, HEADER_BYTES, LinkStateKind } from "@netlab/protocol";
import type { VirtualNetwork } from "../simulator/world/virtual_network.ts";

/** What a frame on a link is for. */
export const TRAFFIC_KINDS = ["heartbeats", "link states", "presence", "other"] as const;

/** One of {@linkcode TRAFFIC_KINDS}. */
export type TrafficKind = typeof TRAFFIC_KINDS[number];

/** Frames that were counted. */
export interface Amount {
  /** The number of frames. */
  frames: number;
  /** Their size, with headers of frames and without those of TCP and IP: bytes. */
  bytes: number;
}

/** What was counted, by kind. */
export type Traffic = Record<TrafficKind, Amount>;

/** The traffic on all links of a network. */
export class LinkTraffic {
  #traffic = noTraffic();

  /** Starts to count. */
  constructor(network: VirtualNetwork) {
    network.watch(({ frame }) => {
      const amount = this.#traffic[kindOf(frame)];
      amount.frames++;
      amount.bytes += HEADER_BYTES + frame.end - frame.start;
      return false;
    });
  }

  /** Returns what was counted since the last call. */
  take(): Traffic {
    const traffic = this.#traffic;
    this.#traffic = noTraffic();
    return traffic;
  }
}

/** Returns the sum of all kinds. */
export function sumOf(traffic: Traffic): Amount {
  const amounts = Object.values(traffic);
  return {
    frames: amounts.reduce((sum, { frames }) => sum + frames, 0),
    bytes: amounts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Returns traffic divided by a number, such as that of servers. */
export function shareOf(traffic: Traffic, divisor: number): Traffic {
  const shares = noTraffic();
  for (const kind of TRAFFIC_KINDS) {
    shares[kind].frames = traffic[kind].frames / divisor;
    shares[kind].bytes = traffic[kind].bytes / divisor;
  }
  return shares;
}

function noTraffic(): Traffic {
  return {
    heartbeats: { frames: 0, bytes: 0 },
    "link states": { frames: 0, bytes: 0 },
    presence: { frames: 0, bytes: 0 },
    other: { frames: 0, bytes: 0 },
  };
}

function kindOf({ type, subtype }: Frame): TrafficKind {
  if (type === FrameType.Presence) return "presence";
  if (type !== FrameType.LinkState) return "other";
  return subtype === LinkStateKind.Heartbeat ? "heartbeats" : "link states";
}
