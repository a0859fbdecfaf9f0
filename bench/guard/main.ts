/**
 * `bench:guard`: whether the server has become slower, told by ratios: what it does beside what it does
 * otherwise, and beside a server that only echoes, on the same machine in the same minute. Owns the
 * ratios and their bounds; the load is the generator's.
 *
 * Everything is counted for a second of the server's CPU time and not of the clock, so that whatever
 * else the machine does takes nothing away; and each ratio is taken between neighbours in one round.
 *
 * @module
 */
import { bold, green, type OptionValues, print, type Program, red } from "@netlab/terminal";
import { runProgram, table } from "@netlab/terminal";
import config from "../../p2p/deno.json" with { type: "json" };
import { canPin } from "../peers/programs.ts";
import { generate } from "../peers/runner.ts";
import { type RunningServer, startServer } from "../peers/servers.ts";
import type { Load, RateResult } from "../peers/load.ts";
import { type ProtocolName, PROTOCOLS } from "../peers/protocols/mod.ts";
import { median } from "../peers/statistics.ts";
import { RATIOS, type Subject } from "./ratios.ts";

const program = {
  name: "netlab bench:guard",
  summary:
    "Says whether the server has become slower, by ratios that depend little on the machine. Linux " +
    "alone. Exit code 1 when a ratio is below its bound.",
  version: config.version,
  usage: "deno task bench:guard [options]",
  options: {
    rounds: { kind: "integer", min: 1, default: 5, help: "Measure so often, and take the median." },
    seconds: { kind: "seconds", default: "0.6", help: "How long one measurement lasts." },
  },
  examples: [
    { command: "deno task bench:guard", what: "What continuous integration runs" },
    { command: "deno task bench:guard --rounds 15", what: "To be sure" },
  ],
} as const satisfies Program;

const SIZE = 64;
const WINDOW = 8_192;
const LOST_MS = 10_000;

async function main(
  { rounds, seconds }: OptionValues<typeof program.options>,
  stop: AbortSignal,
): Promise<number> {
  if (Deno.build.os !== "linux") {
    throw new Error("Cannot measure on this system: the generator calls Linux; use Linux");
  }
  const pinned = await canPin();
  const settings = { core: pinned ? 0 : undefined, folder: "", inspect: false };
  await using netlab = startServer("netlab", settings);
  await using echo = startServer("echo", settings);
  await Promise.all([netlab.listening(), echo.listening()]);
  // As many bytes as a delivery in frames has.
  const frameBytes = PROTOCOLS["netlab-session"].batch(
    { sender: "s000000", receiver: "r000000", size: SIZE },
    1,
    1,
  ).next(1).length;
  const measure = async (
    server: RunningServer,
    protocol: ProtocolName,
    size: number,
    round: number,
  ) => {
    stop.throwIfAborted();
    const { port, receiverPort, pids } = server;
    const load: Load = {
      ...{ kind: "rate", protocol, port, receiverPort, pids, size, lostMs: LOST_MS },
      ...{ pairs: 1, window: WINDOW, stalled: 0 },
      tag: String(round).padStart(2, "0"),
      warmMs: seconds * 500,
      ms: seconds * 1_000,
    };
    const { rate, serverCpu } = await generate(load, {}, { pinned, stop }) as RateResult;
    return rate / serverCpu;
  };
  const found = RATIOS.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    const subject: Subject = {
      bare: await measure(netlab, "netlab-bare", SIZE, round),
      framed: await measure(netlab, "netlab-session", SIZE, rounds + round),
      echoed: await measure(echo, "echo", frameBytes, round),
    };
    RATIOS.forEach(({ of }, index) => found[index]!.push(of(subject)));
  }
  const rows = RATIOS.map(({ what, bound }, index) => {
    const ratio = median(found[index]!);
    const span = `${Math.min(...found[index]!).toFixed(3)} to ${
      Math.max(...found[index]!).toFixed(3)
    }`;
    const verdict = ratio >= bound ? green("fine") : red("too low");
    return { fine: ratio >= bound, cells: [what, ratio.toFixed(3), span, String(bound), verdict] };
  });
  const columns = [
    { title: "Ratio, for a second of CPU time" },
    { title: "median", align: "right" as const },
    { title: "rounds", align: "right" as const },
    { title: "at least", align: "right" as const },
    { title: "" },
  ];
  for (const line of table(columns, rows.map(({ cells }) => cells))) print(line);
  if (rows.every(({ fine }) => fine)) return 0;
  print(
    bold("The server does less for its CPU time than before: find out why with deno task bench"),
  );
  return 1;
}

if (import.meta.main) await runProgram(program, main);
