/**
 * A TCP proxy that makes a link worse: slower, cut into pieces, held up, broken. Owns the listener and
 * the connections; what happens to bytes is in `pipe.ts`, what can go wrong in `faults.ts`. Knows
 * nothing of what is spoken.
 *
 * @module
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { DEFAULT_HOST, formatAddress, parseAddress } from "@netlab/protocol";
import { checkFaults, Decisions, type Faults } from "./faults.ts";
import { Pipe } from "./pipe.ts";
import { randomSeed, seeded } from "../random.ts";

/** One direction through a proxy, or both: `toTarget` is what those who connect say. */
export type Direction = "toTarget" | "toClient" | "both";

/** Where a {@linkcode FaultProxy} listens, and what it stands in front of. */
export interface FaultProxyOptions {
  /** The address that connections are passed on to, `host:port`. */
  target: string;
  /**
   * The host name or IP address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on; 0 takes a free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * What chance starts from: the same seed gives the same decisions.
   *
   * @default {a random one}
   */
  seed?: number;
}

/** The faults of a proxy, by direction. */
export interface DirectedFaults {
  /** What those who connect say to the target. */
  readonly toTarget?: Faults;
  /** What the target says to those who connect. */
  readonly toClient?: Faults;
}

/**
 * A proxy between two parties, with faults that are set and taken away while it runs. Without any, it
 * passes on what comes, the ends of connections included.
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
  /** Where the proxy is reached, `host:port`. */
  readonly address: string;
  /** What chance started from. */
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
   * Starts a proxy. Its target need not be there yet: who connects is reset as long as it is not.
   *
   * @throws {TypeError} When the target is not `host:port`.
   * @throws {Error} What the system says when it cannot listen, such as that the port is in use.
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

  /** How many connections there are. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Gives directions other faults than they had, for connections that are open and those to come. A
   * direction that is left out keeps its own; `{}` takes them away.
   *
   * @throws {RangeError} When a number is out of its range.
   */
  set({ toTarget, toClient }: DirectedFaults): void {
    if (toTarget) this.#faults.toTarget = checkFaults(toTarget);
    if (toClient) this.#faults.toClient = checkFaults(toClient);
    this.#apply();
  }

  /** Resets all connections, as a router that restarts would. New ones get through. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.reset();
  }

  /**
   * Lets nothing through in one direction or both, and tells nobody: bytes are held, and so is the news
   * that a connection has ended. It lasts until {@linkcode FaultProxy.heal}; other faults stay.
   *
   * @param newcomers What becomes of new connections: they hang until the heal, or are reset at once.
   */
  partition(direction: Direction = "both", newcomers: "hang" | "refuse" = "hang"): void {
    this.#parted.toTarget ||= direction !== "toClient";
    this.#parted.toClient ||= direction !== "toTarget";
    this.#newcomers = newcomers;
    this.#apply();
  }

  /** Ends a partition: what was held arrives, who hung gets through. */
  heal(): void {
    this.#parted.toTarget = this.#parted.toClient = false;
    this.#apply();
    for (const connection of [...this.#connections]) this.#connect(connection);
  }

  /** Resets all connections, and listens no more. Closing twice does nothing. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The same as {@linkcode FaultProxy.close}. */
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

/** A connection through the proxy: two sockets, and a pipe each way. */
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

  /** Opens the way to the target, if it was not yet. */
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

  /** Breaks both sides at once, with an RST. */
  reset(): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#pipes?.toTarget.close();
    this.#pipes?.toClient.close();
    this.#client.resetAndDestroy();
    this.#target?.resetAndDestroy();
  }

  #watch(socket: Socket): void {
    // What went wrong is for the parties: each hears of the end through its own socket.
    socket.on("error", () => {});
    socket.on("close", () => {
      if (!this.#pipes) this.reset();
      if (--this.#open === 0) this.#gone.resolve();
    });
  }
}
