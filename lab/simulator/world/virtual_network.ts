/**
 * A network in memory under a virtual clock: parties listen and dial, and connections delay bytes and cut
 * them anywhere. Pairs of parties can be separated. The same seed gives the same run. Knows nothing of the
 * protocol.
 *
 * @module
 */
import { enableInvariants, type Frame } from "@netlab/protocol";
import { VirtualClock } from "./virtual_clock.ts";
import { between, randomUuid, seeded } from "../../random.ts";
import { VirtualConnection, type Wire } from "./virtual_connection.ts";

/** When virtual time begins: milliseconds since 1970. */
const START = 1_800_000_000_000;
/** How long a connection attempt without an answer takes: milliseconds. */
const CONNECT_MS = 5_000;
/** Small copies of bytes share a buffer of this size. */
const SHARED_BYTES = 32 * 1024;

/** A frame that arrived. */
export interface SeenFrame {
  /** When it arrived: milliseconds since 1970. */
  at: number;
  /** The address of the sender. */
  from: string;
  /** The address of the receiver. */
  to: string;
  /** The frame. */
  frame: Frame;
}

/** Receives the outcome of a connection attempt. */
export interface Dialler {
  /** The attempt succeeded. */
  connected(connection: VirtualConnection): void;
  /** The attempt failed. */
  failed(reason: string): void;
}

/**
 * Parties and the connections between them. A party is anything with an address `host:port`: a server or a
 * user. All random decisions come from one seed.
 */
export class VirtualNetwork implements Wire {
  /** Returns random numbers from 0 to below 1, from the seed. */
  readonly random: () => number;
  /** Returns how long a packet takes from one address to another: milliseconds. */
  latency: (from: string, to: string) => number;
  /** Returns how many bytes per second a connection carries from one address to another; no limit at first. */
  bandwidth: (from: string, to: string) => number = () => Infinity;
  readonly #clock = new VirtualClock(START);
  readonly #listeners = new Map<string, (connection: VirtualConnection) => void>();
  readonly #connections = new Set<VirtualConnection>();
  readonly #refused = new Set<string>();
  readonly #silent = new Set<string>();
  readonly #watchers: ((seen: SeenFrame) => void)[] = [];
  /** The rest of the buffer that small copies share. */
  #shared = new Uint8Array(0);
  /** Reused for every frame, because there are millions of them. */
  readonly #seen = {} as SeenFrame;

  /** Creates a network without parties, with latencies of 1 to 3 ms. */
  constructor(seed = 1) {
    enableInvariants();
    this.random = seeded(seed);
    this.latency = () => 1 + 2 * this.random();
  }

  /** The virtual time: milliseconds since 1970. */
  get now(): number {
    return this.#clock.now;
  }

  /** Returns a new UUID. */
  uuid(): string {
    return randomUuid(this.random);
  }

  /** Schedules a task `ms` milliseconds from now. Tasks for the same time run in the order of the calls. */
  after(ms: number, run: () => void): void {
    this.#clock.schedule(this.now + ms, run);
  }

  /** Schedules a task at a time: milliseconds since 1970. */
  at(ms: number, run: () => void): void {
    this.#clock.schedule(ms, run);
  }

  /** Lets `ms` milliseconds pass. */
  run(ms: number): void {
    this.#clock.runUntil(this.now + ms);
  }

  /**
   * Lets time pass until a condition holds.
   *
   * @param withinMs How long it may take: milliseconds.
   * @returns How long it took: milliseconds.
   * @throws {Error} When the condition does not hold after `withinMs`.
   */
  until(condition: () => boolean, withinMs = 10_000): number {
    const from = this.now;
    while (!condition()) {
      if (this.now - from >= withinMs) {
        throw new Error(`Cannot go on: after ${withinMs} ms still not ${condition}`);
      }
      this.run(5);
    }
    return this.now - from;
  }

  /** Lets a party accept connections at an address. */
  listen(address: string, accept: (connection: VirtualConnection) => void): void {
    this.#listeners.set(address, accept);
  }

  /** Lets an address accept no more connections. */
  unlisten(address: string): void {
    this.#listeners.delete(address);
  }

  /** Connects one address to another. `dialler` receives the outcome later. */
  dial(from: string, to: string, dialler: Dialler): void {
    const silent = this.isSilent(from, to);
    const takes = silent ? CONNECT_MS : this.latency(from, to) + this.latency(to, from);
    this.after(takes, () => {
      if (silent || this.isSilent(from, to)) return dialler.failed("no answer");
      const accept = this.#listeners.get(to);
      if (!accept || this.#refused.has(pair(from, to))) {
        return dialler.failed("connection refused");
      }
      const near = new VirtualConnection(this, from);
      const far = new VirtualConnection(this, to);
      near.peer = far;
      far.peer = near;
      this.#connections.add(near).add(far);
      accept(far);
      dialler.connected(near);
    });
  }

  /** Breaks the connections between two parties. Both learn of it. */
  cut(a: string, b: string): void {
    for (const end of this.#between(a, b)) end.sever();
  }

  /** Breaks the connections between two parties, and refuses new ones until `join`. */
  separate(a: string, b: string): void {
    this.#refused.add(pair(a, b));
    this.cut(a, b);
  }

  /** Silently holds all bytes between two parties until `join`. */
  silence(a: string, b: string): void {
    this.#silent.add(pair(a, b));
  }

  /** Ends `separate` and `silence` between two parties. Bytes in flight arrive. */
  join(a: string, b: string): void {
    this.#refused.delete(pair(a, b));
    if (!this.#silent.delete(pair(a, b))) return;
    for (const end of this.#between(a, b)) this.after(0, () => end.arrive());
  }

  /** Whether all bytes between two parties are held. */
  isSilent(a: string, b: string): boolean {
    return this.#silent.size > 0 && this.#silent.has(pair(a, b));
  }

  /**
   * Collects frames that arrive from now on.
   *
   * @param wanted Whether to collect a frame. Its argument is valid during the call only.
   * @returns The collected frames. The list grows.
   */
  watch(wanted: (seen: SeenFrame) => boolean): SeenFrame[] {
    const frames: SeenFrame[] = [];
    this.#watchers.push((seen) => {
      if (wanted(seen)) frames.push({ ...seen, frame: seen.frame.copy() });
    });
    return frames;
  }

  /** Reports a frame that arrived. Connections call this. */
  sawFrame(from: string, to: string, frame: Frame): void {
    if (this.#watchers.length === 0) return;
    const seen = this.#seen;
    seen.at = this.now;
    seen.from = from;
    seen.to = to;
    seen.frame = frame;
    for (const watcher of this.#watchers) watcher(seen);
  }

  /** Decides how many of `most` bytes travel together. Connections call this. */
  pieceOf(most: number): number {
    return this.random() < 0.5 ? most : between(this.random, 1, most);
  }

  /** Copies bytes. Connections call this. */
  copy(bytes: Uint8Array): Uint8Array {
    // Allocating a buffer for each small copy would take most of the time of a run.
    if (bytes.length > this.#shared.length) {
      if (bytes.length > SHARED_BYTES / 8) return bytes.slice();
      this.#shared = new Uint8Array(SHARED_BYTES);
    }
    const copy = this.#shared.subarray(0, bytes.length);
    copy.set(bytes);
    this.#shared = this.#shared.subarray(bytes.length);
    return copy;
  }

  /** Forgets a closed connection. Connections call this. */
  forget(connection: VirtualConnection): void {
    this.#connections.delete(connection);
  }

  #between(a: string, b: string): VirtualConnection[] {
    return [...this.#connections].filter(({ party, peer }) =>
      pair(party, peer.party) === pair(a, b)
    );
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
