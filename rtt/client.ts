/**
 * The rtt client, and the program that runs one: a messaging client that uses the server with the lowest
 * round-trip time. Owns when the client moves. Rounds measure, a policy chooses, and the p2p client does the
 * messaging.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { type ClientStatus, OwnToken, P2pClient, type P2pClientOptions } from "@netlab/p2p/client";
import { type Round, Rounds, type RoundsOptions } from "./client/rounds.ts";

export type { Round } from "./client/rounds.ts";

/** Who an {@linkcode RttClient} is, where it looks for servers, and how it chooses. */
export interface RttClientOptions extends Omit<P2pClientOptions, "rank">, RoundsOptions {
  /** Called after every round with the measurements and the decision, before the client moves. */
  onRound?: (round: Round) => void;
  /**
   * Called when the client could not move to a server. It stays at its current server until the next round
   * decides again.
   */
  onMoveFailed?: (server: string, reason: unknown) => void;
}

/**
 * A user at the server with the lowest round-trip time. The client measures all servers that it can find when it
 * starts, and then every ten seconds. When another server has become clearly faster, the client moves there
 * without losing or repeating a message. When its server fails, it connects to the next best one at once.
 *
 * @example
 * ```ts
 * import { RttClient } from "@netlab/rtt/client";
 * import { RttServer } from "@netlab/rtt/server";
 *
 * await using one = await RttServer.listen();
 * await using two = await RttServer.listen({ peers: [one.address] });
 * await using alice = await RttClient.connect({ name: "Alice", servers: [one.address, two.address] });
 * alice.server; // the faster one
 * alice.round?.decision.line; // why
 * ```
 */
export class RttClient extends P2pClient {
  readonly #rounds: Rounds;
  readonly #onRound: (round: Round) => void;
  readonly #onMoveFailed: (server: string, reason: unknown) => void;
  #round: Round | undefined;
  #moving: Promise<void> | undefined;

  /** Use {@linkcode RttClient.connect}. */
  protected constructor(options: RttClientOptions) {
    const rounds = new Rounds(options, {
      known: () => this.knownServers,
      heardAt: () => this.heardAt,
      network: () => this.network,
      token: new OwnToken(options.token, options.insecureToken),
      done: (round) => this.#done(round),
    });
    let started = false;
    const onStatus = (status: ClientStatus) => {
      if (status.state === "connected") {
        rounds.chooser.use(status.server);
        started = true;
      } else if (status.state === "reconnecting") rounds.lose(status.reason);
      options.onStatus?.(status);
    };
    const rank = async () => {
      if (!started) return order((await rounds.choose()).decision.server, rounds);
      // After a loss, the last measurements of the others are recent enough. A server that did not answer then
      // may answer now.
      const { server } = rounds.decide().decision;
      const others = this.knownServers.toSorted(() => Math.random() - 0.5);
      return server === undefined ? others : [...new Set([...order(server, rounds), ...others])];
    };
    super({ ...options, rank, onStatus });
    this.#rounds = rounds;
    this.#onRound = options.onRound ?? (() => {});
    this.#onMoveFailed = options.onMoveFailed ?? (() => {});
  }

  /**
   * Measures all servers that can be found, and registers at the fastest one. Throws the errors of
   * `P2pClient.connect`.
   */
  static override async connect(options: RttClientOptions): Promise<RttClient> {
    const client = new RttClient(options);
    await client.start();
    return client;
  }

  /** The result of the last round. */
  get round(): Round | undefined {
    return this.#round;
  }

  /** Closes the client, as `P2pClient.close` does. */
  override async close(): Promise<void> {
    // This also ends a move in progress.
    const closing = super.close();
    await this.#rounds.close();
    await this.#moving;
    await closing;
  }

  /** Measures, and registers at the best server. */
  protected override async start(): Promise<void> {
    await super.start();
    this.#rounds.start();
  }

  #done(round: Round): void {
    this.#round = round;
    this.#onRound(round);
    const { kind, server } = round.decision;
    if (kind !== "moved" && kind !== "left") return;
    // A client without a server is already looking for one.
    if (this.server === undefined || server === undefined || this.#moving) return;
    this.#moving = this.moveTo(server)
      .catch((error) => this.#onMoveFailed(server, error))
      .finally(() => this.#moving = undefined);
  }
}

/** The chosen server, followed by the others that answer, the fastest first. */
function order(chosen: string | undefined, { chooser, denied }: Rounds): string[] {
  if (chosen === undefined) {
    if (denied) throw denied;
    const all = chooser.servers.map(({ server }) => server);
    throw new NetlabError(
      ErrorCode.ConnectionLost,
      `Cannot choose a server: none of ${all.join(", ")} answers; start one first`,
      { fatal: true },
    );
  }
  const others = chooser.servers.filter(({ server, trouble }) => !trouble && server !== chosen);
  others.sort((a, b) => a.times.lowMs! - b.times.lowMs!);
  return [chosen, ...others.map(({ server }) => server)];
}

if (import.meta.main) {
  // A program that imports the client as a library does not load the terminal.
  const { runRttClientProgram } = await import("./terminal/client_program.ts");
  await runRttClientProgram((options) => RttClient.connect(options));
}
