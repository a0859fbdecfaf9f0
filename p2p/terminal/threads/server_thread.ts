/**
 * A server in a thread of its own, with an event loop and a heap of its own, so that a program can run one server
 * for each core. Owns the messages between the program and the thread. Knows neither options of programs nor logs.
 *
 * @module
 */
import { describeError } from "@netlab/terminal";
import type { Logger } from "../../core/logger.ts";
import type { P2pServerOptions } from "../../server.ts";
import type { WebHost } from "@netlab/web";
import { connectToNats, type NatsSettings } from "../nats_options.ts";
import { serveWeb, type WebOptionValues } from "../web_options.ts";

/** A running server. */
export interface RunningServer {
  /** The address at which others reach it: `host:port`. */
  readonly address: string;
  /** The port on which it listens. */
  readonly port: number;
  /** Its id, a UUID. */
  readonly id: string;
  /** The id of its network. */
  readonly network: string;
  /** Where it serves web pages, such as `http://127.0.0.1:8080`; `undefined` if it serves none. */
  readonly origin: string | undefined;
  /** Moves its users to other servers and closes. */
  drain(): Promise<void>;
}

/** Starts a server, without web pages. */
export type ListenWith = (
  options: P2pServerOptions,
) => Promise<Omit<RunningServer, "origin"> & WebHost>;

/**
 * Starts a server and its web pages, if they are wanted.
 *
 * @param web The options of the pages; `undefined` for none.
 */
export async function listenWithPages(
  listen: ListenWith,
  options: ThreadOptions & Pick<P2pServerOptions, "logger">,
  web: WebOptionValues | undefined,
): Promise<RunningServer> {
  const { nats, ...others } = options;
  const engine = nats && await connectToNats(nats, others.logger);
  const server = await listen({ ...others, ...engine && { engine } });
  const pages = await (web && serveWeb(server, web))?.catch(async (error) => {
    await server.drain();
    throw error;
  });
  const { address, port, id, network } = server;
  return {
    ...{ address, port, id, network },
    origin: pages?.origin,
    async drain() {
      await server.drain();
      await pages?.close();
    },
  };
}

/** What a thread tells of its server. */
type ServerFacts = Omit<RunningServer, "drain">;

/** The options of a server that can be sent to a thread. */
export type ThreadOptions = Omit<P2pServerOptions, "logger" | "rules" | "costs" | "engine"> & {
  /** How the server uses NATS; `undefined` if it does not. */
  readonly nats?: NatsSettings;
};

type Properties = Record<string, unknown>;

/** What a thread tells the program. */
type Report =
  | { readonly kind: "listening"; readonly server: ServerFacts }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "closed" }
  | {
    readonly kind: "log";
    readonly level: keyof Logger;
    readonly message: string;
    readonly properties: Properties;
  };

/** What the program asks of a thread. */
type Request =
  | { readonly listen: ThreadOptions; readonly web: WebOptionValues | undefined }
  | "drain";

/** The part of a worker's global scope that is used here. */
interface Scope {
  postMessage(report: Report): void;
  onmessage: (event: MessageEvent<Request>) => void;
}

/** Whether this code runs in the thread of a server, which the program has started. */
export const isServerThread: boolean = "WorkerGlobalScope" in globalThis;

/** Runs the server of this thread as the program asks. Never resolves: the program ends the thread. */
export function runServerThread(listen: ListenWith): Promise<never> {
  const scope = globalThis as unknown as Scope;
  const log = (level: keyof Logger) => (message: string, properties: Properties = {}) =>
    scope.postMessage({ kind: "log", level, message, properties: plain(properties) });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  let server: RunningServer | undefined;
  scope.onmessage = async ({ data: request }) => {
    try {
      if (request === "drain") {
        await server?.drain();
        return scope.postMessage({ kind: "closed" });
      }
      server = await listenWithPages(listen, { ...request.listen, logger }, request.web);
      const { address, port, id, network, origin } = server;
      scope.postMessage({ kind: "listening", server: { address, port, id, network, origin } });
    } catch (error) {
      scope.postMessage({ kind: "failed", reason: describeError(error) });
    }
  };
  return new Promise(() => {});
}

/** A server in a thread, as the program sees it. */
export class ServerThread implements RunningServer {
  readonly address: string;
  readonly port: number;
  readonly id: string;
  readonly network: string;
  readonly origin: string | undefined;
  /** Resolves with the reason when the server fails. */
  readonly failed: Promise<Error>;
  readonly #worker: Worker;
  readonly #closed: Promise<void>;

  private constructor(
    worker: Worker,
    { address, port, id, network, origin }: ServerFacts,
    failed: Promise<Error>,
    closed: Promise<void>,
  ) {
    this.#worker = worker;
    this.address = address;
    this.port = port;
    this.id = id;
    this.network = network;
    this.origin = origin;
    this.failed = failed;
    this.#closed = closed;
  }

  /**
   * Starts a server in a thread.
   *
   * @param module The URL of a program that calls {@linkcode runServerThread}.
   * @param web The options of its web pages; `undefined` for none.
   * @param logger Gets the log lines of the server. They begin with its port.
   * @throws {Error} When the server cannot listen.
   */
  static async listen(
    module: string,
    options: ThreadOptions,
    web: WebOptionValues | undefined,
    logger: Logger,
  ): Promise<ServerThread> {
    const worker = new Worker(module, { type: "module" });
    let { port } = options;
    const listening = Promise.withResolvers<ServerFacts>();
    const failed = Promise.withResolvers<Error>();
    const closed = Promise.withResolvers<void>();
    const fail = (reason: string) => {
      const error = new Error(reason);
      listening.reject(error);
      failed.resolve(error);
      closed.resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message);
    };
    worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
      if (report.kind === "listening") {
        port = report.server.port;
        listening.resolve(report.server);
      } else if (report.kind === "failed") fail(report.reason);
      else if (report.kind === "closed") closed.resolve();
      else {
        const { level, message, properties } = report;
        logger[level](`{port}: ${message}`, { ...properties, port });
      }
    };
    worker.postMessage({ listen: options, web } satisfies Request);
    try {
      return new ServerThread(worker, await listening.promise, failed.promise, closed.promise);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Moves the users to other servers, closes, and ends the thread. */
  async drain(): Promise<void> {
    this.#worker.postMessage("drain" satisfies Request);
    await this.#closed;
    this.#worker.terminate();
  }
}

/**
 * Checks that Deno may read a program, which it needs to do to run it in a thread.
 *
 * @throws {Error} When it may not.
 */
export async function checkReadable(module: string): Promise<void> {
  const url = new URL(module);
  if (url.protocol !== "file:") return;
  const { state } = await Deno.permissions.query({ name: "read", path: url });
  if (state === "granted") return;
  throw new Error(
    "Cannot start several servers: Deno may not read the program to run it in threads; " +
      "add --allow-read=. in the folder of netlab, or start each server by itself",
  );
}

/** Returns properties of a log line that can be sent to another thread: anything unusual as text. */
function plain(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      value === null || ["string", "number", "boolean", "undefined"].includes(typeof value)
        ? value
        : value instanceof Error
        ? describeError(value)
        : String(value),
    ]),
  );
}
