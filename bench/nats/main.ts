/**
 * `bench:nats`: measures durable messages over NATS beside the mesh, and beside a plain program that publishes to
 * JetStream, in one run. Two servers, one sender at one of them and one receiver at the other; every program has a
 * process of its own. The program: its options, the measurement and its output.
 *
 * @module
 */
import { freePorts, hasNatsServer, NatsServers, Process } from "@netlab/lab";
import { P2pClient } from "@netlab/p2p/client";
import { print, runProgram, table, toJson } from "@netlab/terminal";
import { median, quantile } from "simple-statistics";
import config from "../../p2p/deno.json" with { type: "json" };
import { plain } from "./plain.ts";

const HOST = "127.0.0.1";
/** The text of a message: 100 bytes, as in the other measurements. */
const TEXT = "x".repeat(100);
/** How many messages may be sent and not accepted, to measure throughput. */
const IN_FLIGHT = 1_000;

/** What one round of one contender gave. */
export interface Round {
  /** Messages per second that were accepted and delivered. */
  readonly perSecond: number;
  /** How long one message took until it was accepted, without others: milliseconds, median and 99th percentile. */
  readonly acceptedMs: readonly [number, number];
}

/** What is measured. */
interface Contender {
  readonly name: string;
  /** How many NATS servers it needs. */
  readonly nats: number;
  round(folder: string, urls: readonly string[], messages: number): Promise<Round>;
}

/** Starts two netlab servers, and measures with a user at each. */
async function netlab(
  messages: number,
  optionsOf: (index: number, ports: number[]) => string[],
): Promise<Round> {
  const ports = freePorts(2);
  await using stack = new AsyncDisposableStack();
  for (const [index, port] of ports.entries()) {
    const server = stack.use(Process.start(
      new URL("../../p2p/server.ts", import.meta.url).href,
      ["--port", String(port), "--json", ...optionsOf(index, ports)],
      { permissions: [`--allow-net=${HOST},localhost`, "--allow-read", "--allow-write"] },
    ));
    await server.waitFor("listening");
  }
  const join = async (name: string, port: number) =>
    stack.use(await P2pClient.connect({ name, servers: [`${HOST}:${port}`] }));
  const ann = await join("Ann", ports[0]!);
  const bob = await join("Bob", ports[1]!);
  while (!(await ann.users()).includes("Bob")) await new Promise((done) => setTimeout(done, 20));
  let seen = 0;
  const reading = (async () => {
    for await (const _ of bob) seen++;
  })();
  const send = async () => void await ann.send("Bob", TEXT);
  const acceptedMs = await latency(send);
  seen = 0;
  const delivered: Promise<unknown>[] = [];
  const start = performance.now();
  await inFlight(messages, async () => {
    delivered.push((await ann.send("Bob", TEXT)).delivered);
  });
  await Promise.all(delivered);
  const perSecond = messages / (performance.now() - start) * 1_000;
  await ann.close();
  await bob.close();
  await reading;
  return { perSecond, acceptedMs };
}

/** Measures how long one message after another takes: median and 99th percentile. */
export async function latency(send: () => Promise<void>): Promise<[number, number]> {
  const times: number[] = [];
  for (let number = 0; number < 300; number++) {
    const start = performance.now();
    await send();
    // The first ones warm up.
    if (number >= 50) times.push(performance.now() - start);
  }
  return [median(times), quantile(times, 0.99)];
}

/** Does something so many times, many at once. */
export async function inFlight(count: number, run: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (left-- > 0) await run();
  }));
}

const natsOptions = (urls: readonly string[]) => [
  ...urls.flatMap((url) => ["--nats", url]),
  ...["--nats-replicas", String(urls.length)],
];

const CONTENDERS: readonly Contender[] = [
  {
    name: "mesh, SQLite",
    nats: 0,
    round: (folder, _, messages) =>
      netlab(messages, (index, ports) => [
        ...["--peer", `${HOST}:${ports[1 - index]}`, "--network", "bench"],
        ...["--data", `${folder}/${index}`],
      ]),
  },
  ...[1, 3].flatMap((count) => [
    {
      name: `netlab over NATS, ${count} replica${count === 1 ? "" : "s"}`,
      nats: count,
      round: (_: string, urls: readonly string[], messages: number) =>
        netlab(messages, () => natsOptions(urls)),
    },
    {
      name: `plain nats.js, ${count} replica${count === 1 ? "" : "s"}`,
      nats: count,
      round: (_: string, urls: readonly string[], messages: number) => plain(urls, messages),
    },
  ]),
];

if (import.meta.main) {
  await runProgram({
    name: "netlab bench:nats",
    summary:
      "Measures durable messages over NATS, over the mesh, and of a plain program with JetStream.",
    version: config.version,
    usage: "deno task bench:nats [options]",
    options: {
      rounds: { kind: "integer", default: 3, min: 1, help: "How often each is measured." },
      messages: {
        kind: "integer",
        default: 10_000,
        min: 1_000,
        help: "How many messages a round has.",
      },
      json: { kind: "flag", help: "Print only the results, as a JSON object." },
    },
    examples: [{ command: "deno task bench:nats", what: "Measure all in about two minutes" }],
  }, async ({ rounds, messages, json }) => {
    if (!await hasNatsServer()) {
      throw new Error("Cannot measure: install nats-server (apt-get install nats-server)");
    }
    const results = new Map<string, Round[]>(CONTENDERS.map(({ name }) => [name, []]));
    Deno.mkdirSync("data", { recursive: true });
    for (let round = 0; round < rounds; round++) {
      for (const contender of CONTENDERS) {
        const folder = Deno.makeTempDirSync({ dir: "data", prefix: "bench-" });
        try {
          await using nats = contender.nats > 0
            ? await NatsServers.start({ servers: contender.nats, folder })
            : undefined;
          results.get(contender.name)!.push(
            await contender.round(folder, nats?.urls ?? [], messages),
          );
        } finally {
          Deno.removeSync(folder, { recursive: true });
        }
      }
    }
    const summary = [...results].map(([name, each]) => ({
      name,
      perSecond: Math.round(median(each.map(({ perSecond }) => perSecond))),
      acceptedMs: median(each.map(({ acceptedMs }) => acceptedMs[0])),
      acceptedP99Ms: median(each.map(({ acceptedMs }) => acceptedMs[1])),
    }));
    if (json) return print(toJson({ rounds, messages, results: summary })), 0;
    const lines = table(
      [
        { title: "" },
        { title: "messages/s", align: "right" },
        { title: "accepted after (median)", align: "right" },
        { title: "(99 %)", align: "right" },
      ],
      summary.map((each) => [
        each.name,
        each.perSecond.toLocaleString("en"),
        `${each.acceptedMs.toFixed(1)} ms`,
        `${each.acceptedP99Ms.toFixed(1)} ms`,
      ]),
    );
    for (const line of lines) print(line);
    return 0;
  });
}
