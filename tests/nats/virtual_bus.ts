/**
 * A bus in memory, in virtual time: frames and changes of the table take a while, and a server may be cut off.
 *
 * @module
 */
import type { VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import {
  type Bus,
  type BusEvents,
  type Entry,
  type NetworkParts,
  StarNetwork,
  type Written,
} from "@netlab/p2p/core";

/** How long everything takes: milliseconds. */
const LATENCY_MS = 5;

/** One end of the bus. */
class End implements Bus {
  isCut = false;
  losses = 0;
  readonly #hub: VirtualBus;
  readonly id: string;
  readonly node: VirtualNode;
  events!: BusEvents;

  constructor(hub: VirtualBus, id: string, node: VirtualNode) {
    this.#hub = hub;
    this.id = id;
    this.node = node;
  }

  send(server: string, frames: Uint8Array): boolean {
    const copy = frames.slice();
    this.#hub.pass(this, (to) => to.id === server && to.events.frames(this.id, copy));
    return true;
  }

  beat(): void {
    this.#hub.pass(this, (to) => to.events.beat(this.id, this.losses));
  }

  leave(): void {
    this.#hub.pass(this, (to) => to.events.left(this.id));
  }

  write(
    key: string,
    value: Uint8Array | undefined,
    revision: number,
    done: (written: Written) => void,
  ): void {
    this.#hub.ask(this, () => this.#hub.change(key, value, revision), done, "failed");
  }

  read(key: string, done: (entry: Entry | undefined) => void): void {
    const look = () => this.#hub.table.get(key) ?? { value: undefined, revision: 0 };
    this.#hub.ask<Entry | undefined>(this, look, done, undefined);
  }
}

/** The bus, and the table. */
export class VirtualBus {
  /** All entries, also deleted ones. */
  readonly table = new Map<string, Entry>();
  readonly #network: VirtualNetwork;
  readonly #ends: End[] = [];
  #revision = 0;

  constructor(network: VirtualNetwork) {
    this.#network = network;
  }

  /** Connects a server. Pass it as the option `serverNetwork`. */
  readonly connect = (parts: NetworkParts, node: VirtualNode): StarNetwork => {
    const end = new End(this, parts.context.id, node);
    const star = new StarNetwork({ network: "test", bus: end }, parts);
    end.events = star;
    this.#ends.push(end);
    this.#network.after(0, () => {
      if (!this.#isOn(end)) return;
      for (const [key, entry] of this.table) node.enter(() => star.changed(key, entry));
      node.enter(() => star.announce(node.core.capabilities()));
    });
    return star;
  };

  /** Cuts a server off, or connects it again. */
  cut(node: VirtualNode, isCut = true): void {
    const end = this.#ends.findLast((each) => each.node === node)!;
    end.isCut = isCut;
    if (isCut) {
      end.losses++;
      return node.enter(() => end.events.lost());
    }
    for (const [key, entry] of this.table) node.enter(() => end.events.changed(key, entry));
  }

  /** Passes something to all other servers. */
  pass(from: End, take: (to: End) => void): void {
    if (from.isCut) return;
    this.#network.after(LATENCY_MS, () => {
      for (const to of this.#ends) {
        if (to !== from && this.#isOn(to) && !to.isCut) to.node.enter(() => take(to));
      }
    });
  }

  /** Asks the table for something. */
  ask<T>(from: End, ask: () => T, done: (result: T) => void, failed: T): void {
    this.#network.after(LATENCY_MS, () => {
      const result = from.isCut ? failed : ask();
      this.#network.after(LATENCY_MS, () => {
        if (this.#isOn(from)) from.node.enter(() => done(result));
      });
    });
  }

  /** Changes an entry, if it has this revision. */
  change(key: string, value: Uint8Array | undefined, revision: number): Written {
    const before = this.table.get(key);
    if (revision >= 0 && (before?.revision ?? 0) !== revision) return "conflict";
    const entry = { value, revision: ++this.#revision };
    this.table.set(key, entry);
    for (const to of this.#ends) {
      this.#network.after(LATENCY_MS, () => {
        if (this.#isOn(to) && !to.isCut) to.node.enter(() => to.events.changed(key, entry));
      });
    }
    return { revision: entry.revision };
  }

  /** Whether a server runs, and has not started again since. */
  #isOn({ node, id }: End): boolean {
    return node.isRunning && node.core.id === id;
  }
}
