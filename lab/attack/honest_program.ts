/**
 * Honest users, in a process of their own: they write to each other, or greet servers of the basic system.
 * Prints how long each message took, as lines of JSON, until standard input says `stop`. The last line is
 * the verdict of the checker.
 *
 * @module
 */
import { greet } from "@netlab/basic/client";
import { parseAddress } from "@netlab/protocol";
import { print, toJson } from "@netlab/terminal";
import { checkHistory } from "../checker/checker.ts";
import { formatFindings } from "../checker/report.ts";
import { Load } from "../load/load.ts";
import { pick, seeded } from "../random.ts";
import type { HonestEnd, HonestOptions, HonestSample } from "./honest_users.ts";
import { inputLines } from "./input_lines.ts";

/** The interval at which samples are printed: milliseconds. */
const SAMPLE_MS = 200;
/** How long to wait for messages that were accepted: milliseconds. */
const SETTLE_MS = 200_000;
/** How long a user of the basic system waits for an answer: milliseconds. */
const GREETING_MS = 5_000;
/** How many greetings are under way at most. */
const MAX_GREETINGS = 500;

/** Lets users write to each other until `stop` aborts. */
async function writeAll(options: HonestOptions, stop: AbortSignal): Promise<HonestEnd> {
  const { system, servers, users: clients, perSecond, seed } = options;
  if (system === "basic") throw new TypeError("Users of basic do not write to each other");
  await using load = await Load.connect({
    system,
    servers,
    clients,
    perSecond,
    absences: false,
    seed,
  });
  // A server under attack may drop ephemeral messages, as it does when links change.
  load.changed();
  const follower = new Follower(load);
  const timer = setInterval(() => print(toJson(follower.sample())), SAMPLE_MS);
  print("ready");
  await load.run({}, stop);
  clearInterval(timer);
  // After an attack, a server may try a message again only after minutes.
  const late = AbortSignal.timeout(SETTLE_MS);
  const { counts } = load;
  do await load.settle(late); while (!late.aborted && counts.seen < counts.accepted);
  print(toJson(follower.sample()));
  const findings = checkHistory(load.history);
  return {
    sent: findings.sent,
    failed: findings.refused + findings.unknown.length,
    kept: findings.exitCode === 0,
    findings: [...formatFindings(findings), ...load.thrownOut],
  };
}

/** Turns the history of users into samples. */
class Follower {
  readonly #load: Load;
  readonly #waiting = new Map<string, number>();
  #next = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  /** Returns what has been seen since the last call. */
  sample(): HonestSample {
    const { history, counts } = this.#load;
    const seen: [number, number][] = [];
    for (; this.#next < history.length; this.#next++) {
      const event = history[this.#next]!;
      if (event.kind === "sent" || event.kind === "posted") this.#waiting.set(event.id, event.at);
      else if (event.kind === "refused") this.#waiting.delete(event.id);
      else if (event.kind === "seen") {
        const sentAt = this.#waiting.get(event.id);
        if (sentAt === undefined) continue;
        this.#waiting.delete(event.id);
        seen.push([Math.round(performance.timeOrigin + sentAt), round(event.at - sentAt)]);
      }
    }
    return { seen, offline: counts.offline };
  }
}

/** Lets users greet the servers until `stop` aborts. */
async function greetAll(options: HonestOptions, stop: AbortSignal): Promise<HonestEnd> {
  const random = seeded(options.seed, 1);
  const addresses = options.servers.map(parseAddress);
  const greetings = new Set<Promise<void>>();
  const reasons = new Map<string, number>();
  let seen: [number, number][] = [];
  let [sent, failed] = [0, 0];
  const greetOne = async () => {
    const at = performance.timeOrigin + performance.now();
    const { answered, ms, reason = "no answer" } = await greet(pick(random, addresses), {
      timeoutMs: GREETING_MS,
    });
    // A greeting without an answer took at least as long as its user waited.
    seen.push([at, round(answered ? ms : Math.max(ms, GREETING_MS))]);
    if (answered) return;
    failed++;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const tick = setInterval(() => {
    if (greetings.size >= MAX_GREETINGS) return;
    sent++;
    const greeting = greetOne().finally(() => greetings.delete(greeting));
    greetings.add(greeting);
  }, 1_000 / options.perSecond);
  const flush = () => {
    print(toJson({ seen, offline: 0 } satisfies HonestSample));
    seen = [];
  };
  const timer = setInterval(flush, SAMPLE_MS);
  print("ready");
  await new Promise((resolve) => stop.addEventListener("abort", resolve));
  clearInterval(tick);
  await Promise.all(greetings);
  clearInterval(timer);
  flush();
  const findings = [...reasons].map(([reason, times]) => `${times} times: ${reason}`);
  return { sent, failed, kept: true, findings };
}

/** Rounds to a hundredth. */
function round(ms: number): number {
  return Math.round(100 * ms) / 100;
}

if (import.meta.main) {
  const options = JSON.parse(Deno.args[0]!) as HonestOptions;
  const stop = new AbortController();
  const running = options.system === "basic"
    ? greetAll(options, stop.signal)
    : writeAll(options, stop.signal);
  for await (const line of inputLines()) if (line === "stop") break;
  stop.abort();
  print(toJson(await running));
  Deno.exit();
}
