/**
 * The servers that are compared: how each is started on free ports of 127.0.0.1, with which settings,
 * and how its version is told. Owns their command lines; knows nothing of loads.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import config from "../../p2p/deno.json" with { type: "json" };
import { outputOf, Program } from "./programs.ts";

/** How long a server may take to start: milliseconds. */
const START_MS = 15_000;
/** How often it is tried whether it listens: milliseconds. */
const TRY_EVERY_MS = 5;

/** One way to run a server. */
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

/** How servers are started. */
export interface ServerOptions {
  /** The core that they are to stay on, if they are to. */
  readonly core: number | undefined;
  /** An empty folder for what they write. */
  readonly folder: string;
  /** Whether netlab's heap is to be asked for. */
  readonly inspect: boolean;
  /**
   * Where it is to listen.
   *
   * @default {a free port}
   */
  readonly port?: number;
}

/** A server, or two that are linked, running. */
export interface RunningServer extends AsyncDisposable {
  /** Where senders connect to. */
  readonly port: number;
  /** Where receivers connect to. */
  readonly receiverPort: number;
  /** The processes. */
  readonly pids: readonly number[];
  /** How they were started. */
  readonly commands: readonly string[];
  /** Where the inspector answers, when it was asked for. */
  readonly inspector: string | undefined;
  /** Waits until they accept connections. */
  listening(): Promise<void>;
}

/** A program behind several {@linkcode ServerName}s. */
export interface Product {
  /** Its name. */
  readonly name: string;
  /** Its version; `undefined` when it is not installed. */
  version(): Promise<string | undefined>;
  /** How it is asked for its version. */
  readonly versionCommand: readonly string[];
  /** How to get it. */
  readonly install: string;
}

const P2P_SERVER = new URL("../../p2p/server.ts", import.meta.url).pathname;
const ECHO_SERVER = new URL("../guard/echo_server.ts", import.meta.url).pathname;

/** The products that are compared. */
export const PRODUCTS = {
  netlab: {
    name: "netlab",
    version: () => Promise.resolve(config.version),
    versionCommand: [Deno.execPath(), "run", P2P_SERVER, "--version"],
    install: "",
  },
  echo: {
    name: "echo on Deno",
    version: () => Promise.resolve(Deno.version.deno),
    versionCommand: [Deno.execPath(), "run", ECHO_SERVER, "--version"],
    install: "",
  },
  nats: product("nats-server", "--version"),
  redis: product("redis-server", "--version"),
  mosquitto: product("mosquitto", "-h"),
} as const satisfies Record<string, Product>;

/** Starts a server; it may not listen yet. */
export function startServer(name: ServerName, options: ServerOptions): RunningServer {
  const count = name.endsWith("-two") ? 2 : 1;
  const free = freePorts(2 * count);
  const ports = options.port === undefined ? free.slice(0, count) : [options.port];
  const links = free.slice(count);
  const programs = ports.map((port, index) =>
    new Program(
      commandOf(name, {
        ...options,
        ...{ port, ports, link: links[index]!, links },
        folder: `${options.folder}/${name}-${port}`,
      }),
      options.core,
      false,
    )
  );
  return {
    port: ports[0]!,
    receiverPort: ports.at(-1)!,
    pids: programs.map(({ pid }) => pid),
    commands: programs.map(({ command }) => command),
    inspector: undefined,
    async listening() {
      await Promise.all(programs.map((program, index) => listens(program, ports[index]!)));
      if (!options.inspect || !name.startsWith("netlab")) return;
      Object.assign(this, {
        inspector: await programs[0]!.said(({ errors }) => /ws:\/\/\S+/.exec(errors)?.[0]),
      });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    },
  };
}

interface Place extends ServerOptions {
  readonly port: number;
  readonly ports: readonly number[];
  readonly link: number;
  readonly links: readonly number[];
}

function commandOf(name: ServerName, place: Place): string[] {
  switch (name) {
    case "netlab":
    case "netlab-two":
      return netlabCommand(place, []);
    case "netlab-data":
      // As much as Redis keeps: there is no limit for users who are away.
      return netlabCommand(place, [
        ...["--data", place.folder],
        ...["--max-messages", "100000000", "--max-bytes", "100000000000"],
      ]);
    case "nats":
      return ["nats-server", "-a", "127.0.0.1", "-p", String(place.port)];
    case "nats-two": {
      const route = (port: number) => `nats://127.0.0.1:${port}`;
      return [
        ...["nats-server", "-a", "127.0.0.1", "-p", String(place.port)],
        ...["--cluster_name", "bench", "--cluster", route(place.link)],
        ...["--routes", place.links.map(route).join(",")],
      ];
    }
    case "redis":
      return [...redisCommand(place), "--appendonly", "no"];
    case "redis-append":
      Deno.mkdirSync(place.folder);
      return [
        ...redisCommand(place),
        ...["--dir", place.folder, "--appendonly", "yes", "--appendfsync", "always"],
      ];
    case "mosquitto": {
      Deno.mkdirSync(place.folder);
      const file = `${place.folder}/mosquitto.conf`;
      Deno.writeTextFileSync(file, mosquittoSettings(place.port));
      return ["mosquitto", "-c", file];
    }
    case "echo":
      return [Deno.execPath(), "run", "--allow-net=127.0.0.1", ECHO_SERVER, String(place.port)];
  }
}

function netlabCommand({ port, ports, folder, inspect }: Place, args: string[]): string[] {
  const writes = args.includes("--data");
  return [
    ...[Deno.execPath(), "run"],
    ...inspect ? ["--inspect=127.0.0.1:0"] : [],
    "--allow-net=127.0.0.1,localhost",
    ...writes ? [`--allow-read=${folder}`, `--allow-write=${folder}`] : [],
    ...[P2P_SERVER, "--port", String(port)],
    // A server with no peers of its own would look at the default ports.
    ...ports.flatMap((peer) =>
      peer !== port || ports.length === 1 ? ["--peer", `127.0.0.1:${peer}`] : []
    ),
    ...args,
  ];
}

function redisCommand({ port }: Place): string[] {
  return [
    ...["redis-server", "--bind", "127.0.0.1", "--port", String(port)],
    ...["--save", "", "--maxclients", "15000"],
  ];
}

/** Without the limits that would make it drop messages, and without anything on disk. */
function mosquittoSettings(port: number): string {
  return [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "max_inflight_messages 0",
    "max_queued_messages 0",
    "set_tcp_nodelay true",
    "",
  ].join("\n");
}

function product(program: string, flag: string): Product {
  return {
    name: program,
    version: async () =>
      /\d{1,9}\.\d{1,9}(\.\d{1,9})?/.exec(await outputOf(program, flag) ?? "")?.[0],
    versionCommand: [program, flag],
    install: `apt-get install ${program}`,
  };
}

async function listens(program: Program, port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
    if (!program.running) throw program.failure();
    if (performance.now() > deadline) {
      throw new Error(`Cannot start ${program.command}: nobody listens on port ${port}`);
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
  }
}
