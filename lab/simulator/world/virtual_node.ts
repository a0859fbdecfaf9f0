/**
 * A server on a {@linkcode VirtualNetwork}: the real routing core between virtual connections, wired
 * as `p2p/server.ts` wires it to sockets. Owns starting, crashing and the ticks.
 *
 * @module
 */
import {
  type Connection,
  type FrameRule,
  type LinkCosts,
  type Logger,
  type MailboxLimits,
  type MessageStore,
  type Peer,
  RoutingCore,
} from "@netlab/p2p/core";
import type { VirtualConnection } from "./virtual_connection.ts";
import { hostOf, type VirtualNetwork } from "./virtual_network.ts";

/** How often a core is told the time: milliseconds. */
const TICK_MS = 250;

/** How a {@linkcode VirtualNode} starts. */
export interface VirtualNodeOptions {
  /** Addresses that it dials from the start. */
  peers?: readonly string[];
  /** What its links cost. */
  costs?: LinkCosts;
  /** Rules for further frame types. */
  rules?: ReadonlyMap<number, FrameRule>;
  /** Where it writes messages down: the same store after a crash, and what that remembers. */
  store?: MessageStore;
  /** How much it keeps. */
  limits?: MailboxLimits;
  /** Hears what it logs, by its name: `link.up` and the like. */
  onEvent?: (event: string) => void;
}

/** A server. It runs from the start. */
export class VirtualNode {
  readonly address: string;
  /** The routing core that runs now, or ran last. */
  core!: RoutingCore;
  /** What the core has logged, by its name: `link.up` and the like. */
  readonly events: string[] = [];
  readonly #network: VirtualNetwork;
  readonly #options: VirtualNodeOptions;
  #connections = new Set<VirtualConnection>();
  #running = false;

  constructor(network: VirtualNetwork, address: string, options: VirtualNodeOptions = {}) {
    this.#network = network;
    this.address = address;
    this.#options = options;
    this.start();
  }

  /** Starts, under a new id. */
  start(): void {
    const network = this.#network;
    const { address } = this;
    const log = (_: string, properties?: Record<string, unknown>) => {
      if (typeof properties?.event !== "string") return;
      this.events.push(properties.event);
      this.#options.onEvent?.(properties.event);
    };
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    this.#running = true;
    const here = () => this.#running && this.core === core;
    const core = this.core = new RoutingCore({
      id: network.uuid(),
      address,
      peers: this.#options.peers ?? [],
      host: {
        random: network.random,
        soon: (run) => {
          network.after(0, () => {
            if (!here()) return;
            core.setTime(network.now);
            run();
          });
        },
        dial: (to, dial) => {
          network.dial(address, to, {
            connected: (connection) => {
              if (!here()) return connection.vanish();
              core.setTime(network.now);
              this.#run(connection, dial.connected(connection));
            },
            failed: (reason) => here() && dial.failed(reason),
          });
        },
      },
      logger,
      now: network.now,
      ...this.#options.costs && { costs: this.#options.costs },
      ...this.#options.rules && { rules: this.#options.rules },
      ...this.#options.store && { store: this.#options.store },
      ...this.#options.limits && { limits: this.#options.limits },
    });
    network.listen(address, (connection) => {
      core.setTime(network.now);
      this.#run(connection, core.accepted(connection, hostOf(connection.peer.party)));
    });
    const tick = () => {
      if (!here()) return;
      core.tick(network.now);
      network.after(TICK_MS, tick);
    };
    tick();
  }

  /** Is gone from one moment to the next; the others see its connections break. */
  crash(): void {
    this.#running = false;
    this.#network.unlisten(this.address);
    for (const connection of this.#connections) connection.vanish();
    this.#connections = new Set();
  }

  /** Signs off, as a server that is told to stop. */
  close(): void {
    this.#running = false;
    this.#network.unlisten(this.address);
    this.core.close();
  }

  /** The names of all users that can be written to, sorted. */
  users(): string[] {
    return [...this.core.locations.names()].sort();
  }

  /** The addresses of the servers to which it has a link, sorted. */
  neighbours(): string[] {
    return [...this.core.mesh.peers()].map(({ address }) => address).sort();
  }

  /** Its link to another. */
  linkTo({ address }: VirtualNode): Peer | undefined {
    return [...this.core.mesh.peers()].find((peer) => peer.address === address);
  }

  /** How many connections it has, of whatever kind. */
  get connections(): number {
    return this.#connections.size;
  }

  #run(connection: VirtualConnection, link: Connection): void {
    const { core } = this;
    this.#connections.add(connection);
    connection.start({
      frame: (frame) => core.received(link, frame),
      flush: () => {
        core.setTime(this.#network.now);
        core.flush();
      },
      ended: () => core.closed(link),
      violation: (error) => core.violated(link, error),
      drained: () => core.drained(link),
      gone: () => {
        this.#connections.delete(connection);
        core.setTime(this.#network.now);
        core.closed(link);
      },
    });
  }
}
