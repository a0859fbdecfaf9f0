/**
 * The rtt client: a messaging client that uses the server with the lowest round-trip time, and moves
 * when another is clearly better; and the program that runs it. Owns the moves; measuring is done in
 * rounds, choosing by a policy, and messaging is p2p's.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol/errors";
import { type ClientStatus, P2pClient, type P2pClientOptions } from "@netlab/p2p/client";
import type { Round, Rounds, RoundsOptions } from "./client/rounds.ts";

export type { Round } from "./client/rounds.ts";

/** Who an {@linkcode RttClient} is, where it looks for servers, and how it chooses. */
export interface RttClientOptions extends Omit<P2pClientOptions, "rank">, RoundsOptions {
  /** Hears what was measured and decided in every round, before the client moves. */
  onRound?: (round: Round) => void;
  /**
   * Hears that the client could not move to a server, and why. It stays where it is; the next round
   * decides anew.
   */
  onMoveFailed?: (server: string, reason: unknown) => void;
}

/**
 * A user at the server that answers fastest. All servers that can be found are measured at the start, and
 * every ten seconds from then on; when another has become clearly faster, the client moves there, and
 * nothing is lost or seen twice. When its server fails, it is on the next best at once.
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

  /** Use {@linkcode RttClient.connect}, which loads the rounds. */
  protected constructor(options: RttClientOptions, parts: { Rounds: typeof Rounds }) {
    const rounds = new parts.Rounds(options, {
      known: () => this.knownServers,
      heardAt: () => this.heardAt,
      done: (round) => this.#done(round),
    });
    let lost = false;
    const onStatus = (status: ClientStatus) => {
      if (status.state === "connected") rounds.chooser.use(status.server);
      else if (status.state === "reconnecting") {
        rounds.lose(status.reason);
        lost = true;
      }
      options.onStatus?.(status);
    };
    const rank = async () => {
      // What is known of the others is at most a round old; when all of that fails, it is measured again.
      const decided = lost ? rounds.decide().decision.server : undefined;
      lost = false;
      return order(decided ?? (await rounds.measure()).decision.server, rounds);
    };
    super({ ...options, rank, onStatus });
    this.#rounds = rounds;
    this.#onRound = options.onRound ?? (() => {});
    this.#onMoveFailed = options.onMoveFailed ?? (() => {});
  }

  /**
   * Measures the time to all servers that can be found, and registers at the fastest. Errors are those
   * of `P2pClient.connect`.
   */
  static override async connect(options: RttClientOptions): Promise<RttClient> {
    const client = new RttClient(options, await import("./client/rounds.ts"));
    await client.start();
    return client;
  }

  /** What the last round came to. */
  get round(): Round | undefined {
    return this.#round;
  }

  /** Leaves, as `P2pClient.close` does. */
  override async close(): Promise<void> {
    // That ends a move that is under way, too.
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
    // Without a server, the client is looking for one anyway.
    if (this.server === undefined || server === undefined || this.#moving) return;
    this.#moving = this.moveTo(server)
      .catch((error) => this.#onMoveFailed(server, error))
      .finally(() => this.#moving = undefined);
  }
}

/** The chosen server, and behind it the others that answer, the fastest first. */
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
  const { runRttClientProgram } = await import("./terminal/client_program.ts");
  await runRttClientProgram((options) => RttClient.connect(options));
}
