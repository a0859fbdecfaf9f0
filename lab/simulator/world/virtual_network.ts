/**
 * A network in memory under a virtual clock: parties that listen and dial, connections with delays
 * that cut bytes anywhere, and pairs of parties that cannot reach or hear each other. Everything is
 * drawn from one seed, so that the same seed gives the same run. Knows nothing of what is spoken.
 *
 * @module
 */
import type { Frame } from "@netlab/protocol";
import { VirtualClock } from "./virtual_clock.ts";
import { between, randomUuid, seeded } from "../../random.ts";
import { VirtualConnection, type Wire } from "./virtual_connection.ts";

/** When virtual time begins: milliseconds since 1970. */
const START = 1_800_000_000_000;
/** How long an attempt to reach somebody who does not answer takes: milliseconds. */
const CONNECT_MS = 5_000;
/** Copies of bytes are made on sheets of this size. */
const SHEET_BYTES = 32 * 1024;

/** A frame that arrived somewhere. */
export interface SeenFrame {
  at: number;
  from: string;
  to: string;
  frame: Frame;
}

/** What a party that dials hears. */
export interface Dialler {
  connected(connection: VirtualConnection): void;
  failed(reason: string): void;
}

/** Parties and the connections between them. A party is named by `host:port`. */
export class VirtualNetwork implements Wire {
  /** Numbers from 0 to below 1. */
  readonly random: () => number;
  /** How long a parcel takes from one party to another: milliseconds. */
  latency: (from: string, to: string) => number;
  readonly #clock = new VirtualClock(START);
  readonly #listeners = new Map<string, (connection: VirtualConnection) => void>();
  readonly #connections = new Set<VirtualConnection>();
  readonly #refused = new Set<string>();
  readonly #silent = new Set<string>();
  readonly #watchers: ((seen: SeenFrame) => void)[] = [];
  /** Where copies of bytes go next. */
  #sheet = new Uint8Array(0);
  /** Filled for every frame anew: there are millions of them. */
  readonly #seen = {} as SeenFrame;

  constructor(seed = 1) {
    this.random = seeded(seed);
    this.latency = () => 1 + 2 * this.random();
  }

  /** Virtual time: milliseconds since 1970. */
  get now(): number {
    return this.#clock.now;
  }

  /** A UUID that was not there before. */
  uuid(): string {
    return randomUuid(this.random);
  }

  /** Does something `ms` from now; what is due at one time is done in the order of asking. */
  after(ms: number, run: () => void): void {
    this.#clock.schedule(this.now + ms, run);
  }

  /** Does something at `ms` since 1970, which is not over yet. */
  at(ms: number, run: () => void): void {
    this.#clock.schedule(ms, run);
  }

  /** Lets time pass. */
  run(ms: number): void {
    this.#clock.runUntil(this.now + ms);
  }

  /**
   * Lets time pass until `condition` holds, and returns how long that took.
   *
   * @throws {Error} When it does not hold `withinMs` from now.
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

  /** A party takes connections. */
  listen(address: string, accept: (connection: VirtualConnection) => void): void {
    this.#listeners.set(address, accept);
  }

  /** A party takes no more connections. */
  unlisten(address: string): void {
    this.#listeners.delete(address);
  }

  /** A party opens a connection to `to`; the outcome comes later. */
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

  /** Breaks the connections between two parties: both ends are told. */
  cut(a: string, b: string): void {
    for (const end of this.#between(a, b)) end.sever();
  }

  /** Breaks the connections between two parties, and refuses new ones until they are joined. */
  separate(a: string, b: string): void {
    this.#refused.add(pair(a, b));
    this.cut(a, b);
  }

  /** Nothing gets through between two parties, and nobody tells them, until they are joined. */
  silence(a: string, b: string): void {
    this.#silent.add(pair(a, b));
  }

  /** Two parties can reach and hear each other again; what was under way arrives. */
  join(a: string, b: string): void {
    this.#refused.delete(pair(a, b));
    if (!this.#silent.delete(pair(a, b))) return;
    for (const end of this.#between(a, b)) this.after(0, () => end.arrive());
  }

  /** Whether nothing gets through between two parties. */
  isSilent(a: string, b: string): boolean {
    return this.#silent.size > 0 && this.#silent.has(pair(a, b));
  }

  /** The frames that arrive from now on, those that `wanted` wants; what it is given is valid meanwhile. */
  watch(wanted: (seen: SeenFrame) => boolean): SeenFrame[] {
    const frames: SeenFrame[] = [];
    this.#watchers.push((seen) => {
      if (wanted(seen)) frames.push({ ...seen, frame: seen.frame.copy() });
    });
    return frames;
  }

  /** For connections: a frame arrived. */
  sawFrame(from: string, to: string, frame: Frame): void {
    if (this.#watchers.length === 0) return;
    const seen = this.#seen;
    seen.at = this.now;
    seen.from = from;
    seen.to = to;
    seen.frame = frame;
    for (const watcher of this.#watchers) watcher(seen);
  }

  /** For connections: how many of `most` bytes travel together. */
  pieceOf(most: number): number {
    return this.random() < 0.5 ? most : between(this.random, 1, most);
  }

  /** For connections: the same bytes, which stay as they are. */
  copy(bytes: Uint8Array): Uint8Array {
    // Small ones lie together: memory of its own for each takes longer than all the rest.
    if (bytes.length > this.#sheet.length) {
      if (bytes.length > SHEET_BYTES / 8) return bytes.slice();
      this.#sheet = new Uint8Array(SHEET_BYTES);
    }
    const copy = this.#sheet.subarray(0, bytes.length);
    copy.set(bytes);
    this.#sheet = this.#sheet.subarray(bytes.length);
    return copy;
  }

  /** For connections: one is gone. */
  forget(connection: VirtualConnection): void {
    this.#connections.delete(connection);
  }

  #between(a: string, b: string): VirtualConnection[] {
    return [...this.#connections].filter(({ party, peer }) =>
      pair(party, peer.party) === pair(a, b)
    );
  }
}

/** The host in `host:port`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
