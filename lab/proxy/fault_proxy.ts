/**
 * A TCP proxy that makes connections worse: it delays, slices, holds or loses bytes, and resets
 * connections. This file owns the listener and the connections; `pipe.ts` carries the bytes, and
 * `faults.ts` defines the faults. Knows nothing of the protocol.
 *
 * @module
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { DEFAULT_HOST, formatAddress, parseAddress } from "@netlab/protocol";
import { checkFaults, Decisions, type Faults } from "./faults.ts";
import { Pipe } from "./pipe.ts";
import { randomSeed, seeded } from "../random.ts";

/** A direction through a proxy: from clients to the target, from the target to clients, or both. */
export type Direction = "toTarget" | "toClient" | "both";

/** How to start a {@linkcode FaultProxy}. */
export interface FaultProxyOptions {
  /** The address to forward connections to, `host:port`. */
  target: string;
  /**
   * The host name or IP address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on. 0 takes a free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The seed of all random decisions. The same seed gives the same decisions.
   *
   * @default {a random seed}
   */
  seed?: number;
}

/** The faults of a proxy, by direction. */
export interface DirectedFaults {
  /** The faults of bytes from clients to the target. */
  readonly toTarget?: Faults;
  /** The faults of bytes from the target to clients. */
  readonly toClient?: Faults;
}

/**
 * A TCP proxy with faults that can be set and removed while it runs. Without faults, it forwards
 * everything, including the ends of connections.
 *
 * @example
 * ```ts
 * import { FaultProxy } from "@netlab/lab";
 * import { P2pClient, P2pServer } from "@netlab/p2p";
 *
 * await using server = await P2pServer.listen();
 * await using proxy = await FaultProxy.start({ target: server.address, seed: 1 });
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [proxy.address] });
 *
 * proxy.set({ toClient: { latencyMs: 40, jitterMs: 8 } });
 * await alice.send("Alice", "This takes some 80 ms");
 * ```
 */
export class FaultProxy implements AsyncDisposable {
  /** The address of the proxy, `host:port`. */
  readonly address: string;
  /** The seed of all random decisions. */
  readonly seed: number;
  readonly #target: { hostname: string; port: number };
  readonly #listener: Server;
  readonly #connections = new Set<Connection>();
  readonly #faults = { toTarget: {} as Faults, toClient: {} as Faults };
  readonly #parted = { toTarget: false, toClient: false };
  #newcomers: "hang" | "refuse" = "hang";
  #count = 0;
  #closed: Promise<void> | undefined;

  private constructor(listener: Server, address: string, options: FaultProxyOptions) {
    this.address = address;
    this.seed = options.seed ?? randomSeed();
    this.#target = parseAddress(options.target);
    this.#listener = listener;
    listener.on("connection", (socket) => this.#accept(socket));
  }

  /**
   * Starts a proxy. The target need not run yet. While it does not, new connections are reset.
   *
   * @throws {TypeError} When the target is not `host:port`.
   * @throws {Error} When the proxy cannot listen, for example because the port is in use.
   */
  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    parseAddress(options.target);
    const hostname = options.hostname ?? DEFAULT_HOST;
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const listening = Promise.withResolvers<void>();
    listener.once("error", listening.reject);
    listener.listen(options.port ?? 0, hostname, listening.resolve);
    await listening.promise;
    const { port } = listener.address() as { port: number };
    return new FaultProxy(listener, formatAddress({ hostname, port }), options);
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Replaces the faults of one direction or both, for open connections and new ones. `{}` removes all
   * faults. A direction that is left out keeps its faults.
   *
   * @throws {RangeError} When a number is out of range.
   */
  set({ toTarget, toClient }: DirectedFaults): void {
    if (toTarget) this.#faults.toTarget = checkFaults(toTarget);
    if (toClient) this.#faults.toClient = checkFaults(toClient);
    this.#apply();
  }

  /** Resets all connections, as a restarting router would. New connections are accepted. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.reset();
  }

  /**
   * Silently holds all bytes, and the ends of connections, in one direction or both. Lasts until
   * {@linkcode FaultProxy.heal}. Other faults stay.
   *
   * @param newcomers Whether new connections wait for the heal, or are reset at once.
   */
  partition(direction: Direction = "both", newcomers: "hang" | "refuse" = "hang"): void {
    this.#parted.toTarget ||= direction !== "toClient";
    this.#parted.toClient ||= direction !== "toTarget";
    this.#newcomers = newcomers;
    this.#apply();
  }

  /** Ends a partition. Held bytes arrive, and waiting connections get through. */
  heal(): void {
    this.#parted.toTarget = this.#parted.toClient = false;
    this.#apply();
    for (const connection of [...this.#connections]) this.#connect(connection);
  }

  /** Resets all connections, and stops listening. Closing twice does nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Calls {@linkcode FaultProxy.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    const gone = [...this.#connections].map((connection) => connection.gone);
    this.cut();
    await Promise.all([closed, ...gone]);
  }

  get #isParted(): boolean {
    return this.#parted.toTarget || this.#parted.toClient;
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#count++, this.seed);
    this.#connections.add(connection);
    void connection.gone.then(() => this.#connections.delete(connection));
    if (this.#closed || (this.#isParted && this.#newcomers === "refuse")) connection.reset();
    else this.#connect(connection);
  }

  #connect(connection: Connection): void {
    if (!this.#isParted) connection.connect(this.#target, () => this.#current());
  }

  #current(): Required<DirectedFaults> {
    const now = (direction: "toTarget" | "toClient"): Faults => {
      const faults = this.#faults[direction];
      return this.#parted[direction] ? { ...faults, stall: true } : faults;
    };
    return { toTarget: now("toTarget"), toClient: now("toClient") };
  }

  #apply(): void {
    const faults = this.#current();
    for (const connection of [...this.#connections]) connection.set(faults);
  }
}

/** A connection through the proxy: two sockets, and a pipe in each direction. */
class Connection {
  /** Resolves when both sockets are closed. */
  readonly gone: Promise<void>;
  readonly #client: Socket;
  readonly #number: number;
  readonly #seed: number;
  readonly #gone = Promise.withResolvers<void>();
  #target: Socket | undefined;
  #pipes: { toTarget: Pipe; toClient: Pipe } | undefined;
  #open = 1;
  #broken = false;

  constructor(client: Socket, number: number, seed: number) {
    this.#client = client;
    this.#number = number;
    this.#seed = seed;
    this.gone = this.#gone.promise;
    this.#watch(client);
  }

  /** Connects to the target, unless that has happened already. */
  connect(
    target: { hostname: string; port: number },
    faults: () => Required<DirectedFaults>,
  ): void {
    if (this.#target || this.#broken) return;
    this.#open++;
    const socket = createConnection({
      host: target.hostname,
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    this.#target = socket;
    this.#watch(socket);
    socket.on("connect", () => {
      if (this.#broken) return;
      const { toTarget, toClient } = faults();
      const decisions = (direction: number) =>
        new Decisions(
          seeded(this.#seed, this.#number, direction, 0),
          seeded(this.#seed, this.#number, direction, 1),
        );
      const reset = () => this.reset();
      this.#pipes = {
        toTarget: new Pipe(this.#client, socket, toTarget, decisions(0), reset),
        toClient: new Pipe(socket, this.#client, toClient, decisions(1), reset),
      };
      this.#client.resume();
    });
  }

  set({ toTarget, toClient }: Required<DirectedFaults>): void {
    this.#pipes?.toTarget.set(toTarget);
    this.#pipes?.toClient.set(toClient);
  }

  /** Resets both sides at once. */
  reset(): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#pipes?.toTarget.close();
    this.#pipes?.toClient.close();
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
  }

  #watch(socket: Socket): void {
    // The errors do not matter here: both sides learn of the end through their own sockets.
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.#pipes) this.reset();
      if (--this.#open === 0) this.#gone.resolve();
    });
  }
}
