/**
 * Simulates networks of many sizes, each in a process of its own, and skips those that do not fit into the memory or
 * the time. Knows nothing of what is measured.
 *
 * @module
 */
import { Process } from "../cluster/process.ts";
import { NETWORKS } from "./networks.ts";
import { formatNumber } from "./report/numbers.ts";
import type { ScalePlan, ScaleResult } from "./simulate_scale.ts";

/** What every server keeps of each user of the network, about: bytes. More does not fit into the estimate. */
const USER_BYTES = 500;
/** What every server keeps of each other server and its links, about: bytes. */
const SERVER_BYTES = 5_000;
const GIB = 1024 ** 3;

/** The limits of the simulations. */
export interface PairLimits {
  /** How many run at once. */
  readonly workers: number;
  /** How long one may take: seconds. */
  readonly seconds: number;
  /** How much memory one may use: GiB. */
  readonly memoryGib: number;
}

/** A network that was not simulated. */
export interface SkippedPair {
  /** The network. */
  readonly plan: ScalePlan;
  /** One sentence that says why. */
  readonly why: string;
}

/** What came of one plan: a result, or why there is none. */
export type Outcome = ScaleResult | SkippedPair;

/**
 * Simulates networks, so many at a time.
 *
 * @param onOutcome Called with each result, and with each network that is skipped.
 * @returns The results and the skipped networks, in the order of the plans.
 * @throws {unknown} The reason of `stop`, when it aborts.
 */
export async function simulatePairs(
  plans: readonly ScalePlan[],
  limits: PairLimits,
  onOutcome: (outcome: Outcome) => void,
  stop: AbortSignal,
): Promise<{ results: ScaleResult[]; skipped: SkippedPair[] }> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const work = async () => {
    while (next < plans.length) {
      const at = next++;
      const plan = plans[at]!;
      const skipped = outcomes.filter((outcome) => "why" in outcome);
      const result = obstacleTo(plan, limits, skipped) ?? await simulateApart(plan, limits, stop);
      outcomes[at] = typeof result === "string" ? { plan, why: result } : result;
      onOutcome(outcomes[at]);
    }
  };
  await Promise.all(Array.from({ length: limits.workers }, work));
  return {
    results: outcomes.flatMap((outcome) => "why" in outcome ? [] : [outcome]),
    skipped: outcomes.filter((outcome) => "why" in outcome),
  };
}

/** Returns why a network is not simulated, if that is known before. */
function obstacleTo(
  plan: ScalePlan,
  { memoryGib }: PairLimits,
  skipped: readonly SkippedPair[],
): string | undefined {
  const bytes = plan.servers * (plan.users * USER_BYTES + plan.servers * SERVER_BYTES);
  if (bytes > memoryGib * GIB) {
    return `${describePlan(plan)} would need about ${formatNumber(bytes / GIB)} GiB of memory ` +
      `(--memory ${memoryGib}).`;
  }
  const smaller = skipped.find(({ plan: { network, servers, users } }) =>
    network === plan.network && servers <= plan.servers && users <= plan.users
  );
  return smaller && `${describePlan(plan)} is larger than a network that was skipped.`;
}

/** Simulates one network in a process. Returns the result, or why there is none. */
async function simulateApart(
  plan: ScalePlan,
  { seconds, memoryGib }: PairLimits,
  stop: AbortSignal,
): Promise<ScaleResult | string> {
  const program = import.meta.resolve("./pair_program.ts");
  const heap = `--max-old-space-size=${Math.floor(memoryGib * 1024)}`;
  await using process = Process.start(program, [JSON.stringify(plan)], {
    permissions: [`--v8-flags=--expose-gc,${heap}`],
  });
  const kill = () => process.kill("SIGKILL");
  stop.addEventListener("abort", kill);
  const timer = setTimeout(kill, seconds * 1_000);
  try {
    const startedAt = performance.now();
    await process.ended;
    const isLate = performance.now() - startedAt >= seconds * 1_000;
    stop.throwIfAborted();
    const { code, stdout, stderr } = await process.finished();
    if (isLate) {
      return `${describePlan(plan)} took longer than ${seconds} s (--limit ${seconds}).`;
    }
    if (code === 0) return JSON.parse(stdout.at(-1)!);
    return `${describePlan(plan)} failed: ${stderr.at(0) ?? `status ${code}`}.`;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", kill);
  }
}

/** Describes a network: `A full mesh of 20 servers with 1,000 users`. */
export function describePlan({ network, servers, users }: ScalePlan): string {
  return `A ${NETWORKS.get(network)!.title} of ${servers.toLocaleString("en")} servers with ` +
    `${users.toLocaleString("en")} users`;
}
