/**
 * Which addresses there are, and when to dial them. Owns the addresses that were given and those that
 * were learned, and the waiting between two tries; knows nothing of what is spoken there.
 *
 * @module
 */
import type { Context } from "../host.ts";

/** The first wait after a failure, doubled with each further one: milliseconds. */
const FIRST_WAIT_MS = 250;
/** The longest wait between two tries: milliseconds. */
const LONGEST_WAIT_MS = 30_000;
/** A learned address of which nobody speaks any more is dropped after this many failures in a row. */
const MAX_FAILURES = 12;

/**
 * How long to wait before the next try after `failures` in a row: doubling from 250 ms to 30 s, of
 * which between a half and the whole is taken, so that servers that lost each other at one time do
 * not come back at one time.
 *
 * @param random A number from 0 to below 1.
 * @returns Milliseconds.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 16));
  return full * (0.5 + random / 2);
}

interface Known {
  /** Given at start, never dropped. */
  readonly configured: boolean;
  state: "waiting" | "dialling" | "linked" | "self" | "legacy";
  /** The id of the server that answered there last. */
  server: string | undefined;
  failures: number;
  nextAt: number;
  /** A server announced itself there while it was being dialled or seemed to be up: the next try is at once. */
  announced: boolean;
}

/** The addresses that a server knows of. */
export class Discovery {
  readonly #context: Context;
  readonly #known = new Map<string, Known>();
  readonly #probe: (address: string) => void;
  readonly #isLinked: (server: string) => boolean;
  readonly #isAnnounced: (server: string) => boolean;

  /**
   * Knows `addresses`, and dials them at the next tick.
   *
   * @param addresses What to dial from the start, for good.
   * @param probe Dials an address; the outcome comes back through the methods below.
   * @param isLinked Whether there is a link to the server with that id.
   * @param isAnnounced Whether that server is known to be somewhere.
   */
  constructor(
    context: Context,
    addresses: readonly string[],
    probe: (address: string) => void,
    isLinked: (server: string) => boolean,
    isAnnounced: (server: string) => boolean,
  ) {
    this.#context = context;
    this.#probe = probe;
    this.#isLinked = isLinked;
    this.#isAnnounced = isAnnounced;
    for (const address of addresses) this.#add(address, true);
    this.#add(context.address, true).state = "self";
  }

  /** An address was heard of, with the id of the server there when that is known. */
  learn(address: string, server?: string): void {
    const known = this.#known.get(address) ?? this.#add(address, false);
    if (server !== undefined && known.state === "waiting") {
      known.server = server;
      if (this.#isLinked(server)) known.state = "linked";
    }
  }

  /** A legacy server at `address` says that it has started: it is dialled at once. */
  announced(address: string): void {
    const known = this.#known.get(address) ?? this.#add(address, false);
    if (known.state === "waiting") {
      known.failures = 0;
      known.nextAt = this.#context.now;
      this.#dial(address, known);
    } else known.announced = true;
  }

  /** The server with that id was reached at `address`, and a link to it is up. */
  linked(address: string, server: string): void {
    const known = this.#known.get(address) ?? this.#add(address, false);
    if (known.state === "self") return;
    known.state = "linked";
    known.server = server;
    known.failures = 0;
  }

  /** The link to a server is gone: all its addresses are tried again soon. */
  unlinked(server: string): void {
    for (const known of this.#known.values()) {
      if (known.server === server && known.state === "linked") this.#wait(known);
    }
  }

  /** Dialling an address led nowhere, or what was there went away. */
  failed(address: string): void {
    const known = this.#known.get(address);
    if (!known || known.state === "self" || known.state === "linked") return;
    const { announced } = known;
    this.#wait(known);
    // Whoever has announced itself since then is there now.
    if (announced) return;
    known.failures++;
    const wanted = known.configured ||
      (known.server !== undefined && this.#isAnnounced(known.server));
    if (!wanted && known.failures >= MAX_FAILURES) this.#known.delete(address);
  }

  /** This server itself answers at `address`. */
  isSelf(address: string): void {
    const known = this.#known.get(address);
    if (known) known.state = "self";
  }

  /** A legacy server answers at `address`. */
  isLegacy(address: string): void {
    const known = this.#known.get(address) ?? this.#add(address, false);
    known.state = "legacy";
    known.announced = false;
    known.failures = 0;
  }

  /** Whether a legacy server is known on that host. */
  hasLegacyOn(host: string): boolean {
    for (const [address, known] of this.#known) {
      if (known.state === "legacy" && address.startsWith(`${host}:`)) return true;
    }
    return false;
  }

  /** Dials what is due. */
  tick(): void {
    for (const [address, known] of this.#known) {
      if (known.state !== "waiting" || known.nextAt > this.#context.now) continue;
      if (known.server !== undefined && this.#isLinked(known.server)) {
        known.state = "linked";
        continue;
      }
      this.#dial(address, known);
    }
  }

  #dial(address: string, known: Known): void {
    known.state = "dialling";
    known.announced = false;
    this.#probe(address);
  }

  #add(address: string, configured: boolean): Known {
    const known: Known = {
      configured,
      state: "waiting",
      server: undefined,
      failures: 0,
      nextAt: this.#context.now,
      announced: false,
    };
    this.#known.set(address, known);
    return known;
  }

  #wait(known: Known): void {
    const { now, host } = this.#context;
    known.state = "waiting";
    if (known.announced) known.failures = 0;
    known.nextAt = known.announced ? now : now + backoffMs(known.failures, host.random());
    known.announced = false;
  }
}
