/**
 * The addresses of servers that a client knows. Owns how long a learned address is kept, and which addresses
 * failed a short time ago. Must not know connections or clocks: the caller passes the time.
 *
 * @module
 */

/**
 * A learned address is dropped when no server has listed it for this long: milliseconds. It is long because a
 * server does not list the servers that it has lost, and the client may still reach them.
 */
const UNLISTED_MS = 3_600_000;
/** An address that failed this recently is tried after the others: milliseconds. */
const FAILED_MS = 60_000;
/** The most learned addresses, so that a server cannot fill the memory of its clients. */
const MAX_LEARNED = 256;

/** The addresses of servers, `host:port` each. */
export class KnownServers {
  readonly #configured: readonly string[];
  /** When a server last listed each learned address: milliseconds. The oldest is the first. */
  readonly #listedAt = new Map<string, number>();
  /** When each address last failed: milliseconds. */
  readonly #failedAt = new Map<string, number>();

  /** Starts with addresses that are never dropped. */
  constructor(configured: readonly string[]) {
    this.#configured = configured;
  }

  /** All addresses, the configured ones first. */
  get addresses(): string[] {
    return [...new Set([...this.#configured, ...this.#listedAt.keys()])];
  }

  /**
   * Adds the addresses that a server listed. Drops those that no server has listed for an hour.
   *
   * @param now The current time: milliseconds.
   */
  learn(addresses: readonly string[], now: number): void {
    for (const address of addresses) {
      this.#listedAt.delete(address);
      this.#listedAt.set(address, now);
    }
    for (const [address, listedAt] of this.#listedAt) {
      if (now - listedAt < UNLISTED_MS && this.#listedAt.size <= MAX_LEARNED) break;
      this.#listedAt.delete(address);
    }
  }

  /** Notes that an address could not be used, or that its server was lost. `now` is in milliseconds. */
  failed(address: string, now: number): void {
    this.#failedAt.set(address, now);
  }

  /** Notes that a server at this address has accepted the user. */
  worked(address: string): void {
    this.#failedAt.delete(address);
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
