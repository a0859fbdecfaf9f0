/**
 * A server on a {@linkcode VirtualNetwork}: the shipped routing core, connected to virtual connections as
 * `p2p/server.ts` connects it to sockets.
 *
 * @module
 */
import { FrameType, hostOf, readSessionRegistration, Registration } from "@netlab/protocol";
import {
  type Connection,
  type FrameRule,
  type LinkCosts,
  type Logger,
  type MessageStore,
  type NetworkParts,
  type Peer,
  RoutingCore,
  type ServerLimits,
  type ServerNetwork,
} from "@netlab/p2p/core";
import { verifySignature } from "@netlab/p2p/server";
import type { VirtualConnection } from "./virtual_connection.ts";
import { VirtualKeys } from "./virtual_keys.ts";
import type { VirtualNetwork } from "./virtual_network.ts";

/** The time between two ticks of a core: milliseconds. */
const TICK_MS = 250;

/** How to start a {@linkcode VirtualNode}. */
export interface VirtualNodeOptions {
  /**
   * The addresses of servers to dial.
   *
   * @default {[]}
   */
  peers?: readonly string[];
  /**
   * More addresses to dial, which nobody named to the server.
   *
   * @default {[]}
   */
  defaultPeers?: readonly string[];
  /**
   * The network that the server belongs to.
   *
   * @default {a new one after every start}
   */
  network?: string;
  /**
   * The costs of links.
   *
   * @default {the default of the routing core}
   */
  costs?: LinkCosts;
  /**
   * Rules for additional frame types, by type.
   *
   * @default {none}
   */
  rules?: ReadonlyMap<number, FrameRule>;
  /**
   * Where to store messages. The server uses it again after a crash.
   *
   * @default {messages are stored in memory}
   */
  store?: MessageStore;
  /**
   * How many messages to store, and how many links to make.
   *
   * @default {the default of the routing core}
   */
  limits?: ServerLimits;
  /**
   * How far the clock of the server is ahead of the network's: milliseconds, negative if it is behind.
   *
   * @default {0}
   */
  clockAheadMs?: number;
  /**
   * Returns how long it takes until the server begins to store new messages: milliseconds. What it has written to
   * connections may have left by then.
   *
   * @default {0}
   */
  storeDelayMs?: () => number;
  /**
   * The keys of the network. Its servers have tokens, and so have users for the name that they register.
   *
   * @default {none: the network is open}
   */
  keys?: VirtualKeys;
  /**
   * The thumbprint of the key to which the server's token is bound.
   *
   * @default {none}
   */
  boundTo?: string;
  /**
   * Creates what connects the server with others.
   *
   * @default {the default of the routing core: a mesh}
   */
  serverNetwork?: (parts: NetworkParts, node: VirtualNode) => ServerNetwork;
  /** Called with the name of each event that the server logs, such as `link.up`. */
  onEvent?: (event: string) => void;
}

/** A virtual server. It runs once it is created. */
export class VirtualNode {
  /** The address of the server, `host:port`. */
  readonly address: string;
  /** The present routing core, or the last one if the server does not run. */
  core!: RoutingCore;
  /** The names of the events that the server has logged, such as `link.up`. */
  readonly events: string[] = [];
  readonly #network: VirtualNetwork;
  readonly #options: VirtualNodeOptions;
  #connections = new Set<VirtualConnection>();
  #running = false;

  /** Creates and starts a server. */
  constructor(network: VirtualNetwork, address: string, options: VirtualNodeOptions = {}) {
    this.#network = network;
    this.address = address;
    this.#options = options;
    this.start();
  }

  /** Starts the server with a new id. Only for a server that crashed or was closed. */
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
    const { keys } = this.#options;
    const signing = keys?.createKey(() => this.#now);
    const here = () => this.#running && this.core === core;
    const core = this.core = new RoutingCore({
      id: signing?.id ?? network.uuid(),
      address,
      peers: this.#options.peers ?? [],
      defaultPeers: this.#options.defaultPeers ?? [],
      host: {
        random: network.random,
        verifySignature: keys?.verify ?? verifySignature,
        ...keys && { tokens: keys.host(signing!, this.#options.boundTo) },
        soon: (run) => {
          network.after(this.#options.storeDelayMs?.() ?? 0, () => {
            if (!here()) return;
            core.setTime(this.#now);
            run();
          });
        },
        dial: (to, dial) => {
          network.dial(address, to, {
            connected: (connection) => {
              if (!here()) return connection.vanish();
              core.setTime(this.#now);
              this.#run(connection, dial.connected(connection));
            },
            failed: (reason) => here() && dial.failed(reason),
          });
        },
      },
      logger,
      now: this.#now,
      ...keys && { network: "keys", insecureToken: true },
      ...this.#options.network !== undefined && { network: this.#options.network },
      ...this.#options.costs && { costs: this.#options.costs },
      ...this.#options.rules && { rules: this.#options.rules },
      ...this.#options.store && { store: this.#options.store },
      ...this.#options.limits && { limits: this.#options.limits },
      ...this.#options.serverNetwork && {
        serverNetwork: (parts) => this.#options.serverNetwork!(parts, this),
      },
    });
    network.listen(address, (connection) => {
      core.setTime(this.#now);
      this.#run(connection, core.accepted(connection, hostOf(connection.peer.party)));
    });
    const tick = () => {
      if (!here()) return;
      core.tick(this.#now);
      network.after(TICK_MS, tick);
    };
    tick();
  }

  /** Runs something that uses the core, unless the server does not run any more. */
  enter(run: () => void): void {
    if (!this.#running) return;
    this.core.setTime(this.#now);
    run();
    this.core.flush();
  }

  /** Crashes the server: it stops at once, and its connections are reset. */
  crash(): void {
    this.#running = false;
    this.#network.unlisten(this.address);
    for (const connection of this.#connections) connection.vanish();
    this.#connections = new Set();
  }

  /** Whether the server runs. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** Shuts the server down gracefully. */
  close(): void {
    this.#running = false;
    this.#network.unlisten(this.address);
    this.core.close();
  }

  /** Returns the names of all users that the server knows, sorted. */
  users(): string[] {
    return [...this.core.locations.names()].sort();
  }

  /** Returns the addresses of the servers to which this one has a link, sorted. */
  neighbours(): string[] {
    return [...this.core.mesh.peers()].map(({ address }) => address).sort();
  }

  /** Returns the link to another server. `undefined` if there is none. */
  linkTo({ address }: VirtualNode): Peer | undefined {
    return [...this.core.mesh.peers()].find((link) => link.address === address);
  }

  /** The number of connections of any kind. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The time by the clock of the server. */
  get #now(): number {
    return this.#network.now + (this.#options.clockAheadMs ?? 0);
  }

  #run(connection: VirtualConnection, link: Connection): void {
    const { core } = this;
    this.#connections.add(connection);
    connection.start({
      run: (bytes, start, end) => core.run(link, bytes, start, end),
      frame: (frame) => {
        const isUser = frame.type === FrameType.Registration &&
          frame.subtype === Registration.Session;
        if (isUser && this.#options.keys) {
          VirtualKeys.admit(link, readSessionRegistration(frame.payload).name);
        }
        core.received(link, frame);
      },
      flush: () => {
        core.setTime(this.#now);
        core.arrived(link);
        core.flush();
      },
      ended: () => core.closed(link),
      violation: (error) => core.violated(link, error),
      drained: () => core.drained(link),
      gone: () => {
        this.#connections.delete(connection);
        core.setTime(this.#now);
        core.closed(link);
      },
    });
  }
}
