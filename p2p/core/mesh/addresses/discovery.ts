/**
 * Knows the addresses of other servers and decides when to dial them. Owns the delay between two attempts,
 * and what follows from the outcome of each. Knows nothing about the protocol that is spoken on a
 * connection.
 *
 * @module
 */
import { hostOf, type HostReach, isLoopback, mayName } from "@netlab/protocol/codec";
import { AddressBook, type KnownAddress, type Namer, type Source } from "./address_book.ts";
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

/**
 * How long after its start a server joins other networks that it finds at default addresses: milliseconds. A
 * server that starts finds those that run already. What appears there later may be a tunnel to another machine,
 * unless it dials this server itself.
 */
const JOIN_MS = 10_000;

/** The addresses that a server knows. */
export class Discovery {
  readonly #context: Context;
  readonly #known: AddressBook;
  readonly #budget: DialBudget;
  readonly #probe: (address: string, namedBy: HostReach) => void;
  readonly #isLinked: (server: string) => boolean;
  readonly #isAnnounced: (server: string) => boolean;
  readonly #wants: (server: string | undefined, underWay: number) => boolean;
  readonly #startedAt: number;

  /**
   * Creates a list of addresses. The next tick dials them.
   *
   * @param options The addresses to dial for as long as the server runs.
   * @param probe Dials an address, unless its host reaches less far than the party that has named it. The outcome
   *   is reported through the methods below.
   * @param isLinked Returns whether this server has a link to the server with this id.
   * @param isAnnounced Returns whether any server announces the server with this id.
   * @param wants Returns whether this server makes a link to the server with this id although its address was not
   *   given at start, while so many other dials run.
   */
  constructor(
    context: Context,
    { peers, defaultPeers = [] }: DiscoveryOptions,
    probe: (address: string, namedBy: HostReach) => void,
    isLinked: (server: string) => boolean,
    isAnnounced: (server: string) => boolean,
    wants: (server: string | undefined, underWay: number) => boolean,
  ) {
    this.#context = context;
    this.#known = new AddressBook(context);
    this.#budget = new DialBudget(context);
    this.#probe = probe;
    this.#isLinked = isLinked;
    this.#isAnnounced = isAnnounced;
    this.#wants = wants;
    this.#startedAt = context.now;
    for (const address of defaultPeers) this.#known.add(address, "default");
    for (const address of peers) this.#known.add(address, "configured");
    // Where this server is reached is no discovery, so this address is never dialled.
    const own = this.#known.add(context.address, "configured");
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
    const known = this.#known.get(address) ?? this.#known.addNamed(address, source, by);
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
      this.#known.addNamed(address, "legacy", by, "its own");
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
        ? this.#known.add(address, "learned")
        : this.#known.addNamed(address, "learned", by, "all"));
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
    for (const [, { source, answered }] of this.#known.all()) {
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
    for (const [, known] of this.#known.all()) {
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
    this.#known.setProven(known, false);
    if (!wanted) this.#known.remove(address);
  }

  /** Records that `address` leads to this server itself. */
  isSelf(address: string): void {
    const known = this.#known.get(address);
    if (known) this.#found(address, known, "self");
  }

  /** Records that a legacy server answers at `address`. */
  isLegacy(address: string): void {
    const known = this.#known.get(address) ?? this.#known.add(address, "legacy");
    known.announced = false;
    this.#found(address, known, "legacy");
  }

  /** Dials the addresses that are due: those with the fewest failures first, then those announced last. */
  tick(): void {
    this.#budget.tick();
    const due: [string, KnownAddress][] = [];
    for (const entry of this.#known.all()) {
      const [, known] = entry;
      if (known.nextAt > this.#context.now || known.running !== undefined) continue;
      const isLinked = known.server !== undefined && this.#isLinked(known.server);
      if (known.state === "waiting" && isLinked) this.#settle(known, "linked");
      else if (known.state === "dialling" || known.state === "legacy") continue;
      else if (this.#isWanted(known)) due.push(entry);
    }
    // Servers that have learned the same addresses link to different ones.
    const learned = due.filter(([, { source }]) => source === "learned").length;
    if (learned > LIMITS.ownLinks.default) shuffle(due, this.#context.host.random);
    due.sort(([, a], [, b]) => a.failures - b.failures || b.announcedAt - a.announcedAt);
    for (const [address, known] of due) {
      if (this.#mayDial(address, known)) this.#dial(address, known);
    }
  }

  /** Whether an address that leads to a linked server is said to lead to another one. */
  #isOther(known: KnownAddress, server: string): boolean {
    return known.state === "linked" && known.server !== undefined && known.server !== server;
  }

  /** Dials an address that leads to a linked server, as it was said, to find out whether it does. */
  #checkSoon(known: KnownAddress): void {
    const checkedAt = known.nextAt - RECHECK_MS;
    known.nextAt = Math.min(known.nextAt, checkedAt + DISPUTED_MS);
  }

  /** Returns whether an address may be dialled now. Otherwise it waits for a later tick. */
  #mayDial(address: string, known: KnownAddress): boolean {
    const { source, proven } = known;
    if (source === "configured") return true;
    return this.#isWanted(known) && this.#budget.mayBegin(hostOf(address), isKept(source, proven));
  }

  /** Returns whether a server needs a link to what is at an address. */
  #isWanted({ source, state, server }: KnownAddress): boolean {
    return source !== "learned" || state !== "waiting" || this.#wants(server, this.#budget.running);
  }

  #found(address: string, known: KnownAddress, state: "linked" | "self" | "legacy"): void {
    this.#end(address, known, false);
    this.#known.setProven(known, true);
    this.#settle(known, state);
  }

  #settle(known: KnownAddress, state: "linked" | "self" | "legacy"): void {
    known.state = state;
    known.failures = 0;
    known.isChecked = false;
    known.nextAt = this.#context.now + RECHECK_MS;
  }

  #dial(address: string, known: KnownAddress): void {
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
  #end(address: string, known: KnownAddress, isFailed: boolean): void {
    if (known.running === undefined) return;
    this.#budget.ended(hostOf(address), known.running, isFailed);
    known.running = undefined;
  }

  #wait(known: KnownAddress): void {
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

/** Brings items into a random order. */
function shuffle<T>(items: T[], random: () => number): void {
  for (let last = items.length - 1; last > 0; last--) {
    const at = Math.floor(random() * (last + 1));
    [items[at], items[last]] = [items[last]!, items[at]!];
  }
}
