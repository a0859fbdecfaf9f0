/**
 * One connection of a server. Owns the state that every connection has: its transport, the time of
 * the last frame, whether it is paused, and how it reports errors. Does not know what each kind of
 * party does. Each kind has its own class in the folder that uses it.
 *
 * @module
 */
import {
  type FrameWriter,
  type HostReach,
  isLoopbackHost,
  type NetlabError,
  reachOf,
  writeError,
} from "@netlab/protocol/codec";
import { LIMITS } from "../limits.ts";
import type { Grant } from "./grant.ts";
import type { Transport } from "./transport.ts";

/**
 * The party at the other end of a connection: a `User`, a `Peer`, a `Probe`, a `LegacyServer`, a
 * `LegacyDelivery`, or {@linkcode Unregistered}.
 */
export interface Party {
  /** How log lines name the party; empty when it has no name yet. */
  readonly label: string;
  /** Whether the server may pause reading from this connection. True for users only. */
  readonly isPausable: boolean;
  /**
   * Whether this is a link to another server. It is always read: two servers that both wait until the other one
   * reads would wait for ever.
   *
   * @default {false}
   */
  readonly isLink?: boolean;
  /**
   * The id of the server at the other end, a UUID, if it is one with a link.
   *
   * @default {none}
   */
  readonly server?: string;
}

/**
 * A party that has not registered. It may still request information. Legacy servers never register.
 */
export class Unregistered implements Party {
  /** An unregistered party has no name. */
  readonly label = "";
  readonly isPausable = false;
}

/** A frame that delivers nothing takes as long as so many frames that do: it has an answer. */
const IDLE_UNITS = 2;

const UNREGISTERED = new Unregistered();
const encoder = new TextEncoder();

/** One connection, as the core sees it. */
export class Connection {
  /** Writes frames to the other side. */
  readonly out: FrameWriter;
  /** The party at the other end. */
  party: Party = UNREGISTERED;
  /** What the party's token permits; `undefined` without one. */
  grant: Grant | undefined;
  /** The id of the server at the other end, if it has proven its key; `undefined` without. */
  provenServer: string | undefined;
  /** Whether the other side reads plain text instead of frames, as legacy clients do. */
  readsText = false;
  /**
   * Whether the party has asked for capabilities. Netlab parties do so before anything else, and legacy programs
   * never do.
   */
  isNetlab = false;
  /** When bytes arrived last: milliseconds since 1970. */
  heardAt: number;
  /** When the last heartbeat was sent: milliseconds since 1970. */
  aliveAt = 0;
  /** Until when the frames that it sent before it registered count: milliseconds since 1970. */
  framesUntil = 0;
  /** Whether the rest of a list waits to be sent to the other side. */
  isReplying = false;
  /**
   * When the connection was paused: milliseconds since 1970; `undefined` while it is not paused.
   */
  #pausedAt: number | undefined;
  readonly #ip: string;

  /**
   * Creates a connection to a party that has not registered.
   *
   * @param transport Carries the bytes of the connection.
   * @param remoteHost The host at the other end, in the form used in addresses.
   * @param dialled The address that this server dialled; `undefined` if the other side dialled.
   * @param now The current time: milliseconds since 1970.
   * @param ip The IP address at the other end, if `remoteHost` is a name and the address is known.
   */
  constructor(
    readonly transport: Transport,
    readonly remoteHost: string,
    readonly dialled: string | undefined,
    now: number,
    ip: string = remoteHost,
  ) {
    this.out = transport.out;
    this.heardAt = now;
    this.#ip = ip;
  }

  /** From where the other side can be reached. A name of which no IP address is known counts as public. */
  get reach(): HostReach {
    return reachOf(this.#ip);
  }

  /** The name of the other side in log lines. */
  get label(): string {
    return this.party.label || this.remoteHost;
  }

  /** Whether the party is on another machine, where loopback addresses mean something else. */
  get isElsewhere(): boolean {
    return !isLoopbackHost(this.remoteHost);
  }

  /** Whether the connection is encrypted, so that nobody on the way can read it. */
  get isEncrypted(): boolean {
    return this.transport.isEncrypted ?? false;
  }

  /** Whether the party has not registered yet. */
  get isUnregistered(): boolean {
    return this.party instanceof Unregistered;
  }

  /** How many bytes of replies may wait for the party before its next frames must wait. */
  get maxReplyBytes(): number {
    const { isLink, isPausable } = this.party;
    if (isLink) return Infinity;
    return isPausable ? LIMITS.userReplies.default : LIMITS.unregisteredReplies.default;
  }

  /** Forgets the registered party. */
  unregister(): void {
    this.party = UNREGISTERED;
  }

  /**
   * Whether the connection is paused. The silence of a paused connection does not mean that its
   * party has failed.
   */
  get isPaused(): boolean {
    return this.#pausedAt !== undefined;
  }

  /**
   * Returns how long the connection has been paused: milliseconds; 0 if it is not paused.
   *
   * @param now The current time: milliseconds since 1970.
   */
  pausedMs(now: number): number {
    return this.#pausedAt === undefined ? 0 : now - this.#pausedAt;
  }

  /**
   * Stops reading from the connection until {@linkcode Connection.resume}.
   *
   * @param now The current time: milliseconds since 1970.
   */
  pause(now: number): void {
    this.#pausedAt ??= now;
    this.transport.pause();
  }

  /**
   * Reads from the connection again. The silence during the pause does not count against the party.
   *
   * @param now The current time: milliseconds since 1970.
   */
  resume(now: number): void {
    this.#pausedAt = undefined;
    this.heardAt = now;
    this.transport.resume();
  }

  /**
   * Counts work that a frame of this connection has caused and that delivers nothing, in addition to that of the frame
   * itself. Connections that cause much of it share a quarter of the time.
   *
   * @param units How many small frames take about as long.
   */
  charge(units: number): void {
    this.transport.charge?.(units);
  }

  /**
   * Counts the work of a frame that delivers nothing, such as a request or a message that is refused.
   *
   * @param frame Its payload.
   */
  chargeFor({ start, end }: { readonly start: number; readonly end: number }): void {
    this.charge(IDLE_UNITS + ((end - start) >> 10));
  }

  /**
   * Sends an error as a frame, or as text to a party that reads text. A fatal error then closes the
   * connection.
   */
  sendError(error: NetlabError): void {
    if (this.readsText) this.out.raw(encoder.encode(`netlab: ${error.message}`));
    else writeError(this.out, error);
    if (error.fatal) this.close();
  }

  /** Sends pending data and ends the writing half. Incoming data is still read. */
  end(): void {
    void this.transport.end();
  }

  /** Sends pending data and closes the connection. Incoming data is dropped. */
  close(): void {
    void this.transport.close();
  }

  /** Closes the connection immediately. Pending data is lost. */
  abort(): void {
    this.transport.abort();
  }
}
