/**
 * `lab proxy`: a fault proxy in front of an address, for people who want to see what a bad link does.
 * Owns the options and what may be typed while it runs; the proxy is in `fault_proxy.ts`.
 *
 * @module
 */
import {
  cyan,
  describeError,
  dim,
  type Options,
  type OptionValues,
  parseOptions,
  print,
  type Program,
  untilAborted,
  UsageError,
} from "@netlab/terminal";
import { formatAddress } from "@netlab/protocol";
import config from "../deno.json" with { type: "json" };
import { type Direction, FaultProxy } from "../proxy/fault_proxy.ts";
import type { Faults } from "../proxy/faults.ts";

/** What can be set at the start, and typed again while it runs. */
const FAULT_OPTIONS = {
  latency: { kind: "integer", value: "MS", help: "Bytes take so many milliseconds." },
  jitter: { kind: "integer", value: "MS", help: "The latency differs by so much, up and down." },
  bandwidth: { kind: "integer", min: 1, value: "BYTES", help: "So many bytes a second." },
  slice: { kind: "integer", min: 1, value: "BYTES", help: "Pieces of 1 to so many bytes." },
  limit: { kind: "integer", value: "BYTES", help: "Reset after so many bytes." },
  stall: { kind: "flag", help: "Hold all bytes, keep connections open." },
  swallow: { kind: "flag", help: "Lose all bytes." },
  direction: {
    kind: "string",
    value: "DIRECTION",
    default: "both",
    help: "What this is for: to-target, to-client or both.",
  },
} as const satisfies Options;

/** What `lab proxy` is. */
export const labProxyProgram = {
  name: "netlab lab proxy",
  summary: "Passes TCP connections on, and makes them worse. While it runs, type cut, partition " +
    "[DIRECTION], heal, or options such as --latency 200, which take the place of all before.",
  version: config.version,
  usage: "deno task lab proxy TARGET [options]",
  options: {
    target: {
      kind: "address",
      repeat: true,
      positional: true,
      help: "Where connections are passed on to: HOST:PORT, or a port of this machine.",
    },
    port: { kind: "port", default: 0, help: "Listen on this port; 0 takes a free one." },
    host: { kind: "string", default: "127.0.0.1", help: "Listen on this host." },
    seed: { kind: "integer", help: "What chance starts from. Default: a random one, shown." },
    ...FAULT_OPTIONS,
  },
  examples: [
    {
      command: "deno task lab proxy 5001 --port 6001 --latency 100 --jitter 20",
      what: "A server that is far away",
    },
    {
      command: "deno task lab proxy 5001 --slice 3 --direction to-client",
      what: "Answers come in crumbs",
    },
  ],
} as const satisfies Program;

/** Runs it until a signal comes. */
export async function runLabProxy(
  options: OptionValues<typeof labProxyProgram.options>,
  stop: AbortSignal,
): Promise<number> {
  const [target] = options.target;
  if (target === undefined || options.target.length > 1) {
    throw new UsageError("Say where connections go: deno task lab proxy [HOST:]PORT");
  }
  const { host: hostname, port, seed } = options;
  const faults = directedFaults(options);
  await using proxy = await FaultProxy.start({
    target: formatAddress(target),
    hostname,
    port,
    ...seed !== undefined && { seed },
  });
  proxy.set(faults);
  print(`${cyan(proxy.address)} leads to ${cyan(formatAddress(target))}; seed ${proxy.seed}`);
  print(dim("Type cut, partition, heal, or options such as --latency 200; ctrl-C ends it"));
  void readCommands(proxy);
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
        print(dim(obey(proxy, line)));
      } catch (error) {
        print(describeError(error));
      }
    }
  }
}

/** Does what a line says, and says what it did. */
function obey(proxy: FaultProxy, line: string): string {
  const [command, ...args] = line.split(/\s+/) as [string, ...string[]];
  if (command.startsWith("--")) {
    proxy.set(directedFaults(parseOptions(FAULT_OPTIONS, [command, ...args])));
    return "set";
  }
  const { connections } = proxy;
  switch (command) {
    case "cut":
      proxy.cut();
      return `${connections} connections reset`;
    case "partition":
      proxy.partition(directionOf(args[0] ?? "both"));
      return "nothing gets through until heal";
    case "heal":
      proxy.heal();
      return `healed, ${connections} connections`;
  }
  throw new UsageError(`Unknown command ${command}: cut, partition, heal, or options`);
}

function directedFaults(
  options: OptionValues<typeof FAULT_OPTIONS>,
): { toTarget: Faults; toClient: Faults } {
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
  throw new UsageError(`${JSON.stringify(text)} is no direction: to-target, to-client or both`);
}
