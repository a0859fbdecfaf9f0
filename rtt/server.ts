/**
 * The rtt server: a messaging server that answers echoes, lets users sign off, and measures the
 * round-trip time to its peers, which decides the ways of messages; and the program that runs it.
 * Everything else is p2p's.
 *
 * @module
 */
import { P2pServer, type P2pServerOptions, type PeerInfo } from "@netlab/p2p/server";
import type { EchoRule } from "./core/rules.ts";

/** How an {@linkcode RttServer} listens, and whom it looks for. */
export type RttServerOptions = Omit<P2pServerOptions, "rules" | "costs">;

/** Another server, as an rtt server sees it. */
export interface RttPeerInfo extends PeerInfo {
  /**
   * The round-trip time to it in milliseconds, the lowest of the last ten seconds; `undefined` when
   * there is no direct link, or nothing was measured yet.
   */
  rttMs: number | undefined;
}

/**
 * A messaging server whose clients choose it by time, and whose messages go the fastest way: round by
 * other servers, when that is faster than straight.
 *
 * @example
 * ```ts
 * import { RttServer } from "@netlab/rtt/server";
 *
 * await using server = await RttServer.listen({ peers: ["127.0.0.1:5002"] });
 * server.peers(); // with rttMs, a second after they are linked
 * ```
 */
export class RttServer implements AsyncDisposable {
  readonly #server: P2pServer;
  readonly #echo: EchoRule;

  private constructor(server: P2pServer, echo: EchoRule) {
    this.#server = server;
    this.#echo = echo;
  }

  /** Starts a server. Errors are those of `P2pServer.listen`. */
  static async listen(options: RttServerOptions = {}): Promise<RttServer> {
    // Who asks the program for its version needs none of this.
    const { EchoRule, rttRules } = await import("./core/rules.ts");
    const echo = new EchoRule();
    const rules = rttRules(echo);
    return new RttServer(await P2pServer.listen({ ...options, rules, costs: echo }), echo);
  }

  /** The server's id: a UUID, new at every start. */
  get id(): string {
    return this.#server.id;
  }

  /** Where others reach the server, `host:port`. */
  get address(): string {
    return this.#server.address;
  }

  /** The TCP port on which it listens. */
  get port(): number {
    return this.#server.port;
  }

  /** The names of all users that can be written to, on this and on other servers. */
  users(): string[] {
    return this.#server.users();
  }

  /** The names of this server's own users. */
  localUsers(): string[] {
    return this.#server.localUsers();
  }

  /** The servers within reach, near and far, with the time to the near ones. */
  peers(): RttPeerInfo[] {
    return this.#server.peers().map((peer) => ({ ...peer, rttMs: this.#echo.rttMs(peer.id) }));
  }

  /** Sends its users to other servers and closes, as `P2pServer.drain` does. */
  drain(): Promise<void> {
    return this.#server.drain();
  }

  /** Signs off and closes, as `P2pServer.close` does. */
  close(): Promise<void> {
    return this.#server.close();
  }

  /** The same as {@linkcode RttServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

if (import.meta.main) {
  const { runServerProgram } = await import("@netlab/p2p/server-program");
  const { default: { version } } = await import("./deno.json", { with: { type: "json" } });
  await runServerProgram(
    {
      name: "netlab rtt server",
      task: "rtt:server",
      summary: "Serves users who write to each other and choose their server by round-trip time.",
      version,
    },
    (options) => RttServer.listen(options),
  );
}
