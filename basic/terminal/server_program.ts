/**
 * The program `basic:server`: starts one or more servers, greets the other default ports once, and prints
 * who answered. Owns the options and the output; starting a server is passed in.
 *
 * @module
 */
import {
  DEFAULT_HOST,
  DEFAULT_PORTS,
  formatAddress,
  isEveryAddress,
} from "@netlab/protocol/address";
import {
  findHost,
  listenOn,
  listenOnFirstFree,
  print,
  runProgram,
  untilAborted,
  UsageError,
} from "@netlab/terminal";
import { greetAll } from "../client.ts";
import config from "../deno.json" with { type: "json" };
import type { BasicServer, BasicServerOptions } from "../server.ts";
import { greetingTable } from "./greeting_table.ts";

/** Runs the program, which starts servers with `listen`, and ends the process. */
export async function runServerProgram(
  listen: (options: BasicServerOptions) => Promise<BasicServer>,
): Promise<never> {
  return await runProgram({
    name: "netlab basic server",
    summary: 'Answers "hello" with "world". At start it greets the servers on the other default ' +
      `ports, ${DEFAULT_PORTS[0]} to ${DEFAULT_PORTS.at(-1)}, and shows which of them answered.`,
    version: config.version,
    usage: "deno task basic:server [options]",
    options: {
      port: { kind: "port", help: "Listen on this port. Default: the first free default port." },
      index: {
        kind: "integer",
        max: DEFAULT_PORTS.length - 1,
        help: "Listen on the default port with this index: 0 is 5001, 4 is 5005.",
      },
      ports: {
        kind: "port",
        repeat: true,
        value: "PORT,PORT",
        help: "Run several servers in one process, one on each port.",
      },
      host: { kind: "host", default: DEFAULT_HOST, help: "Listen on this host." },
    },
    examples: [
      { command: "deno task basic:server", what: "Start a server on the first free default port" },
      { command: "deno task basic:server --index 2", what: "Start a server on port 5003" },
      { command: "deno task basic:server --ports 5001,5002,5003", what: "Start three servers" },
      { command: "printf hello | nc 127.0.0.1 5001", what: "Greet a server without netlab" },
    ],
    outlivesOutput: true,
  }, async ({ host, port, index, ports }, stop) => {
    if ([port, index, ports[0]].filter((each) => each !== undefined).length > 1) {
      throw new UsageError("Options --port, --index and --ports exclude each other");
    }
    if (!await findHost(host, stop)) return 0;
    const onePort = index === undefined ? port : DEFAULT_PORTS[index];
    const start = (port: number) => listen({ hostname: host, port });
    await using servers = new AsyncDisposableStack();
    const own: number[] = [];
    for (const each of ports.length > 0 ? ports : [onePort]) {
      const server = each === undefined
        ? await listenOnFirstFree(host, start)
        : await listenOn(host, each, start);
      servers.use(server);
      own.push(server.port);
      print(`Listening on ${formatAddress(server.address)}`);
    }

    const hostname = isEveryAddress(host) ? DEFAULT_HOST : host;
    const siblings = DEFAULT_PORTS.filter((each) => !own.includes(each))
      .map((port) => ({ hostname, port }));
    try {
      if (siblings.length > 0) {
        const lines = greetingTable(await greetAll(siblings, { signal: stop }));
        for (const line of ["", ...lines, ""]) print(line);
      }
    } catch (error) {
      // A server runs until it is stopped, so being stopped is success.
      if (error === stop.reason) return 0;
      throw error;
    }
    print("Ready. Press ctrl-C to stop.");
    await untilAborted(stop);
    return 0;
  });
}
