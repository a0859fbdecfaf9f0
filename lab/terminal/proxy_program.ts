/**
 * `lab proxy`: the options, and the commands that can be typed while it runs. `proxy/` has the proxy.
 *
 * @module
 */
import {
  cyan,
  describeError,
  dim,
  isForeground,
  type Options,
  type OptionValues,
  parseOptions,
  print,
  type Program,
  untilAborted,
  UsageError,
  written,
} from "@netlab/terminal";
import { formatAddress, quote } from "@netlab/protocol";
import { counted } from "../checker/report.ts";
import config from "../deno.json" with { type: "json" };
import { type Direction, FaultProxy } from "../proxy/fault_proxy.ts";
import type { Faults } from "../proxy/faults.ts";
import { SEED_OPTION } from "./shared_options.ts";

/** The options that can also be typed while the program runs. */
const FAULT_OPTIONS = {
  latency: {
    kind: "integer",
    value: "MS",
    help: "Delay bytes by this many milliseconds in each direction: 50 adds 100 ms to the round " +
      "trip, unless --direction names one direction.",
  },
  jitter: {
    kind: "integer",
    value: "MS",
    help: "Vary the latency by up to this much, up and down.",
  },
  bandwidth: { kind: "integer", min: 1, value: "BYTES", help: "Limit the bytes per second." },
  slice: { kind: "integer", min: 1, value: "BYTES", help: "Send pieces of 1 to this many bytes." },
  limit: { kind: "integer", value: "BYTES", help: "Reset connections after this many bytes." },
  stall: { kind: "flag", help: "Hold all bytes, and keep connections open." },
  swallow: { kind: "flag", help: "Lose all bytes." },
  direction: {
    kind: "string",
    value: "DIRECTION",
    default: "both",
    help: "Which bytes these faults affect: to-target, to-client or both.",
  },
} as const satisfies Options;

/** The name, options and help of `lab proxy`. */
export const labProxyProgram = {
  name: "netlab lab proxy",
  summary: "Forwards TCP connections, and makes them worse. While it runs, type cut, partition " +
    "[DIRECTION], heal, or options such as --latency 200, which replace all previous ones.",
  version: config.version,
  usage: "deno task lab proxy TARGET [options]",
  options: {
    target: {
      kind: "address",
      positional: true,
      help: "Where to forward connections: HOST:PORT, or a port of this machine.",
    },
    port: { kind: "port", default: 0, help: "Listen on this port; 0 takes a free one." },
    host: { kind: "host", default: "127.0.0.1", help: "Listen on this host." },
    seed: SEED_OPTION,
    ...FAULT_OPTIONS,
  },
  examples: [
    {
      command: "deno task lab proxy 5001 --port 6001 --latency 100 --jitter 20",
      what: "Make a server seem far away: 200 ms more for each round trip",
    },
    {
      command: "deno task lab proxy 6122 --port 6124 --latency 10",
      what:
        "The same for rtt clients, who connect to the address that a server advertises: start it " +
        "with deno task rtt:server --port 6122 --advertise 6124 --peer 5001",
    },
    {
      command: "deno task lab proxy 5001 --slice 3 --direction to-client",
      what: "Split answers into tiny pieces",
    },
  ],
  outlivesOutput: true,
} as const satisfies Program;

/** Runs `lab proxy` until `stop` aborts. Returns the exit code. */
export async function runLabProxy(
  options: OptionValues<typeof labProxyProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const { target, host: hostname, port, seed } = options;
  if (target === undefined) {
    throw new UsageError("Name one target: deno task lab proxy [HOST:]PORT");
  }
  const faults = directedFaults(options);
  await using proxy = await FaultProxy.start({
    target: formatAddress(target),
    hostname,
    port,
    ...seed !== undefined && { seed },
  });
  proxy.set(faults);
  print(`${cyan(proxy.address)} forwards to ${cyan(formatAddress(target))}; seed ${proxy.seed}`);
  const latency = describeLatency(faults);
  if (latency !== undefined) print(latency);
  // Reading would stop a program in the background of a terminal.
  if (!Deno.stdin.isTerminal() || isForeground() !== false) {
    print(dim("Type cut, partition, heal, or options such as --latency 200; press ctrl-C to stop"));
    void readCommands(proxy);
  } else print(dim("Commands cannot be typed while the program runs in the background"));
  await untilAborted(stop);
  return 0;
}

async function readCommands(proxy: FaultProxy): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines.map((line) => line.trim()).filter((line) => line !== "")) {
      try {
        print(dim(runCommand(proxy, line)));
      } catch (error) {
        print(describeError(error));
      }
      // Commands are read no faster than their answers are. A proxy goes on when nobody reads them.
      await written().catch(() => {});
    }
  }
}

/** Runs a command that was typed, and returns a description of its effect. */
function runCommand(proxy: FaultProxy, line: string): string {
  const [command, ...args] = line.split(/\s+/) as [string, ...string[]];
  if (command.startsWith("--")) {
    const directed = directedFaults(parseOptions(FAULT_OPTIONS, [command, ...args]));
    proxy.set(directed);
    return describeLatency(directed) ?? "faults set";
  }
  const { connections } = proxy;
  switch (command) {
    case "cut":
      proxy.cut();
      return `${counted(connections, "connection")} reset`;
    case "partition":
      proxy.partition(directionOf(args[0] ?? "both"));
      return "all bytes are held until heal";
    case "heal":
      proxy.heal();
      return `healed; ${counted(connections, "connection")}`;
  }
  throw new UsageError(`Unknown command ${command}: it must be cut, partition, heal, or options`);
}

/** Returns what the latency does to a round trip; `undefined` when there is none. */
function describeLatency({ toTarget, toClient }: DirectedFaults): string | undefined {
  const [there, back] = [toTarget.latencyMs ?? 0, toClient.latencyMs ?? 0];
  if (there + back === 0) return undefined;
  const how = there > 0 && back > 0 ? `${there} ms in each direction` : "in one direction";
  return `latency: ${how}, so a round trip takes ${there + back} ms longer`;
}

/** The faults in each direction. */
interface DirectedFaults {
  readonly toTarget: Faults;
  readonly toClient: Faults;
}

function directedFaults(
  options: OptionValues<typeof FAULT_OPTIONS>,
): DirectedFaults {
  const { latency, jitter, bandwidth, slice, limit, stall, swallow } = options;
  const faults: Faults = {
    stall,
    swallow,
    ...latency !== undefined && { latencyMs: latency },
    ...jitter !== undefined && { jitterMs: jitter },
    ...bandwidth !== undefined && { bytesPerSecond: bandwidth },
    ...slice !== undefined && { sliceBytes: slice },
    ...limit !== undefined && { limitBytes: limit },
  };
  const direction = directionOf(options.direction);
  return {
    toTarget: direction === "toClient" ? {} : faults,
    toClient: direction === "toTarget" ? {} : faults,
  };
}

function directionOf(text: string): Direction {
  if (text === "to-target") return "toTarget";
  if (text === "to-client") return "toClient";
  if (text === "both") return "both";
  throw new UsageError(
    `${quote(text)} is not a direction: it must be to-target, to-client or both`,
  );
}
