/**
 * The program around the rtt client: its options, and the choice between taking part and watching. What
 * it says is loaded when it has something to say.
 *
 * @module
 */
import type { Options, OptionValues } from "@netlab/terminal";
import { parseAddress } from "@netlab/protocol/address";
import { runClientProgram } from "@netlab/p2p/client-program";
import type { RttClient, RttClientOptions } from "../client.ts";
import config from "../deno.json" with { type: "json" };
import { POLICY_NAMES } from "../core/policies.ts";
import type { Round } from "../client/rounds.ts";

const OPTIONS = {
  policy: {
    kind: "string",
    value: POLICY_NAMES.join("|"),
    default: "netlab",
    help: "How a server is chosen: netlab's way; once, the first sample wins; window, any within " +
      "15 ms of the best mean, as MongoDB's drivers do; home, as Tailscale's clients choose a relay.",
  },
  "min-gain": {
    kind: "integer",
    value: "MS",
    default: 10,
    help: "How many milliseconds faster another server has to be to be worth a move (netlab).",
  },
  "min-gain-percent": {
    kind: "integer",
    value: "N",
    max: 100,
    help: "And how much of the present time that has to be. Default: a third.",
  },
  every: { kind: "seconds", default: 10, help: "How often all servers are measured." },
  watch: {
    kind: "flag",
    help: "Only measure, and show what is measured and decided; registers no user.",
  },
  json: { kind: "flag", help: "Watch, with a JSON object in a line for every round." },
} as const satisfies Options;

/** The values of those. */
export type RttOptionValues = OptionValues<typeof OPTIONS>;

/** Runs the client, which `connect` connects, or watches. */
export async function runRttClientProgram(
  connect: (options: RttClientOptions) => Promise<RttClient>,
): Promise<never> {
  let showAgain = () => {};
  /** Where the client is, or was last. */
  let server: string | undefined;
  return await runClientProgram({
    name: "netlab rtt client",
    task: "rtt:client",
    summary: "Writes to the users of every server, from the one that answers fastest.",
    version: config.version,
    options: OPTIONS,
    examples: [
      {
        command: "deno task rtt:client --watch",
        what: "How fast is each server, and which is best",
      },
      {
        command: "deno task rtt:client --json > trace.jsonl",
        what: "The same for programs; deno task lab flap replays it",
      },
    ],
    async instead(values, { name, servers }, stop) {
      const { choiceOf, UsageError, watch } = await import("./client_lines.ts");
      const choice = choiceOf(values);
      if (!values.watch && !values.json) return undefined;
      if (name !== undefined) {
        throw new UsageError(
          "Options --name and --watch exclude each other: watching needs no user",
        );
      }
      return await watch({ ...choice, servers, json: values.json }, stop);
    },
    async connect(options, print, values) {
      const lines = await import("./client_lines.ts");
      // A decision is shown once it has come true.
      let decided: Round | undefined;
      let measured = false;
      let connected = false;
      return await connect({
        ...options,
        ...lines.choiceOf(values),
        onRound(round) {
          if (!measured) lines.firstLines(round).forEach(print);
          if (!measured || round.decision.kind !== "kept") decided = round;
          measured = true;
          showAgain();
        },
        onMoveFailed(to, reason) {
          decided = undefined;
          print(lines.dim(lines.stayedLine(to, reason)));
        },
        onStatus(status) {
          if (status.state === "connected") {
            server = status.server;
            if (!connected) lines.bestLines(decided!, server).forEach(print);
            else if (decided) lines.arrivedLines(decided, server).map(lines.dim).forEach(print);
            connected = true;
            decided = undefined;
          }
          options.onStatus?.(status);
        },
      });
    },
    connected: () => `Connected to best server on port ${parseAddress(server!).port}`,
    commands: (client) => ({
      rtt: {
        help: "shows how fast the servers are, and why yours is used",
        async run() {
          const { view } = await import("./client_lines.ts");
          return (columns) => view(client.round!, columns);
        },
        live: (again) => showAgain = again,
      },
    }),
  });
}
