/**
 * `lab flap`: options and output. The files in `flap/` do the work.
 *
 * @module
 */
import {
  bold,
  green,
  type OptionValues,
  print,
  type Program,
  red,
  table,
  UsageError,
} from "@netlab/terminal";
import { quote } from "@netlab/protocol";
import { POLICY_NAMES } from "@netlab/rtt";
import config from "../deno.json" with { type: "json" };
import { KINDS, makeTrace } from "../flap/kinds.ts";
import { drawSvg, drawTerminal } from "../flap/picture.ts";
import { type Replay, replay } from "../flap/replay.ts";
import { losesLeast, type PolicyTotal, summarize } from "../flap/totals.ts";
import { readTrace, type Trace } from "../flap/trace.ts";

const DEFAULT_KIND = "day";

/** The name, options and help of `lab flap`. */
export const labFlapProgram = {
  name: "netlab lab flap",
  summary:
    "Replays latency traces through every policy of the rtt client. Shows how often each policy moves, and " +
    "how many milliseconds a message loses compared with always using the best server. Exit code 0: the " +
    "netlab policy loses least of those that move no more often than home; 1: otherwise. The kinds of traces: " +
    `${[...KINDS].map(([kind, { what }]) => `${kind} (${what})`).join(", ")}.`,
  version: config.version,
  usage: "deno task lab flap [options]",
  options: {
    kind: {
      kind: "string",
      value: "KIND",
      help: `The kind of generated traces, or all. Default: ${DEFAULT_KIND}.`,
    },
    seeds: { kind: "integer", min: 1, default: 10, help: "The number of traces of each kind." },
    from: { kind: "integer", default: 1, help: "The first seed." },
    trace: {
      kind: "string",
      value: "FILE",
      help: "Replay a recorded trace instead: the output of deno task rtt:client --json.",
    },
    svg: {
      kind: "string",
      value: "FILE",
      help: "Write a picture of the first trace to this file.",
    },
  },
  examples: [
    { command: "deno task lab flap", what: "Replay ten days with all kinds of trouble" },
    {
      command: "deno task lab flap --kind spikes --svg data/flap.svg",
      what: "Replay one kind of trouble, and draw it",
    },
    {
      command: "deno task lab flap --trace trace.jsonl",
      what: "Replay the latencies of your own servers",
    },
  ],
  endsAtOnce: true,
} as const satisfies Program;

/** Runs `lab flap`. Returns the exit code. */
export function runLabFlap(options: OptionValues<typeof labFlapProgram.options>): Promise<number> {
  if (options.trace !== undefined && options.kind !== undefined) {
    throw new UsageError("Options --trace and --kind cannot be used together");
  }
  const { kind = DEFAULT_KIND } = options;
  if (kind !== "all" && !KINDS.has(kind)) {
    const kinds = [...KINDS.keys(), "all"].join(", ");
    throw new UsageError(`Option --kind: ${quote(kind)} is not one of ${kinds}`);
  }
  const kinds = kind === "all" ? [...KINDS.keys()] : [kind];
  const sets = options.trace !== undefined
    ? [{ what: options.trace, traces: [read(options.trace)] }]
    : kinds.map((kind) => ({
      what: `${kind}: ${KINDS.get(kind)!.what}`,
      traces: Array.from(
        { length: options.seeds },
        (_, at) => makeTrace(kind, options.from + at),
      ),
    }));
  const all: Replay[][] = [];
  for (const [index, { what, traces }] of sets.entries()) {
    const replays = traces.map((trace, at) =>
      POLICY_NAMES.map((policy) => replay(trace, policy, options.from + at))
    );
    all.push(...replays);
    const picture = { trace: traces[0]!, replays: replays[0]! };
    if (index > 0) print();
    const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 80;
    for (const line of drawTerminal(picture, columns)) print(line);
    print();
    if (traces.length > 1) print(`${bold(what)}; ${traces.length} traces`);
    for (const line of rows(summarize(replays))) print(line);
    if (options.svg !== undefined && index === 0) {
      Deno.writeTextFileSync(options.svg, drawSvg(picture));
      print(`The picture of the first trace is in ${options.svg}`);
    }
  }
  const totals = summarize(all);
  if (sets.length > 1) {
    print();
    print(bold("all kinds together"));
    for (const line of rows(totals)) print(line);
  }
  print(verdict(totals));
  return Promise.resolve(losesLeast(totals) ? 0 : 1);
}

function verdict(totals: readonly PolicyTotal[]): string {
  const among = "of those that moved no more often than home";
  return losesLeast(totals)
    ? green(`netlab lost least ${among}`)
    : red(`netlab did not lose least ${among}`);
}

function rows(totals: readonly PolicyTotal[]): string[] {
  const right = (title: string) => ({ title, align: "right" as const });
  return table(
    [{ title: "policy" }, right("moves"), right("lost per message"), right("worst trace")],
    totals.map(({ policy, moves, regretMs, worstMs }) => [
      policy === "netlab" ? bold(policy) : policy,
      String(moves),
      `${regretMs.toFixed(2)} ms`,
      `${worstMs.toFixed(2)} ms`,
    ]),
  );
}

function read(path: string): Trace {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(`Option --trace: there is no file ${path}`);
  }
  return readTrace(path, text);
}
