/**
 * The basic server: answers `hello` with `world`, one greeting a connection. Run as a program, it greets
 * its sibling servers first and shows who answered. What the words are is for `greeting.ts` to know.
 *
 * @module
 */
import { Acceptor } from "@netlab/protocol/accept";
import { type Address, DEFAULT_HOST, DEFAULT_PORTS, formatAddress } from "@netlab/protocol/address";
import { finalReplyTo, MAX_TEXT_BYTES, QUESTION, replyTo } from "./greeting.ts";

export type { Address } from "@netlab/protocol";

/** Where a {@linkcode BasicServer} listens, and how long it waits. */
export interface BasicServerOptions {
  /**
   * A host name or an IP address of this machine.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * A TCP port; 0 takes a free one.
   *
   * @default {5001}
   */
  port?: number;
  /**
   * How long a client may take to say its greeting: milliseconds.
   *
   * @default {10000}
   */
  patienceMs?: number;
  /**
   * How long to wait, after a bare `hello`, for the end of its line, which TCP may deliver by itself:
   * milliseconds. A client that sends the two separately has the second held back until the first
   * is acknowledged, 40 ms on Linux and up to 200 ms elsewhere.
   *
   * @default {250}
   */
  lineEndMs?: number;
}

/** How long a client has to end the connection after the reply: milliseconds. */
const LINGER_MS = 1_000;
/** How many clients are served at once; more are turned away. */
const MAX_CLIENTS = 1_000;

/**
 * A server that answers `hello`, `hello\n` and `hello\r\n` with `world` and the same end of line, and
 * anything else with `error: expected hello`. Then it closes the connection.
 *
 * @example
 * ```ts
 * import { BasicServer } from "@netlab/basic/server";
 *
 * await using server = await BasicServer.listen({ port: 0 });
 * server.port; // a free one; `printf hello | nc 127.0.0.1 <port>` says world
 * ```
 */
export class BasicServer implements AsyncDisposable {
  /** Where it listens, with the port that it was given. */
  readonly address: Address;
  readonly #acceptor: Acceptor<Deno.TcpConn>;
  readonly #patienceMs: number;
  readonly #lineEndMs: number;
  readonly #clients = new Map<Deno.TcpConn, Promise<void>>();

  private constructor(listener: Deno.TcpListener, options: BasicServerOptions) {
    this.address = { hostname: listener.addr.hostname, port: listener.addr.port };
    this.#patienceMs = options.patienceMs ?? 10_000;
    this.#lineEndMs = options.lineEndMs ?? 250;
    this.#acceptor = new Acceptor(listener, { accepted: (conn) => this.#accepted(conn) });
  }

  /**
   * Starts a server.
   *
   * @throws {Deno.errors.AddrInUse} When another program listens there.
   * @throws {Deno.errors.AddrNotAvailable} When the host is not one of this machine.
   * @throws {Deno.errors.PermissionDenied} When the port is reserved by the system.
   * @throws {Deno.errors.NotCapable} When Deno was not given network access to the address.
   */
  // deno-lint-ignore require-await -- so that errors reject, as callers expect of a promise
  static async listen(options: BasicServerOptions = {}): Promise<BasicServer> {
    const { hostname = DEFAULT_HOST, port = DEFAULT_PORTS[0]! } = options;
    return new BasicServer(Deno.listen({ hostname, port }), options);
  }

  /** The TCP port where it listens. */
  get port(): number {
    return this.address.port;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const accepting = this.#acceptor.close();
    for (const conn of this.#clients.keys()) closeQuietly(conn);
    await accepting;
    await Promise.all(this.#clients.values());
  }

  /** The same as {@linkcode BasicServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accepted(conn: Deno.TcpConn): void {
    if (this.#clients.size >= MAX_CLIENTS) conn.close();
    else this.#clients.set(conn, this.#serve(conn));
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const reader = new PatientReader(conn);
    try {
      await writeAll(conn, await this.#listenTo(reader));
      await conn.closeWrite();
      await reader.drain(LINGER_MS);
    } catch {
      // The client broke the connection, or this server closed it: nobody is there to be told.
    } finally {
      closeQuietly(conn);
      this.#clients.delete(conn);
    }
  }

  /** Hears the client out, as far as need be, and finds the reply. */
  async #listenTo(reader: PatientReader): Promise<string> {
    const deadline = performance.now() + this.#patienceMs;
    let said = "";
    for (;;) {
      const left = deadline - performance.now();
      const text = await reader.read(said === QUESTION ? Math.min(left, this.#lineEndMs) : left);
      if (text === undefined) return finalReplyTo(said);
      said += text;
      const reply = replyTo(said);
      if (reply !== undefined) return reply;
    }
  }
}

/** Reads from a connection with deadlines. A read that was too late goes on, and serves the next one. */
class PatientReader {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(MAX_TEXT_BYTES);
  #pending: Promise<number | null> | undefined;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** What came in within `ms`, a character a byte; `undefined` at the end or when nothing came. */
  async read(ms: number): Promise<string | undefined> {
    const reading = this.#pending ??= this.#conn.read(this.#buffer);
    reading.catch(() => {}); // may end after everybody has stopped waiting
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), Math.max(0, ms));
    const count = await Promise.race([reading, late.promise]).finally(() => clearTimeout(timer));
    if (count === undefined) return undefined;
    this.#pending = undefined;
    return count === null ? undefined : String.fromCharCode(...this.#buffer.subarray(0, count));
  }

  /**
   * Drops what still comes in until the other side ends, or for `ms`: closing with bytes unread would
   * reset the connection, and the reply with it.
   */
  async drain(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (await this.read(deadline - performance.now()) !== undefined);
  }
}

async function writeAll(conn: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Closes a connection that may be closed already. */
function closeQuietly(conn: Deno.TcpConn): void {
  conn[Symbol.dispose]();
}

/** The program. What it needs beyond the library is loaded here, so that the library stays small. */
async function main(): Promise<never> {
  const { runProgram } = await import("@netlab/terminal/program");
  const { default: config } = await import("./deno.json", { with: { type: "json" } });

  return await runProgram({
    name: "netlab basic server",
    summary: 'Answers "hello" with "world". At start it greets the servers on the other default ' +
      "ports, 5001 to 5005, and shows which of them answered.",
    version: config.version,
    usage: "deno task basic:server [options]",
    options: {
      port: { kind: "port", help: "Listen on this port. Default: the first free default port." },
      index: {
        kind: "integer",
        max: DEFAULT_PORTS.length - 1,
        help: "Listen on this one of the default ports: 0 is 5001, 4 is 5005.",
      },
      ports: {
        kind: "port",
        repeat: true,
        value: "PORT,PORT",
        help: "Run several servers in one process, one on each port.",
      },
      host: { kind: "string", value: "HOST", default: DEFAULT_HOST, help: "Listen on this host." },
    },
    examples: [
      { command: "deno task basic:server", what: "A server on the first free default port" },
      { command: "deno task basic:server --index 2", what: "A server on port 5003" },
      { command: "deno task basic:server --ports 5001,5002,5003", what: "Three servers at once" },
      { command: "printf hello | nc 127.0.0.1 5001", what: "Greets a server without netlab" },
    ],
  }, async ({ host, port, index, ports }, stop) => {
    // Nothing of this is needed to show the help or the version.
    const { listenOn, listenOnFirstFree, print, untilAborted, UsageError } = await import(
      "@netlab/terminal"
    );
    const { greetAll } = await import("./client.ts");
    const { greetingTable } = await import("./report.ts");
    if ([port, index, ports[0]].filter((each) => each !== undefined).length > 1) {
      throw new UsageError("Options --port, --index and --ports exclude each other");
    }
    const chosen = index === undefined ? port : DEFAULT_PORTS[index];
    const listen = (port: number) => BasicServer.listen({ hostname: host, port });
    await using servers = new AsyncDisposableStack();
    const own: number[] = [];
    for (const each of ports.length > 0 ? ports : [chosen]) {
      const server = each === undefined
        ? await listenOnFirstFree(host, listen)
        : await listenOn(host, each, listen);
      servers.use(server);
      own.push(server.port);
      print(`Listening on ${formatAddress(server.address)}`);
    }
    const siblings = DEFAULT_PORTS.filter((each) => !own.includes(each))
      .map((each) => ({ hostname: UNSPECIFIED.includes(host) ? DEFAULT_HOST : host, port: each }));
    try {
      if (siblings.length > 0) {
        const lines = greetingTable(await greetAll(siblings, { signal: stop }));
        for (const line of ["", ...lines, ""]) print(line);
      }
    } catch (error) {
      // What a server is to do is to listen until it is stopped, and that it has done.
      if (error === stop.reason) return 0;
      throw error;
    }
    print("Ready. Ctrl-C ends it.");
    await untilAborted(stop);
    return 0;
  });
}

/** Hosts that mean every address of this machine: one can listen there, but not connect. */
const UNSPECIFIED: readonly string[] = ["0.0.0.0", "::"];

if (import.meta.main) await main();
