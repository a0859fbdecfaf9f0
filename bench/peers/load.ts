/**
 * What a generator is asked to do, and what it answers: the only things that the program that compares
 * servers and the process that loads one say to each other. Owns these shapes; does nothing.
 *
 * @module
 */
import type { ProtocolName } from "./protocols/mod.ts";

/** What every load says. */
interface AnyLoad {
  /** How the server is spoken to. */
  readonly protocol: ProtocolName;
  /** Where senders connect to, on 127.0.0.1. */
  readonly port: number;
  /** Where receivers connect to; another server's port to measure a relay. */
  readonly receiverPort: number;
  /** The servers' processes, whose CPU time and memory are read. */
  readonly pids: readonly number[];
  /** Part of every user name, so that no two runs on a server use the same. */
  readonly tag: string;
  /** Bytes of text in a message. */
  readonly size: number;
  /** How long it lasts before it counts: milliseconds. */
  readonly warmMs: number;
  /** How long it counts: milliseconds. */
  readonly ms: number;
  /** When nothing arrives for so long, what is missing is lost: milliseconds. */
  readonly lostMs: number;
}

/** As many messages as go through. */
export interface RateLoad extends AnyLoad {
  readonly kind: "rate";
  /** Senders, each with a receiver of its own. */
  readonly pairs: number;
  /** Messages of a pair that may be under way. */
  readonly window: number;
  /** Further pairs whose receiver never reads. Their messages do not count. */
  readonly stalled: number;
}

/** One message alone, again and again: how long it takes. */
export interface LatencyLoad extends AnyLoad {
  readonly kind: "latency";
}

/** Users who are there and do nothing. */
export interface IdleLoad extends AnyLoad {
  readonly kind: "idle";
  /** How many. */
  readonly users: number;
  /** Where the server's inspector answers, to ask it for its heap: a `ws://` address. */
  readonly inspector: string | undefined;
}

/** What is done again and again while ever more users are there. */
export interface CrowdLoad extends AnyLoad {
  readonly kind: "crowd";
  /** Whether users write, or join and leave. */
  readonly what: "messages" | "users";
  /** How many users are there each time, in ascending order. */
  readonly users: readonly number[];
}

/** The first message through a server that is only being started. */
export interface FirstLoad extends AnyLoad {
  readonly kind: "first";
}

/** What a generator can be asked for. */
export type Load = RateLoad | LatencyLoad | IdleLoad | CrowdLoad | FirstLoad;

/** What came of a {@linkcode RateLoad}. */
export interface RateResult {
  /** Messages a second. */
  rate: number;
  /** Messages sent, in all. All of them came through: else there is no result. */
  sent: number;
  /** Share of a core that the servers used, 1 is all of one. */
  serverCpu: number;
  /** Share of a core that the generator used. */
  generatorCpu: number;
  /** Resident memory of the servers at the end: bytes. */
  residentBytes: number;
}

/** What came of a {@linkcode LatencyLoad}: microseconds. */
export interface LatencyResult {
  p50: number;
  p99: number;
  /** How many messages were measured. */
  sent: number;
}

/** What came of an {@linkcode IdleLoad}. */
export interface IdleResult {
  /** Resident memory for each user: bytes. */
  residentBytes: number;
  /** Heap for each user, when there was an inspector: bytes. */
  heapBytes: number | undefined;
}

/** What one of many things cost: microseconds. */
export interface Cost {
  /** The servers' CPU time. */
  cpu: number;
  /** How long it took. */
  clock: number;
}

/** What came of a {@linkcode CrowdLoad}: what one message or user cost, by how many users were there. */
export interface CrowdResult {
  /** A message while four pairs write, and all others do nothing. */
  few?: Cost[];
  /** A message while all users write. */
  all?: Cost[];
  /** A user who joins. */
  join?: Cost[];
  /** A user who leaves. */
  leave?: Cost[];
}

/** What came of a {@linkcode FirstLoad}. */
export interface FirstResult {
  /** When the first message was delivered: milliseconds since 1970. */
  deliveredAt: number;
}

/** What a generator answers, by what it was asked for. */
export interface Results {
  rate: RateResult;
  latency: LatencyResult;
  idle: IdleResult;
  crowd: CrowdResult;
  first: FirstResult;
}
