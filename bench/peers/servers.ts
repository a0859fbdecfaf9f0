/**
 * The servers that are compared: how to start them on free ports of 127.0.0.1, with which settings, and
 * how to ask for their versions.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import { outputOf, Program, ROOT } from "./programs.ts";

/** netlab's server. */
export const P2P_SERVER = `${ROOT}p2p/server.ts`;
const ECHO_SERVER = `${ROOT}bench/guard/echo_server.ts`;

/** One way to run a server. The part before the hyphen is the product; "two" means two servers. */
export type ServerName =
  | "netlab"
  | "netlab-data"
  | "netlab-two"
  | "nats"
  | "nats-two"
  | "redis"
  | "redis-append"
  | "mosquitto"
  | "echo";

/** How to start a server. */
export interface ServerOptions {
  /** The core that it is bound to, if any. */
  readonly core: number | undefined;
  /** An empty folder for its files. */
  readonly folder?: string;
  /** Whether netlab runs with an inspector. */
  readonly inspect?: boolean;
  /**
   * The port of the first server.
   *
   * @default {a free port}
   */
  readonly port?: number;
  /**
   * The file of netlab's server.
   *
   * @default {P2P_SERVER}
   */
  readonly file?: string;
}

/** The products that are compared: what the tables call them, and the command that prints the version. */
export const PRODUCTS = {
  netlab: { name: "netlab", command: [Deno.execPath(), "run", P2P_SERVER, "--version"] },
  echo: { name: "echo on Deno", command: [Deno.execPath(), "run", ECHO_SERVER, "--version"] },
  nats: { name: "nats-server", command: ["nats-server", "--version"] },
  redis: { name: "redis-server", command: ["redis-server", "--version"] },
  mosquitto: { name: "mosquitto", command: ["mosquitto", "-h"] },
} as const;

/** The name of a product. */
export type ProductName = keyof typeof PRODUCTS;

/** The version of a product; `undefined` if it is not installed. */
export async function versionOf(product: ProductName): Promise<string | undefined> {
  const [program, ...args] = PRODUCTS[product].command;
  return /\d{1,9}\.\d{1,9}(\.\d{1,9})?/.exec(await outputOf(program, ...args) ?? "")?.[0];
}

/** A running server, or two that are linked. */
export class Server implements AsyncDisposable {
  /** Where senders connect. */
  readonly port: number;
  /** Where receivers connect. */
  readonly receiverPort: number;
  readonly #ports: readonly number[];
  readonly #programs: readonly Program[];

  /** Starts a server. It may not listen yet. */
  constructor(name: ServerName, options: ServerOptions) {
    const count = name.endsWith("-two") ? 2 : 1;
    const free = freePorts(2 * count);
    const ports = options.port === undefined ? free.slice(0, count) : [options.port];
    this.#ports = ports;
    this.#programs = ports.map((port, index) => {
      const folder = `${options.folder}/${name}-${port}`;
      const place = { ...options, folder, port, ports, index, links: free.slice(count) };
      return new Program(commandOf(name, place), options.core);
    });
    this.port = ports[0]!;
    this.receiverPort = ports.at(-1)!;
  }

  /** The process ids. */
  get pids(): number[] {
    return this.#programs.map(({ pid }) => pid);
  }

  /** The commands that started it. */
  get commands(): string[] {
    return this.#programs.map(({ command }) => command);
  }

  /** The address of the inspector, which must be on. */
  get inspector(): Promise<string> {
    const program = this.#programs[0]!;
    return program.until("it names its inspector", () => /ws:\/\/\S+/.exec(program.errors)?.[0]);
  }

  /** Waits until it accepts connections. */
  async listening(): Promise<void> {
    for (const [index, program] of this.#programs.entries()) {
      await program.until("it listens", () => connects(this.#ports[index]!));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program[Symbol.asyncDispose]()));
  }
}

/** Returns `true` if something listens on the port. */
export async function connects(port: number): Promise<true | undefined> {
  try {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    throw error;
  }
}

/** Where one of the servers runs. `ports` and `links` are the ports of all of them. */
interface Place extends ServerOptions {
  readonly folder: string;
  readonly port: number;
  readonly ports: readonly number[];
  readonly index: number;
  readonly links: readonly number[];
}

function commandOf(name: ServerName, place: Place): string[] {
  const { folder, index, links } = place;
  const port = String(place.port);
  switch (name) {
    case "netlab":
    case "netlab-two":
      return netlabCommand(place, [], []);
    case "netlab-data":
      // Redis has no limit for messages to users who are offline, so netlab has none either.
      return netlabCommand(
        place,
        [`--allow-read=${folder}`, `--allow-write=${folder}`],
        ["--data", folder, "--max-messages", "100000000", "--max-bytes", "100000000000"],
      );
    case "nats":
      return ["nats-server", "-a", "127.0.0.1", "-p", port];
    case "nats-two": {
      const route = (port: number) => `nats://127.0.0.1:${port}`;
      return [
        ...["nats-server", "-a", "127.0.0.1", "-p", port, "--cluster_name", "bench"],
        ...["--cluster", route(links[index]!), "--routes", links.map(route).join(",")],
      ];
    }
    case "redis":
      return [...redisCommand(port), "--appendonly", "no"];
    case "redis-append":
      Deno.mkdirSync(folder);
      return [
        ...redisCommand(port),
        ...["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"],
      ];
    case "mosquitto":
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(`${folder}/mosquitto.conf`, mosquittoSettings(port));
      return ["mosquitto", "-c", `${folder}/mosquitto.conf`];
    case "echo":
      return [Deno.execPath(), "run", "--allow-net=127.0.0.1", ECHO_SERVER, port];
  }
}

function netlabCommand(
  { port, ports, inspect, file = P2P_SERVER }: Place,
  permissions: string[],
  args: string[],
): string[] {
  // A server without peers would look for some at the default ports.
  const peers = ports.length === 1 ? ports : ports.filter((peer) => peer !== port);
  return [
    ...[Deno.execPath(), "run", ...inspect ? ["--inspect=127.0.0.1:0"] : []],
    ...["--allow-net=127.0.0.1,localhost", ...permissions, file, "--port", String(port)],
    ...peers.flatMap((peer) => ["--peer", `127.0.0.1:${peer}`]),
    ...args,
  ];
}

function redisCommand(port: string): string[] {
  return [
    ...["redis-server", "--bind", "127.0.0.1", "--port", port],
    ...["--save", "", "--maxclients", "15000"],
  ];
}

/** Nothing on disk, and none of the limits that make mosquitto drop messages. */
function mosquittoSettings(port: string): string {
  return `listener ${port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
`;
}
