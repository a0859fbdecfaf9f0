/**
 * The program around the rtt client: its options, and whether it takes part in the network or only watches.
 *
 * @module
 */
import {
  dim,
  type Options,
  type OptionValues,
  STANDARD_TERMINAL,
  UsageError,
} from "@netlab/terminal";
import { parseAddress, quote } from "@netlab/protocol";
import { runClientProgram } from "@netlab/p2p/client-program";
import type { RttClient, RttClientOptions } from "../client.ts";
import type { Round, RoundsOptions } from "../client/rounds.ts";
import { POLICY_NAMES } from "../core/policies.ts";
import config from "../deno.json" with { type: "json" };
import { arrivedLines, bestLines, firstLines, stayedLine, view } from "./client_lines.ts";
import { watch } from "./watch_program.ts";

const OPTIONS = {
  policy: {
    kind: "string",
    value: POLICY_NAMES.join("|"),
    default: "netlab",
    help:
      "How to choose a server. netlab: the fastest, and move only for a clear gain. once: the " +
      "fastest at the start. window: any within 15 ms of the lowest mean, like MongoDB's drivers. " +
      "home: the rule by which Tailscale's clients choose a relay.",
  },
  "min-gain": {
    kind: "integer",
    value: "MS",
    default: 10,
    help: "Move only to a server that is faster by this many milliseconds (policy netlab).",
  },
  "min-gain-percent": {
    kind: "integer",
    value: "N",
    max: 100,
    help: "Also require a gain of this percentage of the current round-trip time (policy " +
      "netlab). Default: a third.",
  },
  every: { kind: "seconds", default: 10, help: "The time between two rounds of measurements." },
  watch: {
    kind: "flag",
    help: "Only measure, and show the measurements and decisions. Registers no user.",
  },
  json: { kind: "flag", help: "Like --watch, but print each round as a JSON object in one line." },
} as const satisfies Options;

type RttOptionValues = OptionValues<typeof OPTIONS>;

/**
 * Converts the options into those of the rounds.
 *
 * @throws {UsageError} When there is no such policy.
 */
function roundsOptions(values: RttOptionValues): RoundsOptions {
  const policy = POLICY_NAMES.find((name) => name === values.policy);
  if (policy === undefined) {
    throw new UsageError(
      `Option --policy: ${quote(values.policy)} is none of ${POLICY_NAMES.join(", ")}`,
    );
  }
  const percent = values["min-gain-percent"];
  return {
    policy,
    minGainMs: values["min-gain"],
    ...percent !== undefined && { minGainShare: percent / 100 },
    roundMs: values.every * 1_000,
  };
}

/**
 * Runs the client, or only watches the servers.
 *
 * @param connect Connects the client.
 */
export async function runRttClientProgram(
  connect: (options: RttClientOptions) => Promise<RttClient>,
): Promise<never> {
  let redrawView = () => {};
  /** The current server, or the last one. */
  let server: string | undefined;
  return await runClientProgram({
    name: "netlab rtt client",
    task: "rtt:client",
    summary: "Sends messages to the users of all servers, through the server with the lowest " +
      "round-trip time.",
    version: config.version,
    options: OPTIONS,
    examples: [
      {
        command: "deno task rtt:client --watch",
        what: "Show how fast each server is, and which one is best",
      },
      {
        command: "deno task rtt:client --json > trace.jsonl",
        what: "Record the measurements; deno task lab flap --trace replays them",
      },
    ],
    async instead(values, { name, tlsCa, ...where }, stop) {
      const options = roundsOptions(values);
      if (!values.watch && !values.json) return undefined;
      if (name !== undefined) {
        throw new UsageError(
          "Options --name and --watch exclude each other: watching needs no user",
        );
      }
      const trusted = tlsCa === undefined ? {} : { tlsCa };
      return await watch({ ...options, ...where, ...trusted, json: values.json }, stop);
    },
    async connect(options, print, values) {
      // A decision is shown when the client has carried it out.
      let decided: Round | undefined;
      let measured = false;
      let connected = false;
      return await connect({
        ...options,
        ...roundsOptions(values),
        onRound(round) {
          if (!measured) firstLines(round).forEach(print);
          if (!measured || round.decision.kind !== "kept") decided = round;
          measured = true;
          // Otherwise a terminal that takes nothing would let the output grow.
          if (!STANDARD_TERMINAL.busy) redrawView();
        },
        onMoveFailed(to, reason) {
          decided = undefined;
          print(dim(stayedLine(to, reason)));
        },
        onStatus(status) {
          if (status.state === "connected") {
            server = status.server;
            if (!connected) bestLines(decided!, server).forEach(print);
            else if (decided) arrivedLines(decided, server).map(dim).forEach(print);
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
        help: "shows the round-trip times, and why your server is used",
        run: () => Promise.resolve((columns: number) => view(client.round!, columns)),
        live: (redraw) => redrawView = redraw,
      },
    }),
  });
}
