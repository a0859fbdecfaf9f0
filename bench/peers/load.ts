/**
 * What `bench:peers` asks the generator process to do, and what the generator answers.
 *
 * @module
 */
import type { ProtocolName } from "./protocols/mod.ts";

/** What is measured. */
export type Work =
  | {
    /** Messages per second. */
    readonly kind: "rate";
    /** Senders, each with a receiver of its own. */
    readonly pairs: number;
    /** Messages that a pair may have in flight. */
    readonly window: number;
    /** Further pairs, whose receivers never read. Their messages do not count. */
    readonly stalled: number;
  }
  /** The time that one message takes while no other is in flight. */
  | { readonly kind: "latency" }
  /** The memory that idle users take. */
  | { readonly kind: "idle"; readonly users: number }
  /** As many idle users as there may be: how fast they join, their memory, and a message while they are there. */
  | { readonly kind: "many"; readonly users: number }
  | {
    /** The cost of the same thing while more and more users are connected. */
    readonly kind: "crowd";
    /** Whether users write, or join and leave. */
    readonly what: "messages" | "users";
    /** How many users are connected, in ascending order. */
    readonly users: readonly number[];
  }
  /** The first message through a server that is just starting. */
  | { readonly kind: "first" };

/** A kind of {@linkcode Work}. */
export type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;

/** What a generator process is asked to do. */
export type Load<K extends Work["kind"] = Work["kind"]> = WorkOf<K> & {
  /** How to talk to the server. */
  readonly protocol: ProtocolName;
  /** Where senders connect, on 127.0.0.1. */
  readonly port: number;
  /** Where receivers connect: the port of another server in scenarios with two servers. */
  readonly receiverPort: number;
  /** The server processes, whose CPU time and memory count. */
  readonly pids: readonly number[];
  /** The WebSocket address of the server's inspector, which knows the size of its heap. */
  readonly inspector?: string;
  /** A part of every user name, different in each run on a server. */
  readonly tag: string;
  /** Bytes of text in a message. */
  readonly size: number;
  /** Milliseconds of load before the measurement. */
  readonly warmMs: number;
  /** Milliseconds that the measurement lasts. */
  readonly ms: number;
  /** Milliseconds without a delivery after which missing messages are lost. */
  readonly lostMs: number;
};

/** The cost of one thing: microseconds. */
export interface Cost {
  /** CPU time of the servers. */
  readonly cpu: number;
  /** Time by the clock. */
  readonly clock: number;
}

/** What was measured. Each kind of work sets its own fields. */
export interface Result {
  /** Messages per second. */
  rate?: number;
  /** Messages sent. All of them arrived, otherwise there is no result. */
  sent?: number;
  /** Share of a core that the servers used: 1 is a whole core. */
  serverCpu?: number;
  /** Share of a core that the generator used. */
  generatorCpu?: number;
  /** How many users joined in a second, one after the other. */
  joinRate?: number;
  /** Resident memory of the servers, or of each idle user: bytes. */
  residentBytes?: number;
  /** Heap for each idle user, if there is an inspector: bytes. */
  heapBytes?: number;
  /** Median time of a message: microseconds. */
  p50?: number;
  /** The time that 99 % of the messages do not exceed: microseconds. */
  p99?: number;
  /** A message while four pairs write and all other users are idle, by number of users. */
  few?: Cost[];
  /** A message while all users write. */
  all?: Cost[];
  /** A user who joins. */
  join?: Cost[];
  /** A user who leaves. */
  leave?: Cost[];
  /** When the first message arrived: milliseconds since 1970. */
  deliveredAt?: number;
  /** How long it took: milliseconds. */
  ms?: number;
}
