/**
 * Limits how often a server dials addresses that others have named. Owns how many dials run at one time, how many
 * may fail, and how long a host at which they fail is left alone. Knows no addresses, only their hosts, and not
 * what answers there.
 *
 * Nobody has proven that a named address belongs to the network: anybody can name the addresses of strangers.
 * So dials that prove it cost nothing, and all others share a small budget.
 *
 * @module
 */
import type { Context } from "../../host.ts";
import { LIMITS } from "../../limits.ts";
import { backoffMs } from "./backoff.ts";

/** How often one more dial may fail: milliseconds. */
const REFILL_MS = 1_000;
/** How long a host is left alone after a dial because of an announcement: milliseconds. */
const ANNOUNCED_MS = 1_000;
/** How long a host is remembered after its last dial may be repeated: milliseconds. */
const FORGET_MS = 60_000;

/** The dials to one host. */
interface HostDials {
  /** How many run. */
  running: number;
  /** How many have failed since the last success. */
  failures: number;
  /** When the last one began: milliseconds since 1970. */
  beganAt: number;
  /** When the host may be dialled again: milliseconds since 1970. */
  nextAt: number;
}

/** The dials of one server to addresses that it has learned. */
export class DialBudget {
  readonly #context: Context;
  readonly #hosts = new Map<string, HostDials>();
  /** How many dials began since the last tick. */
  #begun = 0;
  /** How many dials run to addresses that have been proven, and to all others. */
  readonly #running = { proven: 0, unproven: 0 };
  /** How many dials to unproven addresses may fail before the next one must wait. */
  #mayFail: number = LIMITS.failedDials.default;
  #refilledAt: number;

  /** Creates a budget of which nothing is used. */
  constructor(context: Context) {
    this.#context = context;
    this.#refilledAt = context.now;
  }

  /** The number of dials that run. */
  get running(): number {
    return this.#running.proven + this.#running.unproven;
  }

  /** Allows more dials as time passes. */
  tick(): void {
    const { now } = this.#context;
    this.#begun = 0;
    const more = Math.floor((now - this.#refilledAt) / REFILL_MS);
    this.#refilledAt += more * REFILL_MS;
    this.#mayFail = Math.min(this.#mayFail + more, LIMITS.failedDials.default);
    for (const [host, { running, nextAt }] of this.#hosts) {
      if (running === 0 && now - nextAt >= FORGET_MS) this.#hosts.delete(host);
    }
  }

  /**
   * Returns whether a learned address on a host may be dialled now. Otherwise it waits for a later tick.
   *
   * @param isProven Whether a server of the network has been reached at the address.
   */
  mayBegin(host: string, isProven: boolean): boolean {
    const { unproven } = this.#running;
    if (this.#begun >= LIMITS.dials.default) return false;
    if (this.running >= LIMITS.openDials.default) return false;
    if (isProven) return true;
    if (unproven >= LIMITS.openUnprovenDials.default || this.#mayFail <= unproven) return false;
    const known = this.#hosts.get(host);
    if (known === undefined) return true;
    // A host at which dials fail is asked once at a time.
    const most = known.failures > 0 ? 1 : LIMITS.dialsPerHost.default;
    return known.running < most && this.#context.now >= known.nextAt;
  }

  /** Notes that a dial begins. */
  began(host: string, isProven: boolean): void {
    this.#begun++;
    this.#running[isProven ? "proven" : "unproven"]++;
    if (isProven) return;
    const { now } = this.#context;
    const known = this.#hosts.get(host);
    if (known === undefined) {
      this.#hosts.set(host, { running: 1, failures: 0, beganAt: now, nextAt: now });
    } else {
      known.running++;
      known.beganAt = now;
    }
  }

  /**
   * Notes that a dial has ended.
   *
   * @param isProven As it was when the dial began.
   * @param isFailed Whether it has not shown that a server of the network, or a legacy server, is there.
   */
  ended(host: string, isProven: boolean, isFailed: boolean): void {
    this.#running[isProven ? "proven" : "unproven"]--;
    const known = this.#hosts.get(host);
    if (isProven || known === undefined) return;
    known.running--;
    if (isFailed) {
      this.#mayFail--;
      known.nextAt = this.#context.now + backoffMs(known.failures++, 1);
    } else {
      known.failures = 0;
      known.nextAt = this.#context.now;
    }
  }

  /** Notes that a server on a host has announced itself, so that the host need not wait for long. */
  announced(host: string): void {
    const known = this.#hosts.get(host);
    if (known) known.nextAt = Math.min(known.nextAt, known.beganAt + ANNOUNCED_MS);
  }
}
