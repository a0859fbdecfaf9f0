/**
 * The addresses of servers that a client knows. Owns how long a learned address is kept, which addresses failed a
 * short time ago, and which are tried. Must not know connections or clocks: the caller passes the time.
 *
 * Any server can list any address, also those of strangers. So an address at which no server of the network was
 * found yet is tried less often, and few of one host.
 *
 * @module
 */
import { hostOf, isLoopbackHost } from "@netlab/protocol/codec";
import { backoffMs } from "../../core/mesh/addresses/backoff.ts";

/**
 * A learned address is dropped when no server has listed it for this long: milliseconds. It is long because a
 * server does not list the servers that it has lost, and the client may still reach them.
 */
const UNLISTED_MS = 3_600_000;
/** An address that failed this recently is tried after the others: milliseconds. */
const FAILED_MS = 60_000;
/** The most learned addresses, so that a server cannot fill the memory of its clients. */
const MAX_LEARNED = 256;
/** How many addresses are tried at a time at which no server was found yet. */
const MAX_UNPROVEN = 32;
/** How many of these are on one host, unless it is the client's own. */
const MAX_UNPROVEN_PER_HOST = 8;

/** A learned address. */
interface Learned {
  /** When a server last listed it: milliseconds. */
  listedAt: number;
  /** How often it has failed in a row. */
  failures: number;
}

/** The addresses of servers, `host:port` each. */
export class KnownServers {
  readonly #configured: readonly string[];
  readonly #isProven: (address: string) => boolean;
  /** The one that was listed first is the first. */
  readonly #learned = new Map<string, Learned>();
  /** When each address last failed: milliseconds. */
  readonly #failedAt = new Map<string, number>();

  /**
   * Starts with addresses that are never dropped.
   *
   * @param isProven Returns whether a server of the network was found at an address.
   */
  constructor(configured: readonly string[], isProven: (address: string) => boolean = () => true) {
    this.#configured = configured;
    this.#isProven = isProven;
  }

  /** All addresses, the configured ones first. */
  get addresses(): string[] {
    return [...new Set([...this.#configured, ...this.#learned.keys()])];
  }

  /**
   * Adds the addresses that a server listed. Drops those that no server has listed for an hour, and if there are too
   * many, those at which no server was found first.
   *
   * @param now The current time: milliseconds.
   */
  learn(addresses: readonly string[], now: number): void {
    for (const address of addresses.slice(-MAX_LEARNED)) {
      const failures = this.#learned.get(address)?.failures ?? 0;
      this.#learned.delete(address);
      this.#learned.set(address, { listedAt: now, failures });
    }
    for (const [address, { listedAt }] of this.#learned) {
      if (now - listedAt < UNLISTED_MS) break;
      this.#learned.delete(address);
    }
    const excess = this.#learned.size - MAX_LEARNED;
    if (excess <= 0) return;
    const order = [...this.#learned.keys()];
    const unproven = order.filter((address) => !this.#isProven(address));
    for (const address of [...new Set([...unproven, ...order])].slice(0, excess)) {
      this.#learned.delete(address);
    }
  }

  /** Notes that an address could not be used, or that its server was lost. `now` is in milliseconds. */
  failed(address: string, now: number): void {
    this.#failedAt.set(address, now);
    const learned = this.#learned.get(address);
    if (learned) learned.failures++;
  }

  /** Notes that a server at this address has accepted the user. */
  worked(address: string): void {
    this.#failedAt.delete(address);
    const learned = this.#learned.get(address);
    if (learned) learned.failures = 0;
  }

  /**
   * Returns which of these addresses to try now, in the given order. Leaves out addresses at which no server was
   * found yet: those that failed a short time ago, and those on a host with many others.
   *
   * @param now The current time: milliseconds.
   */
  toTry(addresses: readonly string[], now: number): string[] {
    const perHost = new Map<string, number>();
    let left = MAX_UNPROVEN;
    return addresses.filter((address) => {
      if (this.#isProven(address)) return true;
      const failures = this.#learned.get(address)?.failures ?? 0;
      const failedAt = this.#failedAt.get(address) ?? -Infinity;
      if (failures > 0 && now - failedAt < backoffMs(failures, 1)) return false;
      const host = hostOf(address);
      const count = perHost.get(host) ?? 0;
      const isHere = isLoopbackHost(host);
      if ((count === MAX_UNPROVEN_PER_HOST && !isHere) || left === 0) return false;
      perHost.set(host, count + 1);
      left--;
      return true;
    });
  }

  /**
   * Returns these addresses in the given order, but those that failed within the last minute behind the others,
   * and the latest failure last.
   *
   * @param now The current time: milliseconds.
   */
  recentlyFailedLast(addresses: readonly string[], now: number): string[] {
    for (const [address, failedAt] of this.#failedAt) {
      if (now - failedAt >= FAILED_MS) this.#failedAt.delete(address);
    }
    const failedAt = (address: string) => this.#failedAt.get(address) ?? -Infinity;
    // Infinities of the same sign have no difference.
    return addresses.toSorted((a, b) =>
      failedAt(a) === failedAt(b) ? 0 : failedAt(a) - failedAt(b)
    );
  }
}
