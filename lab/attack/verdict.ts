/**
 * Judges what a scenario has measured. Owns the limits; measures nothing.
 *
 * @module
 */
import { formatMs } from "@netlab/rtt";
import { count } from "../checker/report.ts";
import type { Latency } from "../statistics.ts";
import type { AttackUse } from "./attacker.ts";
import type { HonestEnd } from "./honest_users.ts";

/** What a process used before, during and after an attack. */
export interface Use {
  /** The most before the attack. */
  readonly before: number;
  /** The most from its beginning on. */
  readonly peak: number;
  /** How long after the end of the attack it was back: milliseconds. `undefined` if it did not come back. */
  readonly backMs: number | undefined;
}

/** What a scenario has measured. */
export interface Measured {
  /** How long messages of honest users took before the attack. */
  readonly before: Latency | undefined;
  /** How long they took if they were sent during the attack. */
  readonly during: Latency | undefined;
  /** How long they took if they were sent after it, once delivery was normal again. */
  readonly after: Latency | undefined;
  /** How long they took beside harmless programs that were as busy as the attack made everybody. */
  readonly control: Latency | undefined;
  /** The share of one processor that the attacker used. */
  readonly attackerShare: number;
  /** The share of one processor that the busiest server used during the attack. */
  readonly serverShare: number;
  /** How long after the end of the attack delivery was normal: milliseconds. `undefined` if it never was. */
  readonly recoveryMs: number | undefined;
  /** The memory of the process whose memory grew most: bytes. */
  readonly memory: Use;
  /** The file descriptors of the process whose descriptors grew most. */
  readonly descriptors: Use;
  /** What the servers wrote to their logs from the beginning of the attack on: bytes. */
  readonly logBytes: number;
  /** How often a link between two servers broke. */
  readonly lostLinks: number;
  /** How many servers or watched clients ended by themselves. */
  readonly crashed: number;
  /** What became of the honest users' messages. */
  readonly honest: HonestEnd;
  /** What the attacker used. */
  readonly attacker: AttackUse;
}

/** p99 below this is fine, whatever it is without an attack: milliseconds. */
const FINE_MS = 10;
/** p99 stays below so many times its normal value. */
const MAX_FACTOR = 2;
/** In how much time everything is as before: milliseconds. */
export const BACK_MS = 30_000;
/** How much servers may log because of one attack: bytes. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;
/** Which share of honest messages may fail: nobody promises that none is refused. */
const MAX_FAILED = 0.01;

/** How long delivery may take during an attack, p99: milliseconds. */
export function limitMs({ before, control }: Pick<Measured, "before" | "control">): number {
  return Math.max(FINE_MS, MAX_FACTOR * Math.max(before?.p99 ?? 0, control?.p99 ?? 0));
}

/** Returns what is wrong, each in a few words. An empty list is a success. */
export function failuresOf(measured: Measured): string[] {
  const { before, during, after, recoveryMs, memory, descriptors, honest } = measured;
  const limit = limitMs(measured);
  const failures: string[] = [];
  if (!before || !during) failures.push("no message of the honest users arrived");
  else if (during.p99 > limit) {
    failures.push(`p99 ${formatMs(during.p99)} under attack, above ${formatMs(limit)}`);
  }
  if (recoveryMs === undefined) failures.push(`delivery is not normal after ${BACK_MS / 1_000} s`);
  else if (after && after.p99 > limit) {
    failures.push(`p99 ${formatMs(after.p99)} after the attack, above ${formatMs(limit)}`);
  }
  if ((memory.backMs ?? Infinity) > BACK_MS) failures.push(notBack("memory"));
  if ((descriptors.backMs ?? Infinity) > BACK_MS) failures.push(notBack("number of descriptors"));
  if (measured.logBytes > MAX_LOG_BYTES) {
    failures.push(`${Math.round(measured.logBytes / 1e6)} MB of log lines`);
  }
  if (measured.lostLinks > 0) failures.push(`${measured.lostLinks} lost links`);
  if (measured.crashed > 0) failures.push(`${measured.crashed} crashed`);
  if (!honest.kept) failures.push(honest.findings[0]!);
  if (honest.failed > MAX_FAILED * honest.sent) {
    failures.push(`${count(honest.failed)} of ${count(honest.sent)} honest messages failed`);
  }
  return failures;
}

function notBack(what: string): string {
  return `the ${what} is not back after ${BACK_MS / 1_000} s`;
}
