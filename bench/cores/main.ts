/**
 * `bench:cores`: the throughput of one command with one and with two ports, so with servers on one and on two cores.
 * The program: its options, the measurement and its output.
 *
 * @module
 */
import { freePorts } from "@netlab/lab";
import { print, type Program as Options, runProgram, table } from "@netlab/terminal";
import { median } from "simple-statistics";
import config from "../../p2p/deno.json" with { type: "json" };
import { Program, ROOT } from "../peers/programs.ts";
import { generate } from "../peers/runner.ts";
import { connects, P2P_SERVER } from "../peers/servers.ts";

/** The number of pairs of users, each with a generator of its own. */
const PAIRS = 2;
/** Messages that a pair may have in flight. */
const WINDOW = 500;

/** Which server each pair uses. */
const CONTENDERS: readonly {
  readonly name: string;
  readonly ports: number;
  /** The servers of a pair's sender and receiver. */
  places(pair: number): readonly [number, number];
}[] = [
  { name: "1 server", ports: 1, places: () => [0, 0] },
  { name: "2 servers, each pair at its own", ports: 2, places: (pair) => [pair, pair] },
  { name: "2 servers, pairs between them", ports: 2, places: (pair) => [pair, 1 - pair] },
];

const program = {
  name: "netlab bench:cores",
  summary:
    "Measures how many ephemeral messages two pairs of users exchange over one command with one port and with " +
    "two. The users run on the same machine, so they need cores, too.",
  version: config.version,
  usage: "deno task bench:cores [options]",
  options: {
    rounds: { kind: "integer", min: 1, default: 5, help: "Number of rounds. Shows the median." },
    seconds: { kind: "seconds", default: "3", help: "Length of one measurement." },
    size: {
      kind: "integer",
      min: 1,
      max: 60_000,
      default: 64,
      help: "Bytes of text in a message.",
    },
  },
  examples: [{ command: "deno task bench:cores --rounds 1", what: "A first look" }],
} as const satisfies Options;

await runProgram(program, async ({ rounds, seconds, size }, stop) => {
  const found: { rate: number; serverCpu: number; generatorCpu: number }[][] = CONTENDERS.map(
    () => [],
  );
  let runs = 0;
  for (let round = 0; round < rounds; round++) {
    for (const [index, { ports: count, places }] of CONTENDERS.entries()) {
      stop.throwIfAborted();
      const ports = freePorts(count);
      await using server = new Program([
        ...[Deno.execPath(), "run", "--allow-net=127.0.0.1", `--allow-read=${ROOT}`, P2P_SERVER],
        ...["--port", ports.join(","), "--peer", `127.0.0.1:${ports[0]}`],
      ], undefined);
      for (const port of ports) await server.until("it listens", () => connects(port));
      const ms = seconds * 1_000;
      const results = await Promise.all(
        Array.from({ length: PAIRS }, (_, pair) => {
          const [from, to] = places(pair).map((place) => ports[place]!) as [number, number];
          return generate(
            {
              ...{ kind: "rate", pairs: 1, window: WINDOW, stalled: 0, protocol: "netlab-frames" },
              ...{ port: from, receiverPort: to, pids: [server.pid], size, warmMs: ms / 2, ms },
              ...{ tag: (runs++).toString(36).padStart(3, "0"), lostMs: 5_000 },
            },
            { library: false },
            { pinned: false, stop },
          );
        }),
      );
      const sum = (field: "rate" | "generatorCpu") =>
        results.reduce((total, result) => total + result[field]!, 0);
      found[index]!.push({
        rate: sum("rate"),
        generatorCpu: sum("generatorCpu"),
        // Both generators watch the same process.
        serverCpu: results.reduce((total, { serverCpu }) => total + serverCpu!, 0) / PAIRS,
      });
    }
  }
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = ["messages/s", "beside 1 server", "cores of servers", "cores of users"].map(
    right,
  );
  const of = (index: number, field: "rate" | "serverCpu" | "generatorCpu") =>
    median(found[index]!.map((result) => result[field]));
  const rows = CONTENDERS.map(({ name }, index) => [
    name,
    Math.round(of(index, "rate")).toLocaleString("en"),
    `${(of(index, "rate") / of(0, "rate")).toFixed(2)}`,
    of(index, "serverCpu").toFixed(2),
    of(index, "generatorCpu").toFixed(2),
  ]);
  const title = `${PAIRS} pairs, ${size} bytes, ${navigator.hardwareConcurrency} cores`;
  for (const line of table([{ title }, ...columns], rows)) print(line);
  return 0;
});
