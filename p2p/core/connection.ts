/**
 * One connection of a server. Owns what all connections have in common: the transport, when it was heard
 * from last, whether it is paused, and how an error is sent to it. Does not know what is at the other
 * end: each kind of party is a class of its own, in the folder that decides about it.
 *
 * @module
 */
import { type FrameWriter, type NetlabError, writeError } from "@netlab/protocol/codec";
import type { Transport } from "./transport.ts";

/**
 * What is at the other end of a connection: a `User`, a `Peer`, a `Probe`, a `LegacyServer`, a
 * `LegacyDelivery`, or {@linkcode Unregistered}.
 */
export interface Party {
  /** How log lines name the party; empty when it has no name yet. */
  readonly label: string;
  /** Whether the server may stop reading from it for a while: true for users alone. */
  readonly isPausable: boolean;
}

/** A party that has not registered. It may still ask questions, and legacy servers never register. */
export class Unregistered implements Party {
  /** No name is known. */
  readonly label = "";
  readonly isPausable = false;
}

const UNREGISTERED = new Unregistered();
const encoder = new TextEncoder();

/** One connection, as the core sees it. */
export class Connection {
  /** Where frames for the other side are written. */
  readonly out: FrameWriter;
  /** What is at the other end. */
  party: Party = UNREGISTERED;
  /** Whether the other side reads plain text instead of frames, as legacy clients do. */
  readsText = false;
  /** When the last frame came in: milliseconds since 1970. */
  heardAt: number;
  /** When the last sign of life was sent: milliseconds since 1970. */
  aliveAt = 0;
  /** Since when nothing is read from it: milliseconds since 1970; `undefined` while it is read. */
  #pausedAt: number | undefined;

  /**
   * A connection to a party of which nothing is known yet.
   *
   * @param transport What carries its bytes.
   * @param remoteHost The host at the other end, as it is written in addresses.
   * @param dialled The address that this server dialled; `undefined` when the other side dialled.
   * @param now The time: milliseconds since 1970.
   */
  constructor(
    readonly transport: Transport,
    readonly remoteHost: string,
    readonly dialled: string | undefined,
    now: number,
  ) {
    this.out = transport.out;
    this.heardAt = now;
  }

  /** How log lines name the other side. */
  get label(): string {
    return this.party.label || this.remoteHost;
  }

  /** Whether the party has not registered. */
  get isUnregistered(): boolean {
    return this.party instanceof Unregistered;
  }

  /** Forgets what is at the other end. */
  unregister(): void {
    this.party = UNREGISTERED;
  }

  /** Whether nothing is read from it: its silence means nothing then. */
  get isPaused(): boolean {
    return this.#pausedAt !== undefined;
  }

  /** How long nothing has been read from it: milliseconds. 0 while it is read. */
  pausedMs(now: number): number {
    return this.#pausedAt === undefined ? 0 : now - this.#pausedAt;
  }

  /** Stops reading from it until {@linkcode Connection.resume}. */
  pause(now: number): void {
    this.#pausedAt ??= now;
    this.transport.pause();
  }

  /** Reads from it again. The silence until now does not count against the other side. */
  resume(now: number): void {
    this.#pausedAt = undefined;
    this.heardAt = now;
    this.transport.resume();
  }

  /** Sends an error in the form that the other side reads, and closes after a fatal one. */
  sendError(error: NetlabError): void {
    if (this.readsText) this.out.raw(encoder.encode(`netlab: ${error.message}`));
    else writeError(this.out, error);
    if (error.fatal) this.close();
  }

  /** Sends what is pending and ends the writing half. What still comes in is read. */
  end(): void {
    void this.transport.end();
  }

  /** Sends what is pending and closes. What still comes in is dropped. */
  close(): void {
    void this.transport.close();
  }

  /** Closes at once. */
  abort(): void {
    this.transport.abort();
  }
}
