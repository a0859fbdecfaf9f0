/**
 * `bench:idle`: connects as many idle users to one server as file descriptors allow, beside nats-server if it is
 * installed. The program: its options, the measurement and its output.
 *
 * @module
 */
import { print, type Program, runProgram, table } from "@netlab/terminal";
import { median } from "simple-statistics";
import config from "../../p2p/deno.json" with { type: "json" };
import type { Result } from "../peers/load.ts";
import { canPin, outputOf } from "../peers/programs.ts";
import type { ProtocolName } from "../peers/protocols/mod.ts";
import { generate } from "../peers/runner.ts";
import { Server, type ServerName, versionOf } from "../peers/servers.ts";

/** File descriptors that a server needs for itself. */
const OWN_FILES = 100;
/** The generator connects from one address, which has so many ports. */
const PORTS = 28_000;

const CONTENDERS: readonly {
  readonly name: string;
  readonly server: ServerName;
  readonly product: "netlab" | "nats";
  readonly protocol: ProtocolName;
}[] = [
  { name: "netlab", server: "netlab", product: "netlab", protocol: "netlab-batch" },
  { name: "nats-server", server: "nats", product: "nats", protocol: "nats" },
];

const program = {
  name: "netlab bench:idle",
  summary:
    "Connects many idle users to one server: the memory of each, how many join in a second one after the " +
    "other, and how long a message takes meanwhile. Beside nats-server if it is installed. Linux only.",
  version: config.version,
  usage: "deno task bench:idle [options]",
  options: {
    users: {
      kind: "integer",
      min: 1,
      default: 100_000,
      help:
        "The number of users. There are fewer if the system does not permit so many open files.",
    },
    rounds: { kind: "integer", min: 1, default: 3, help: "Number of rounds. Shows the median." },
    seconds: { kind: "seconds", default: "3", help: "For how long messages are sent." },
  },
  examples: [{ command: "deno task bench:idle --users 5000 --rounds 1", what: "A first look" }],
} as const satisfies Program;

await runProgram(program, async ({ users, rounds, seconds }, stop) => {
  const files = Number((await outputOf("sh", "-c", "ulimit -n"))?.trim());
  const most = Math.min(users, files - OWN_FILES, PORTS);
  if (most < users) {
    print(
      `${most.toLocaleString("en")} users instead of ${
        users.toLocaleString("en")
      }: a process may ` +
        `open ${files.toLocaleString("en")} files (ulimit -n), and one address has ${
          PORTS.toLocaleString("en")
        } ports for connections.`,
    );
  }
  const pinned = await canPin();
  const found: Result[][] = CONTENDERS.map(() => []);
  const versions = await Promise.all(CONTENDERS.map(({ product }) => versionOf(product)));
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of CONTENDERS.entries()) {
      if (versions[index] === undefined) continue;
      stop.throwIfAborted();
      await using server = new Server(contender.server, { core: pinned ? 0 : undefined });
      await server.listening();
      const { port, receiverPort, pids } = server;
      const ms = seconds * 1_000;
      found[index]!.push(
        await generate(
          {
            ...{
              kind: "many",
              users: most,
              protocol: contender.protocol,
              port,
              receiverPort,
              pids,
            },
            ...{ tag: "000", size: 64, warmMs: ms / 4, ms, lostMs: 5_000 },
          },
          { library: false },
          { pinned, stop },
        ),
      );
    }
  }
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = ["joins/s", "memory of a user", "message, median", "p99"].map(right);
  const rows = CONTENDERS.flatMap(({ name }, index) => {
    if (found[index]!.length === 0) return [];
    const of = (field: "joinRate" | "residentBytes" | "p50" | "p99") =>
      median(found[index]!.map((result) => result[field]!));
    return [[
      `${name} ${versions[index]}`,
      Math.round(of("joinRate")).toLocaleString("en"),
      `${(of("residentBytes") / 1_000).toFixed(1)} kB`,
      `${of("p50").toFixed(0)} µs`,
      `${of("p99").toFixed(0)} µs`,
    ]];
  });
  const title = `${most.toLocaleString("en")} idle users`;
  for (const line of table([{ title }, ...columns], rows)) print(line);
  if (versions[1] === undefined) {
    print("nats-server is not installed, so there is nothing to compare with");
  }
  return 0;
});
