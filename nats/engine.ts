/**
 * NATS as what connects servers and stores their messages. Owns the connection to NATS, and creates what uses it.
 *
 * @module
 */
import { DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy } from "@nats-io/jetstream";
import { connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import type { KV } from "@nats-io/kv";
import { checkNetworkName } from "@netlab/protocol";
import type { Log, NatsHost } from "./host.ts";
import { follow, nameInNats, NatsBus, storageOf } from "./nats_bus.ts";
import { Partitions } from "./partitions.ts";
import { StreamStore } from "./stream_store.ts";

/** The name of a network that has none. */
const DEFAULT_NETWORK = "netlab";
/** How long a connection to NATS may take: milliseconds. */
const CONNECT_MS = 5_000;
/** How long a server that starts waits for NATS: milliseconds. */
const SETUP_MS = 30_000;
/** How often NATS must show a sign of life: milliseconds. After three such times, another server is tried. */
const PING_MS = 1_000;
/** How long to wait before NATS is dialled again: milliseconds. */
const RECONNECT_MS = 250;
/** How long JetStream remembers the ids of messages: nanoseconds. */
const REMEMBER_NS = 10 * 60 * 1_000_000_000;
/** How long a closing server waits for NATS: milliseconds. */
const CLOSE_MS = 1_000;

/** How a server uses NATS. */
export interface NatsOptions {
  /** The addresses of NATS servers: `nats://host:port` or `tls://host:port` each. One must answer at the start. */
  servers: readonly string[];
  /**
   * The path of a file with credentials for NATS.
   *
   * @default {none}
   */
  credentials?: string;
  /**
   * The path of a file with certificates of authorities to trust: PEM.
   *
   * @default {the public authorities}
   */
  tlsCa?: string;
  /**
   * The name of the network. Servers of one network use the same name, and a NATS cluster may serve several.
   *
   * @default {"netlab"}
   */
  network?: string;
  /**
   * How many NATS servers store each message: 1, 3 or 5. It counts when the network is created.
   *
   * @default {1}
   */
  replicas?: number;
  /**
   * Whether NATS stores messages in files or in memory. It counts when the network is created.
   *
   * @default {"file"}
   */
  storage?: "file" | "memory";
  /**
   * Receives what happens to the connection to NATS.
   *
   * @default {none: nothing is logged}
   */
  logger?: Log;
}

/**
 * NATS, for one server.
 *
 * @example
 * ```ts ignore
 * import { NatsEngine } from "@netlab/nats";
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * const engine = await NatsEngine.connect({ servers: ["nats://127.0.0.1:4222"] });
 * await using server = await P2pServer.listen({ engine });
 * ```
 */
export class NatsEngine {
  /** The name of the network. */
  readonly networkName: string;
  readonly #connection: NatsConnection;
  readonly #table: KV;
  readonly #store: StreamStore;
  readonly #js: ReturnType<typeof jetstream>;
  readonly #jsm: Awaited<ReturnType<typeof jetstreamManager>>;
  readonly #stream: string;
  readonly #logger: Log | undefined;
  #self = "";
  #bus: NatsBus | undefined;
  #partitions: Partitions | undefined;
  #host: NatsHost | undefined;

  private constructor(
    connection: NatsConnection,
    table: KV,
    jsm: Awaited<ReturnType<typeof jetstreamManager>>,
    network: string,
    logger: Log | undefined,
  ) {
    this.networkName = network;
    this.#connection = connection;
    this.#table = table;
    this.#js = jetstream(connection);
    this.#jsm = jsm;
    this.#stream = streamOf(network);
    this.#store = new StreamStore(connection, this.#js, jsm, this.#stream, subjectsOf(network));
    this.#logger = logger;
    follow(connection, (isConnected) => this.#followed(isConnected));
  }

  /**
   * Connects to NATS, and creates what the network needs there.
   *
   * @throws {TypeError} When there is no server, or the name of the network is invalid.
   * @throws {Error} When NATS cannot be reached, or JetStream refuses what the network needs.
   */
  static async connect(options: NatsOptions): Promise<NatsEngine> {
    const { servers, credentials, tlsCa, network = DEFAULT_NETWORK, logger } = options;
    const { replicas = 1, storage = "file" } = options;
    if (servers.length === 0) {
      throw new TypeError("Cannot use NATS without an address of a NATS server");
    }
    checkNetworkName(network);
    const isTls = servers.some((server) => server.startsWith("tls://"));
    const authenticator = credentials === undefined
      ? undefined
      : credsAuthenticator(await Deno.readFile(credentials));
    const until = Date.now() + SETUP_MS;
    for (let isFirst = true;; isFirst = false) {
      let connection: NatsConnection | undefined;
      try {
        connection = await connect({
          servers: [...servers],
          name: "netlab",
          timeout: CONNECT_MS,
          maxReconnectAttempts: -1,
          reconnectTimeWait: RECONNECT_MS,
          reconnectJitter: RECONNECT_MS,
          pingInterval: PING_MS,
          maxPingOut: 2,
          noEcho: true,
          ...authenticator && { authenticator },
          ...isTls && { tls: tlsCa === undefined ? {} : { caFile: tlsCa } },
        });
        return await NatsEngine.#setUp(connection, network, { replicas, storage }, logger);
      } catch (cause) {
        await connection?.close();
        const what = connection ? "use JetStream of" : "connect to";
        const { message } = cause as Error;
        const reason = `Cannot ${what} NATS at ${servers.join(", ")}: ${message}`;
        // NATS may be starting, too, and a cluster needs time to agree on who leads it.
        if (Date.now() >= until) throw new Error(reason, { cause });
        if (isFirst) {
          const seconds = SETUP_MS / 1_000;
          logger?.warn("{reason}; trying for {seconds} s", { event: "nats.wait", reason, seconds });
        }
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
  }

  /** Creates what the network needs in NATS, unless it is there. */
  static async #setUp(
    connection: NatsConnection,
    network: string,
    { replicas, storage }: Required<Pick<NatsOptions, "replicas" | "storage">>,
    logger: Log | undefined,
  ): Promise<NatsEngine> {
    const table = await NatsBus.openTable(connection, network, { replicas, storage });
    const jsm = await jetstreamManager(connection);
    const name = streamOf(network);
    // It fails if the stream exists with other settings, which then stay.
    await jsm.streams.add({
      name,
      subjects: [`${subjectsOf(network)}.>`],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      storage: storageOf(storage),
      num_replicas: replicas,
      duplicate_window: REMEMBER_NS,
    }).catch(async (error) => {
      await jsm.streams.info(name).catch(() => {
        throw error;
      });
    });
    return new NatsEngine(connection, table, jsm, network, logger);
  }

  /** Stores the messages of the server. */
  get store(): StreamStore {
    return this.#store;
  }

  /** Creates what carries the frames of the server with the id `self`. */
  bus(self: string): NatsBus {
    this.#self = self;
    return this.#bus = new NatsBus(this.#connection, this.#table, this.networkName, self);
  }

  /** Begins, once the server runs. */
  async start(host: NatsHost): Promise<void> {
    this.#host = host;
    this.#partitions = new Partitions({
      js: this.#js,
      jsm: this.#jsm,
      stream: this.#stream,
      prefix: subjectsOf(this.networkName),
      self: this.#self,
      store: this.#store,
      host,
    });
    await this.#bus!.start(host);
    this.#partitions.start();
  }

  /** Ends, after the server has closed. */
  async close(): Promise<void> {
    await this.#partitions?.close();
    await this.#store.close(CLOSE_MS);
    await this.#bus?.close(CLOSE_MS);
    await this.#connection.close();
  }

  #followed(isConnected: boolean): void {
    const logger = this.#host?.logger ?? this.#logger;
    if (isConnected) {
      logger?.info("connected to NATS again at {address}", {
        event: "nats.up",
        address: this.#connection.getServer(),
      });
      this.#bus?.resume();
    } else if (!this.#connection.isClosed()) {
      this.#bus?.lost();
      logger?.warn(
        "lost the connection to NATS: nobody can register, and durable messages are refused, until it is back",
        { event: "nats.down" },
      );
    }
  }
}

/** The name of the stream of a network. */
function streamOf(network: string): string {
  return `netlab_${nameInNats(network)}_messages`;
}

/** What the subjects of its messages begin with. */
function subjectsOf(network: string): string {
  return `netlab.${nameInNats(network)}.stored`;
}
