/**
 * The rtt server, and the program that runs one: a messaging server that answers echoes, lets users sign off,
 * and uses the round-trip times to its peers as the costs of routes. Everything else is done by the p2p server.
 *
 * @module
 */
import type { ByteConnection } from "@netlab/protocol";
import type { StatusQueries } from "@netlab/p2p/client";
import { P2pServer, type P2pServerOptions, type PeerInfo } from "@netlab/p2p/server";
import { EchoRule, rttRules } from "./core/rules.ts";
import type { ServerStatus } from "@netlab/protocol";
import config from "./deno.json" with { type: "json" };

/** How an {@linkcode RttServer} listens, and which servers it looks for. */
export type RttServerOptions = Omit<P2pServerOptions, "rules" | "costs">;

/** Another server, as seen from an rtt server. */
export interface RttPeerInfo extends PeerInfo {
  /**
   * The round-trip time to it in milliseconds, the lowest of the last ten seconds; `undefined` when there is
   * no direct link or no measurement yet.
   */
  rttMs: number | undefined;
}

/**
 * A messaging server that lets clients measure the round-trip time to it, and whose messages take the fastest
 * route: through other servers, when that is faster than the direct link.
 *
 * @example
 * ```ts
 * import { RttServer } from "@netlab/rtt/server";
 *
 * await using server = await RttServer.listen({ peers: ["127.0.0.1:5002"] });
 * server.peers(); // includes rttMs, a second after they are linked
 * ```
 */
export class RttServer implements AsyncDisposable {
  readonly #server: P2pServer;
  readonly #echo: EchoRule;

  private constructor(server: P2pServer, echo: EchoRule) {
    this.#server = server;
    this.#echo = echo;
  }

  /** Starts a server. Throws the errors of `P2pServer.listen`. */
  static async listen(options: RttServerOptions = {}): Promise<RttServer> {
    const echo = new EchoRule();
    const rules = rttRules(echo);
    const program = { system: "rtt", version: config.version };
    const given = { program, ...options, rules, costs: echo };
    return new RttServer(await P2pServer.listen(given), echo);
  }

  /** Takes a connection that did not arrive at the server's port, as `P2pServer.attach` does. */
  attach(connection: ByteConnection, hostname: string): void {
    this.#server.attach(connection, hostname);
  }

  /** Asks this server, and others through it, as `P2pServer.queries` does. */
  get queries(): StatusQueries {
    return this.#server.queries;
  }

  /** Tells other servers where the pages of this one are, as `P2pServer.tellPages` does. */
  tellPages(origin: string): void {
    this.#server.tellPages(origin);
  }

  /** Checks a token of somebody who watches this server, as `P2pServer.checkWatcher` does. */
  checkWatcher(token: string | undefined): Promise<void> {
    return this.#server.checkWatcher(token);
  }

  /** Loads the sources of the client as text, as `P2pServer.sources` does. */
  sources(): ReturnType<P2pServer["sources"]> {
    return this.#server.sources();
  }

  /** The server's id: a UUID, new at every start. */
  get id(): string {
    return this.#server.id;
  }

  /** The address at which others reach the server: `host:port`. */
  get address(): string {
    return this.#server.address;
  }

  /** The TCP port on which the server listens. */
  get port(): number {
    return this.#server.port;
  }

  /** The id of the server's network: its name, or a UUID if it has none. */
  get network(): string {
    return this.#server.network;
  }

  /** The status of the server: what it counts, stores, and is linked to. */
  status(): ServerStatus {
    return this.#server.status();
  }

  /** The names of all users who can receive messages, on this server and on others. */
  users(): string[] {
    return this.#server.users();
  }

  /** The names of this server's own users. */
  localUsers(): string[] {
    return this.#server.localUsers();
  }

  /** All servers that can be reached, with the round-trip times of direct links. */
  peers(): RttPeerInfo[] {
    return this.#server.peers().map((peer) => ({ ...peer, rttMs: this.#echo.rttMs(peer.id) }));
  }

  /** Moves its users to other servers and closes, as `P2pServer.drain` does. */
  drain(): Promise<void> {
    return this.#server.drain();
  }

  /** Closes the server, as `P2pServer.close` does. */
  close(): Promise<void> {
    return this.#server.close();
  }

  /** Calls {@linkcode RttServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

if (import.meta.main) {
  // A program that imports the server as a library does not load the terminal.
  const { runServerProgram } = await import("@netlab/p2p/server-program");
  await runServerProgram(
    {
      name: "netlab rtt server",
      task: "rtt:server",
      summary:
        "Runs a messaging server that measures round-trip times. Clients use the fastest server, " +
        "and messages take the fastest route.",
      version: config.version,
      module: import.meta.url,
    },
    (options) => RttServer.listen(options),
  );
}
