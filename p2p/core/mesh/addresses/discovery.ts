/**
 * Knows the addresses of other servers and decides when to dial them. Owns the configured and the learned
 * addresses, and the delay between two attempts. Knows nothing about the protocol that is spoken on a
 * connection.
 *
 * @module
 */
import { hostOf, type HostReach, isLoopback, mayName } from "@netlab/protocol/codec";
import { backoffMs } from "./backoff.ts";
import type { Context } from "../../host.ts";
import { DialBudget } from "./dial_budget.ts";
import { LIMITS } from "../../limits.ts";

/**
 * How long an address is known to lead to a linked server, or to this server itself: milliseconds. It may lead to
 * another server later, for example when a name gets another IP address, so it is then dialled again.
 */
const RECHECK_MS = 300_000;
/** How often an address is dialled of which two servers say that they are reached there: milliseconds. */
const DISPUTED_MS = 10_000;
/**
 * The number of failures in a row, about three minutes, after which an address may lead to anything: a learned one is
 * dropped, unless another server still announces it.
 */
const MAX_FAILURES = 12;

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

/** A party that names addresses. */
export interface Namer {
  /** Its host, in the form used in addresses. */
  readonly remoteHost: string;
  /** From where that host can be reached. */
  readonly reach: HostReach;
}

interface Known {
  source: Source;
  /** The host that has named it; `undefined` if it was given at start. */
  namedBy: string | undefined;
  /** Whether a server of this network has been reached there, and not long ago. */
  reached: boolean;
  /**
   * Whether this server has dialled it and found a server of this network, itself or a legacy server, and not long
   * ago. Until then, dials share a small budget, because anybody can name any address.
   */
  proven: boolean;
  /** From where the party that has named it can be reached. */
  reach: HostReach;
  /** Whether the address was proven when the dial began that is running; `undefined` if none is. */
  running: boolean | undefined;
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
  /** When a server last announced itself at the address: milliseconds since 1970; 0 if none has. */
  announcedAt: number;
}

/** The addresses that a server knows. */
export class Discovery {
  readonly #context: Context;
  readonly #known = new Map<string, Known>();
  /** How many addresses each host has named that are not proven, by host. */
  readonly #named = new Map<string, number>();
  readonly #budget: DialBudget;
  readonly #probe: (address: string, namedBy: HostReach) => void;
  readonly #isLinked: (server: string) => boolean;
  readonly #isAnnounced: (server: string) => boolean;
  readonly #startedAt: number;

  /**
   * Creates a list of addresses. The next tick dials them.
   *
   * @param options The addresses to dial for as long as the server runs.
   * @param probe Dials an address, unless its host reaches less far than the party that has named it. The outcome
   *   is reported through the methods below.
   * @param isLinked Returns whether this server has a link to the server with this id.
   * @param isAnnounced Returns whether any server announces the server with this id.
   */
  constructor(
    context: Context,
    { peers, defaultPeers = [] }: DiscoveryOptions,
    probe: (address: string, namedBy: HostReach) => void,
    isLinked: (server: string) => boolean,
    isAnnounced: (server: string) => boolean,
  ) {
    this.#context = context;
    this.#budget = new DialBudget(context);
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
   * Adds an address that another party has named. One that reaches less far than that party is ignored: here, it
   * may lead to a machine that the party itself could not reach.
   *
   * @param server The id of the server there; `undefined` for legacy servers.
   */
  learn(address: string, by: Namer, server?: string): void {
    const source = server === undefined ? "legacy" : "learned";
    const known = this.#known.get(address) ?? this.#addNamed(address, source, by);
    if (known !== undefined && server !== undefined && known.state === "waiting") {
      known.server = server;
      if (this.#isLinked(server)) this.#settle(known, "linked");
    } else if (known !== undefined && server !== undefined && this.#isOther(known, server)) {
      this.#checkSoon(known);
    }
  }

  /**
   * Handles the announcement of a legacy server that has just started. The address is dialled immediately, or
   * soon if others on its host could not be reached.
   */
  announced(address: string, by: Namer): void {
    const known = this.#known.get(address) ??
      this.#addNamed(address, "legacy", by, "its own");
    if (known === undefined) return;
    if (known.source === "learned") known.source = "legacy";
    if (known.state === "waiting") {
      this.#budget.announced(hostOf(address));
      known.failures = 0;
      known.nextAt = known.announcedAt = this.#context.now;
      if (this.#mayDial(address, known)) this.#dial(address, known);
    } else known.announced = true;
  }

  /**
   * Records that a link to the server with this id is up.
   *
   * @param address The address at which this server has reached it, or at which it says it is reached.
   * @param by The server, if it says so; `undefined` if this server has dialled the address.
   */
  linked(address: string, server: string, by?: Namer): void {
    const known = this.#known.get(address) ??
      (by === undefined
        ? this.#add(address, "learned")
        : this.#addNamed(address, "learned", by, "all"));
    if (known === undefined || known.nextAt === Infinity) return;
    if (by !== undefined && !mayName(by.reach, hostOf(address))) return;
    const isDisputed = by !== undefined && this.#isOther(known, server);
    known.server = server;
    if (by === undefined) known.answered = server;
    known.refused = undefined;
    // Behind a tunnel, a loopback address means something else than at the other end.
    if (by === undefined || !isLoopback(address)) known.reached = true;
    if (by === undefined) this.#found(address, known, "linked");
    else this.#settle(known, "linked");
    if (isDisputed) this.#checkSoon(known);
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

  /**
   * Records that the link to a server is down. All its addresses are dialled again soon.
   *
   * @param address The address at which it said that it is reached. Another server may have said so, too.
   */
  unlinked(server: string, address: string): void {
    const own = this.#known.get(address);
    if (own?.state === "linked") own.server = server;
    for (const known of this.#known.values()) {
      if (known.server === server && known.state === "linked") this.#wait(known);
    }
  }

  /** Records that an address could not be dialled, or that its connection ended. */
  failed(address: string): void {
    const known = this.#known.get(address);
    if (!known) return;
    this.#end(address, known, true);
    if (known.state === "self" || known.state === "linked") return void (known.isChecked = false);
    const { announced } = known;
    this.#wait(known);
    // A server that has announced itself since then is running now.
    if (announced) return;
    known.failures++;
    const wanted = known.source === "configured" || known.source === "default" ||
      (known.server !== undefined && this.#isAnnounced(known.server));
    if (known.failures < MAX_FAILURES) return;
    known.reached = false;
    if (known.proven) this.#count(known, 1);
    known.proven = false;
    if (!wanted) this.#remove(address, known);
  }

  /** Records that `address` leads to this server itself. */
  isSelf(address: string): void {
    const known = this.#known.get(address);
    if (known) this.#found(address, known, "self");
  }

  /** Records that a legacy server answers at `address`. */
  isLegacy(address: string): void {
    const known = this.#known.get(address) ?? this.#add(address, "legacy");
    known.announced = false;
    this.#found(address, known, "legacy");
  }

  /** Dials the addresses that are due: those with the fewest failures first, then those announced last. */
  tick(): void {
    this.#budget.tick();
    const due: [string, Known][] = [];
    for (const entry of this.#known) {
      const [, known] = entry;
      if (known.nextAt > this.#context.now || known.running !== undefined) continue;
      const isLinked = known.server !== undefined && this.#isLinked(known.server);
      if (known.state === "waiting" && isLinked) this.#settle(known, "linked");
      else if (known.state !== "dialling" && known.state !== "legacy") due.push(entry);
    }
    due.sort(([, a], [, b]) => a.failures - b.failures || b.announcedAt - a.announcedAt);
    for (const [address, known] of due) {
      if (this.#mayDial(address, known)) this.#dial(address, known);
    }
  }

  /** Whether an address that leads to a linked server is said to lead to another one. */
  #isOther(known: Known, server: string): boolean {
    return known.state === "linked" && known.server !== undefined && known.server !== server;
  }

  /** Dials an address that leads to a linked server, as it was said, to find out whether it does. */
  #checkSoon(known: Known): void {
    const checkedAt = known.nextAt - RECHECK_MS;
    known.nextAt = Math.min(known.nextAt, checkedAt + DISPUTED_MS);
  }

  /** Returns whether an address may be dialled now. Otherwise it waits for a later tick. */
  #mayDial(address: string, { source, proven }: Known): boolean {
    return source === "configured" ||
      this.#budget.mayBegin(hostOf(address), isKept(source, proven));
  }

  #found(address: string, known: Known, state: "linked" | "self" | "legacy"): void {
    this.#end(address, known, false);
    if (!known.proven) this.#count(known, -1);
    known.proven = true;
    this.#settle(known, state);
  }

  #settle(known: Known, state: "linked" | "self" | "legacy"): void {
    known.state = state;
    known.failures = 0;
    known.isChecked = false;
    known.nextAt = this.#context.now + RECHECK_MS;
  }

  #dial(address: string, known: Known): void {
    known.isChecked = known.state === "linked";
    if (known.isChecked) known.nextAt = this.#context.now + RECHECK_MS;
    else {
      known.state = "dialling";
      known.announced = false;
    }
    if (known.source !== "configured") {
      known.running = isKept(known.source, known.proven);
      this.#budget.began(hostOf(address), known.running);
    }
    this.#probe(address, known.reach);
  }

  /** Notes that the dial of an address has ended, if one was running. */
  #end(address: string, known: Known, isFailed: boolean): void {
    if (known.running === undefined) return;
    this.#budget.ended(hostOf(address), known.running, isFailed);
    known.running = undefined;
  }

  /**
   * Adds an address that a party has named, if it may name it and there is room.
   *
   * @param replaceable Which addresses that are not proven make room: those that the party itself has named before,
   *   because it announces itself; or all, because it is linked and names itself.
   */
  #addNamed(
    address: string,
    source: Source,
    by: Namer,
    replaceable: "none" | "its own" | "all" = "none",
  ): Known | undefined {
    if (!mayName(by.reach, hostOf(address))) return undefined;
    const isFull = this.#known.size >= LIMITS.addresses.default;
    const ofHost = this.#named.get(by.remoteHost) ?? 0;
    if (isFull || (replaceable !== "all" && ofHost >= LIMITS.namedAddresses.default)) {
      const host = replaceable === "all" ? undefined : by.remoteHost;
      if (replaceable === "none" || !this.#makeRoom(host)) return undefined;
    }
    const known = this.#add(address, source);
    known.namedBy = by.remoteHost;
    known.reach = by.reach;
    this.#count(known, 1);
    return known;
  }

  /** Forgets an address that is not proven: one that a host has named, or any. Returns whether there was one. */
  #makeRoom(host: string | undefined): boolean {
    for (const [address, { namedBy, proven, state }] of this.#known) {
      if (namedBy === undefined || proven || state !== "waiting") continue;
      if (host !== undefined && namedBy !== host) continue;
      this.#remove(address, this.#known.get(address)!);
      return true;
    }
    return false;
  }

  /** Counts an address that is not proven for the host that has named it. */
  #count({ namedBy }: Known, change: 1 | -1): void {
    if (namedBy === undefined) return;
    const count = (this.#named.get(namedBy) ?? 0) + change;
    if (count > 0) this.#named.set(namedBy, count);
    else this.#named.delete(namedBy);
  }

  #add(address: string, source: Source): Known {
    const known: Known = {
      source,
      namedBy: undefined,
      reached: false,
      proven: false,
      reach: "machine",
      running: undefined,
      refused: undefined,
      state: "waiting",
      server: undefined,
      answered: undefined,
      failures: 0,
      nextAt: this.#context.now,
      isChecked: false,
      announced: false,
      announcedAt: 0,
    };
    this.#known.set(address, known);
    return known;
  }

  #remove(address: string, known: Known): void {
    if (!known.proven) this.#count(known, -1);
    this.#known.delete(address);
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

/** Whether dials to an address need not share the budget: it was given at start, or is proven. */
function isKept(source: Source, isProven: boolean): boolean {
  return isProven || source === "configured" || source === "default";
}
