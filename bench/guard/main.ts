/**
 * `bench:guard`: finds out whether the server has become slower. It runs this server and the one of an
 * earlier commit in turns under the same load, and compares the messages per second of their CPU time.
 * Such a ratio does not depend on the machine, nor much on other programs.
 *
 * @module
 */
import { green, type OptionValues, print, type Program, red } from "@netlab/terminal";
import { runProgram, table } from "@netlab/terminal";
import { median } from "simple-statistics";
import config from "../../p2p/deno.json" with { type: "json" };
import type { Load } from "../peers/load.ts";
import { canPin } from "../peers/programs.ts";
import { type ProtocolName, PROTOCOLS } from "../peers/protocols/mod.ts";
import { generate } from "../peers/runner.ts";
import { P2P_SERVER, Server } from "../peers/servers.ts";
import { BASELINE, checkOut } from "./baseline.ts";

const program = {
  name: "netlab bench:guard",
  summary:
    "Finds out whether the server has become slower: compares it with the server of an earlier commit. " +
    "Linux only. The exit code is 1 if it has.",
  version: config.version,
  usage: "deno task bench:guard [options]",
  options: {
    rounds: {
      kind: "integer",
      min: 1,
      default: 5,
      help: "Number of rounds. The result is the median.",
    },
    seconds: { kind: "seconds", default: "0.6", help: "Length of one measurement." },
    server: { kind: "string", value: "FILE", help: "The server to check. Default: p2p/server.ts." },
    baseline: {
      kind: "string",
      value: "FILE",
      help: `The server to compare with. Default: that of commit ${BASELINE.slice(0, 10)}.`,
    },
  },
  examples: [
    { command: "deno task bench:guard", what: "Check the server, as continuous integration does" },
    { command: "deno task bench:guard --rounds 15", what: "Check it more precisely" },
  ],
} as const satisfies Program;

/** The lowest ratio of messages per second of CPU time to the baseline's. */
const BOUND = 0.75;

/**
 * The loads. `echoBound` is the lowest ratio to bytes that an echo server returns, where there is no
 * baseline. It depends on the machine, so it is 60 % of the lowest ratio on any machine.
 */
const LOADS: readonly {
  readonly what: string;
  readonly protocol: ProtocolName;
  readonly window: number;
  readonly echoBound?: number;
}[] = [
  { what: "legacy text", protocol: "netlab-legacy", window: 8_192, echoBound: 0.15 },
  { what: "a frame for each message", protocol: "netlab-frames", window: 8_192, echoBound: 0.28 },
  { what: "batches", protocol: "netlab-batch", window: 8_192 },
  { what: "durable messages with receipts", protocol: "netlab-receipts", window: 500 },
];

/**
 * How many times the number of rounds to measure a load whose ratio is too low: machines are noisy. Single rounds differ
 * by a factor of two, so the median of fifteen can still be a tenth too low.
 */
const RETRIES = 8;
const SIZE = 64;
const LOST_MS = 10_000;

async function main(
  { rounds, seconds, server, baseline }: OptionValues<typeof program.options>,
  stop: AbortSignal,
): Promise<number> {
  if (Deno.build.os !== "linux") {
    throw new Error("Cannot measure on this system: the generator needs Linux");
  }
  await using stack = new AsyncDisposableStack();
  const file = baseline ?? await baselineFile(stack);
  if (file === undefined) {
    print(
      `This clone has no commit ${
        BASELINE.slice(0, 10)
      } (git fetch --unshallow gets it): comparing ` +
        "with an echo server instead, which finds only large differences",
    );
  }
  const pinned = await canPin();
  const core = pinned ? 0 : undefined;
  const checked = stack.use(new Server("netlab", { core, file: server ?? P2P_SERVER }));
  const reference = stack.use(
    file === undefined ? new Server("echo", { core }) : new Server("netlab", { core, file }),
  );
  await Promise.all([checked.listening(), reference.listening()]);
  // An echo is as long as a frame with a text of SIZE bytes.
  const talk = { sender: "s000000", receiver: "r000000", size: SIZE };
  const echoBytes = PROTOCOLS["netlab-frames"].batch(talk, 1, 1).next(1).length;
  let tag = 0;
  const measure = async (measured: Server, protocol: ProtocolName, window: number) => {
    stop.throwIfAborted();
    const { port, receiverPort, pids } = measured;
    const load: Load = {
      ...{ kind: "rate", protocol, port, receiverPort, pids, pairs: 1, window, stalled: 0 },
      ...{ tag: String(tag++).padStart(3, "0"), size: protocol === "echo" ? echoBytes : SIZE },
      ...{ warmMs: seconds * 500, ms: seconds * 1_000, lostMs: LOST_MS },
    };
    const { rate, serverCpu } = await generate(load, { library: false }, { pinned, stop });
    return rate! / serverCpu!;
  };
  const loads = LOADS.flatMap(({ echoBound, ...load }) => {
    const bound = file === undefined ? echoBound : BOUND;
    return bound === undefined ? [] : [{ ...load, bound, ratios: [] as number[] }];
  });
  const isLow = ({ bound, ratios }: typeof loads[number]) => median(ratios) < bound;
  for (let round = 0; round < RETRIES * rounds; round++) {
    const measured = round < rounds ? loads : loads.filter(isLow);
    for (const { protocol, window, ratios } of measured) {
      const other = file === undefined ? "echo" : protocol;
      const before = round % 2 === 0 ? undefined : await measure(reference, other, window);
      const own = await measure(checked, protocol, window);
      ratios.push(own / (before ?? await measure(reference, other, window)));
    }
  }
  const right = (title: string) => ({ title, align: "right" }) as const;
  const columns = [
    { title: "Messages per second of CPU, as a ratio" },
    ...["median", "rounds", "at least"].map(right),
    { title: "" },
  ];
  const rows = loads.map((load) => {
    const { what, bound, ratios } = load;
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    const verdict = isLow(load) ? red("slower") : green("fine");
    return [what, median(ratios).toFixed(2), spread, String(bound), verdict];
  });
  for (const line of table(columns, rows)) print(line);
  return loads.some(isLow) ? 1 : 0;
}

/** The file of the baseline's server, until `stack` is disposed; `undefined` without its commit. */
async function baselineFile(stack: AsyncDisposableStack): Promise<string | undefined> {
  // Outside this repository, where `deno check` and `deno test` would find its files.
  const folder = await Deno.makeTempDir({ prefix: "netlab-guard-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  return await checkOut(BASELINE, folder) ? `${folder}/p2p/server.ts` : undefined;
}

if (import.meta.main) await runProgram(program, main);
