/**
 * The addresses that a server knows, and what it knows of each. Owns how many there are, and which of them make room
 * for others. Does not know when an address is dialled.
 *
 * @module
 */
import { hostOf, type HostReach, mayName } from "@netlab/protocol/codec";
import type { Context } from "../../host.ts";
import { LIMITS } from "../../limits.ts";

/** Where an address comes from. */
export type Source =
  /** It was given at start. Such an address is never dropped. */
  | "configured"
  /** Nobody named it, but servers of one machine look for each other there. Such an address is never dropped. */
  | "default"
  /** A legacy server announced itself there, or is listed there by another one. */
  | "legacy"
  /** A server of the network says that it is reached there. */
  | "learned";

/** A party that names addresses. */
export interface Namer {
  /** Its host, in the form used in addresses. */
  readonly remoteHost: string;
  /** From where that host can be reached. */
  readonly reach: HostReach;
}

/** What is known of an address. */
export interface KnownAddress {
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
export class AddressBook {
  readonly #context: Context;
  readonly #known = new Map<string, KnownAddress>();
  /** How many addresses each host has named that are not proven, by host. */
  readonly #named = new Map<string, number>();

  /** Creates an empty list. */
  constructor(context: Context) {
    this.#context = context;
  }

  /** Returns what is known of an address. */
  get(address: string): KnownAddress | undefined {
    return this.#known.get(address);
  }

  /** Returns all addresses, and what is known of each. */
  all(): Iterable<[string, KnownAddress]> {
    return this.#known;
  }

  /**
   * Adds an address that a party has named, if it may name it and there is room.
   *
   * @param replaceable Which addresses that are not proven make room: those that the party itself has named before,
   *   because it announces itself; or all, because it is linked and names itself.
   */
  addNamed(
    address: string,
    source: Source,
    by: Namer,
    replaceable: "none" | "its own" | "all" = "none",
  ): KnownAddress | undefined {
    if (!mayName(by.reach, hostOf(address))) return undefined;
    const isFull = this.#known.size >= LIMITS.addresses.default;
    const ofHost = this.#named.get(by.remoteHost) ?? 0;
    if (isFull || (replaceable !== "all" && ofHost >= LIMITS.namedAddresses.default)) {
      const host = replaceable === "all" ? undefined : by.remoteHost;
      if (replaceable === "none" || !this.#makeRoom(host)) return undefined;
    }
    const known = this.add(address, source);
    known.namedBy = by.remoteHost;
    known.reach = by.reach;
    this.#count(known, 1);
    return known;
  }

  /** Adds an address, which is due now. */
  add(address: string, source: Source): KnownAddress {
    const known: KnownAddress = {
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

  /** Removes an address. */
  remove(address: string): void {
    const known = this.#known.get(address);
    if (known?.proven === false) this.#count(known, -1);
    this.#known.delete(address);
  }

  /** Records whether an address is proven. */
  setProven(known: KnownAddress, isProven: boolean): void {
    if (known.proven !== isProven) this.#count(known, isProven ? -1 : 1);
    known.proven = isProven;
  }

  /** Forgets an address that is not proven: one that a host has named, or any. Returns whether there was one. */
  #makeRoom(host: string | undefined): boolean {
    for (const [address, { namedBy, proven, state }] of this.#known) {
      if (namedBy === undefined || proven || state !== "waiting") continue;
      if (host !== undefined && namedBy !== host) continue;
      this.remove(address);
      return true;
    }
    return false;
  }

  /** Counts an address that is not proven for the host that has named it. */
  #count({ namedBy }: KnownAddress, change: 1 | -1): void {
    if (namedBy === undefined) return;
    const count = (this.#named.get(namedBy) ?? 0) + change;
    if (count > 0) this.#named.set(namedBy, count);
    else this.#named.delete(namedBy);
  }
}
