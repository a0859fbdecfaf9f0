/**
 * The rtt client: a messaging client at the server with the lowest round-trip time; and the program
 * that runs it. Owns the choice; measuring is the prober's, messaging is p2p's.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient, type P2pClientOptions } from "@netlab/p2p/client";
import { type Measurement, Prober } from "./prober.ts";

export type { Measurement } from "./prober.ts";

/** Who an {@linkcode RttClient} is, and where it looks for servers. */
export interface RttClientOptions extends Omit<P2pClientOptions, "rank"> {
  /** Hears of the time to each server as soon as it was measured. */
  onMeasured?: (measurement: Measurement) => void;
  /** Hears which server won, before the client connects to it. */
  onChosen?: (best: Measurement) => void;
}

/**
 * A user at the server that answers fastest. The times are measured at the start, after a server was
 * lost, and when {@linkcode RttClient.moveToBest} is called.
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
 * ```
 */
export class RttClient extends P2pClient {
  readonly #prober: Prober;
  readonly #rank: (servers: string[]) => Promise<string[]>;

  /** Use {@linkcode RttClient.connect}. */
  protected constructor(options: RttClientOptions) {
    const prober = new Prober();
    const rank = async (servers: string[]) => {
      const measurements = await prober.measure(servers, options.onMeasured);
      const answered = measurements.filter(({ rttMs }) => rttMs !== undefined);
      const best = answered[0];
      if (best === undefined) {
        throw new NetlabError(
          ErrorCode.ConnectionLost,
          `Cannot choose a server: none of ${servers.join(", ")} answers; start one first`,
          { fatal: true },
        );
      }
      options.onChosen?.(best);
      return answered.map(({ server }) => server);
    };
    super({ ...options, rank });
    this.#prober = prober;
    this.#rank = rank;
  }

  /**
   * Measures the time to all servers that can be found, and registers at the fastest. Errors are those
   * of `P2pClient.connect`.
   */
  static override async connect(options: RttClientOptions): Promise<RttClient> {
    const client = new RttClient(options);
    await client.start();
    return client;
  }

  /**
   * Measures again, and moves to the fastest server if it is another one: signs on there before it
   * signs off here, so that nothing is lost or seen twice.
   *
   * @throws {NetlabError} When no server answers, or the fastest does not take the user.
   */
  async moveToBest(): Promise<void> {
    const [best] = await this.#rank(this.knownServers);
    await this.moveTo(best!);
  }

  /** Leaves, as `P2pClient.close` does. */
  override async close(): Promise<void> {
    await super.close();
    await this.#prober.close();
  }
}

if (import.meta.main) {
  const { runClientProgram } = await import("@netlab/p2p/client-program");
  const { parseAddress } = await import("@netlab/protocol");
  const { default: { version } } = await import("./deno.json", { with: { type: "json" } });
  const seconds = (ms: number) => (ms / 1000).toFixed(6);
  await runClientProgram({
    name: "netlab rtt client",
    task: "rtt:client",
    summary: "Writes to the users of every server, from the one that answers fastest.",
    version,
    connect: (options, print) =>
      RttClient.connect({
        ...options,
        onMeasured: ({ server, rttMs, reason }) =>
          print(
            rttMs === undefined
              ? `Server ${server}: no answer (${reason})`
              : `Server ${server}: RTT ${seconds(rttMs)} seconds`,
          ),
        onChosen: ({ server, rttMs }) =>
          print(`Best server: ${server} with RTT ${seconds(rttMs!)} seconds`),
      }),
    connected: ({ server }) => `Connected to best server on port ${parseAddress(server!).port}`,
    commands: (client) => ({
      rtt: {
        help: "measures again, and moves to the best server",
        run: async () => {
          await client.moveToBest();
          return [];
        },
      },
    }),
  });
}
