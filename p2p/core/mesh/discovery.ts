/**
 * Knows the addresses of other servers and decides when to dial them. Owns the configured and the learned
 * addresses, and the delay between two attempts. Knows nothing about the protocol that is spoken on a
 * connection.
 *
 * @module
 */
import { isLoopback, isLoopbackHost } from "@netlab/protocol/codec";
import type { Context } from "../host.ts";
import { LIMITS } from "../limits.ts";

/** The delay after the first failure, doubled with each further one: milliseconds. */
const FIRST_WAIT_MS = 250;
/** The longest delay between two attempts: milliseconds. */
const LONGEST_WAIT_MS = 30_000;
/**
 * How long an address is known to lead to a linked server, or to this server itself: milliseconds. It may lead to
 * another server later, for example when a name gets another IP address, so it is then dialled again.
 */
const RECHECK_MS = 300_000;
/**
 * The number of failures in a row, about three minutes, after which an address may lead to anything: a learned one is
 * dropped, unless another server still announces it.
 */
const MAX_FAILURES = 12;

/**
 * Returns the delay before the next attempt. It doubles from 250 ms to 30 s. A random value between half
 * of that and all of it is used, so that servers that lost each other at the same time do not reconnect
 * at the same time.
 *
 * @param failures The number of failures in a row.
 * @param random A number from 0 to below 1.
 * @returns Milliseconds.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 16));
  return full * (0.5 + random / 2);
}

/** The network of a server, and where it looks for others. */
export interface DiscoveryOptions {
  /** The addresses that the server dials from the start: `host:port` each. */
  peers: readonly string[];
  /**
   * Addresses where other servers may run although nobody named them. The server dials them, too. It joins
   * another network there only when it has just started.
   *
   * @default {[]}
   */
  defaultPeers?: readonly string[];
  /**
   * The id of the server's network, as `protocol/codec/names/network.ts` defines it.
   *
   * @default {the id of the server, which founds a network}
   */
  network?: string;
}

/** Where an address comes from. */
type Source =
  /** It was given at start. Such an address is never dropped. */
  | "configured"
  /** Nobody named it, but servers of one machine look for each other there. Such an address is never dropped. */
  | "default"
  /** A legacy server announced itself there, or is listed there by another one. */
  | "legacy"
  /** A server of the network says that it is reached there. */
  | "learned";

/**
 * How long after its start a server joins other networks that it finds at default addresses: milliseconds. A
 * server that starts finds those that run already. What appears there later may be a tunnel to another machine,
 * unless it dials this server itself.
 */
const JOIN_MS = 10_000;

interface Known {
  source: Source;
  /** Whether a server of this network has been reached there, and not long ago. */
  reached: boolean;
  /** The network for which a link was refused, and which was logged; "" if it states none. */
  refused: string | undefined;
  state: "waiting" | "dialling" | "linked" | "self" | "legacy";
  /** The id of the server that is said to be at the address. */
  server: string | undefined;
  /** The id of the server that answered when the address was dialled last. */
  answered: string | undefined;
  failures: number;
  /** When to dial the address next, or again if it is linked or leads to this server itself. */
  nextAt: number;
  /** Whether the address is being dialled although it is linked. */
  isChecked: boolean;
  /**
   * Whether a server announced itself at the address while it was being dialled or seemed to be linked.
   * The next attempt then follows immediately.
   */
  announced: boolean;
}

/** The addresses that a server knows. */
export class Discovery {
  readonly #context: Context;
  readonly #known = new Map<string, Known>();
  /** How many addresses were dialled since the last tick. */
  #dialled = 0;
  readonly #probe: (address: string) => void;
  readonly #isLinked: (server: string) => boolean;
  readonly #isAnnounced: (server: string) => boolean;
  readonly #startedAt: number;

  /**
   * Creates a list of addresses. The next tick dials them.
   *
   * @param options The addresses to dial for as long as the server runs.
   * @param probe Dials an address. Its outcome is reported through the methods below.
   * @param isLinked Returns whether this server has a link to the server with this id.
   * @param isAnnounced Returns whether any server announces the server with this id.
   */
  constructor(
    context: Context,
    { peers, defaultPeers = [] }: DiscoveryOptions,
    probe: (address: string) => void,
    isLinked: (server: string) => boolean,
    isAnnounced: (server: string) => boolean,
  ) {
    this.#context = context;
    this.#probe = probe;
    this.#isLinked = isLinked;
    this.#isAnnounced = isAnnounced;
    this.#startedAt = context.now;
    for (const address of defaultPeers) this.#add(address, "default");
    for (const address of peers) this.#add(address, "configured");
    // Where this server is reached is no discovery, so this address is never dialled.
    const own = this.#add(context.address, "configured");
    own.state = "self";
    own.nextAt = Infinity;
  }

  /**
   * Adds an address that another party has named. A loopback address from another host is ignored: here, it
   * leads to this machine.
   *
   * @param host The host of that party.
   * @param server The id of the server there; `undefined` for legacy servers.
   */
  learn(address: string, host: string, server?: string): void {
    if (!this.#mayAdd(address) || (isLoopback(address) && !isLoopbackHost(host))) return;
    const source = server === undefined ? "legacy" : "learned";
    const known = this.#known.get(address) ?? this.#add(address, source);
    if (server !== undefined && known.state === "waiting") {
      known.server = server;
      if (this.#isLinked(server)) this.#settle(known, "linked");
    }
  }

  /**
   * Handles the announcement of a legacy server that has just started. The address is dialled
   * immediately.
   */
  announced(address: string): void {
    if (!this.#mayAdd(address)) return;
    const known = this.#known.get(address) ?? this.#add(address, "legacy");
    if (known.source === "learned") known.source = "legacy";
    if (known.state === "waiting") {
      known.failures = 0;
      known.nextAt = this.#context.now;
      if (this.#mayDial(known)) this.#dial(address, known);
    } else known.announced = true;
  }

  /**
   * Records that a link to the server with this id is up.
   *
   * @param address The address at which this server has reached it, or at which it says it is reached.
   * @param host The host that says so; `undefined` if this server has dialled the address.
   */
  linked(address: string, server: string, host?: string): void {
    if (host !== undefined && isLoopback(address) && !isLoopbackHost(host)) return;
    const known = this.#known.get(address) ?? this.#add(address, "learned");
    if (known.nextAt === Infinity) return;
    known.server = server;
    if (host === undefined) known.answered = server;
    known.refused = undefined;
    // Behind a tunnel, a loopback address means something else than at the other end.
    if (host === undefined || !isLoopback(address)) known.reached = true;
    this.#settle(known, "linked");
  }

  /** Returns whether this server may join the network of a server at an address, if both have no name. */
  isTrusted(address: string): boolean {
    const known = this.#known.get(address);
    if (known === undefined) return false;
    const isStarting = this.#context.now - this.#startedAt < JOIN_MS;
    return known.source === "configured" || known.reached ||
      (known.source === "default" && isStarting);
  }

  /** Returns whether a server, by its id, has answered at an address that was given at start. */
  isGiven(server: string): boolean {
    for (const { source, answered } of this.#known.values()) {
      if (source === "configured" && answered === server) return true;
    }
    return false;
  }

  /** Returns whether a legacy server may be expected at an address. */
  mayBeLegacy(address: string): boolean {
    const known = this.#known.get(address);
    return known !== undefined && known.source !== "learned";
  }

  /**
   * Records that the server at `address` belongs to another network. It is asked again later.
   *
   * @param network What it states; `undefined` if it states no network.
   * @returns Whether this is new, and so worth a log line.
   */
  refused(address: string, network: string | undefined): boolean {
    const known = this.#known.get(address);
    const isNew = known !== undefined && known.refused !== (network ?? "");
    if (known) known.refused = network ?? "";
    this.failed(address);
    return isNew;
  }

  /**
   * Returns the id of the server at an address that is being dialled although that server is linked. The caller
   * finds out whether the address still leads there, and reports anything else as for any other address.
   */
  checkedServer(address: string): string | undefined {
    const known = this.#known.get(address);
    return known?.isChecked ? known.server : undefined;
  }

  /** Records that the link to a server is down. All its addresses are dialled again soon. */
  unlinked(server: string): void {
    for (const known of this.#known.values()) {
      if (known.server === server && known.state === "linked") this.#wait(known);
    }
  }

  /** Records that an address could not be dialled, or that its connection ended. */
  failed(address: string): void {
    const known = this.#known.get(address);
    if (!known || known.state === "self" || known.state === "linked") {
      if (known) known.isChecked = false;
      return;
    }
    const { announced } = known;
    this.#wait(known);
    // A server that has announced itself since then is running now.
    if (announced) return;
    known.failures++;
    const wanted = known.source === "configured" || known.source === "default" ||
      (known.server !== undefined && this.#isAnnounced(known.server));
    if (known.failures < MAX_FAILURES) return;
    known.reached = false;
    if (!wanted) this.#known.delete(address);
  }

  /** Records that `address` leads to this server itself. */
  isSelf(address: string): void {
    const known = this.#known.get(address);
    if (known) this.#settle(known, "self");
  }

  /** Records that a legacy server answers at `address`. */
  isLegacy(address: string): void {
    const known = this.#known.get(address) ?? this.#add(address, "legacy");
    known.announced = false;
    this.#settle(known, "legacy");
  }

  /** Dials the addresses that are due. */
  tick(): void {
    this.#dialled = 0;
    for (const [address, known] of this.#known) {
      if (known.nextAt > this.#context.now) continue;
      if (known.state === "linked") this.#check(address, known);
      else if (known.state === "self") this.#dial(address, known);
      else if (known.state === "waiting") {
        if (known.server !== undefined && this.#isLinked(known.server)) {
          this.#settle(known, "linked");
        } else if (this.#mayDial(known)) this.#dial(address, known);
      }
    }
  }

  /** Returns whether an address is known, or there is room for it. Strangers name addresses, too. */
  #mayAdd(address: string): boolean {
    return this.#known.has(address) || this.#known.size < LIMITS.addresses.default;
  }

  /** Returns whether an address may be dialled now. Otherwise it waits for a later tick. */
  #mayDial({ source }: Known): boolean {
    return source === "configured" || this.#dialled < LIMITS.dials.default;
  }

  #settle(known: Known, state: "linked" | "self" | "legacy"): void {
    known.state = state;
    known.failures = 0;
    known.isChecked = false;
    known.nextAt = this.#context.now + RECHECK_MS;
  }

  #check(address: string, known: Known): void {
    known.nextAt = this.#context.now + RECHECK_MS;
    known.isChecked = true;
    this.#probe(address);
  }

  #dial(address: string, known: Known): void {
    known.state = "dialling";
    this.#dialled++;
    known.announced = false;
    this.#probe(address);
  }

  #add(address: string, source: Source): Known {
    const known: Known = {
      source,
      reached: false,
      refused: undefined,
      state: "waiting",
      server: undefined,
      answered: undefined,
      failures: 0,
      nextAt: this.#context.now,
      isChecked: false,
      announced: false,
    };
    this.#known.set(address, known);
    return known;
  }

  #wait(known: Known): void {
    const { now, host } = this.#context;
    known.state = "waiting";
    known.isChecked = false;
    if (known.announced) known.failures = 0;
    known.nextAt = known.announced ? now : now + backoffMs(known.failures, host.random());
    known.announced = false;
  }
}
