/**
 * The two kinds of connection between servers: a probe of a dialled address, and a link to a peer. Knows
 * neither routes nor frames.
 *
 * @module
 */
import { Capability, type FrameWriter, PeerAbility } from "@netlab/protocol/codec";
import { PAUSE_BYTES } from "../connection/back_pressure.ts";
import type { Connection, Party } from "../connection/connection.ts";
import { FailureDetector } from "./failure_detector.ts";

const NONE: ReadonlySet<string> = new Set();
/**
 * How much news of servers and users a peer is told in a millisecond: bytes. Messages wait behind it, and the peer
 * tells others.
 */
const NEWS_BYTES_PER_MS = 1_000;
/** How much it is told at once after a quiet time: bytes. */
const NEWS_BYTES = 64 * 1024;
/** How long a new link gets news as fast as it takes them, because its peer knows nothing yet: milliseconds. */
const NEW_MS = 5_000;

/** A connection that was dialled to find out what answers at an address. */
export class Probe implements Party {
  readonly isPausable = false;
  /** What the party says it can do: words of `Capability`. Empty until its response arrives. */
  capabilities: ReadonlySet<string> = NONE;

  /** Creates a probe of `label`, an address `host:port`. */
  constructor(readonly label: string) {}
}

/** A server to which this server has a link. */
export class Peer implements Party {
  readonly isPausable = false;
  readonly isLink = true;
  /** Writes frames to the peer. */
  readonly out: FrameWriter;
  #capabilities = NONE;
  #readsBatches = false;
  /** Whether the peer reads addresses of the form `tls://host:port`. */
  readsTls: boolean;
  /**
   * How far the peer's clock was ahead of this server's when the link came up: milliseconds; 0 for an older
   * server, which does not tell.
   */
  clockAheadMs = 0;
  /** Whether the peer reads of which servers this one needs no presence. */
  readonly readsUnneeded: boolean;
  /** The ids of the servers of which the peer needs no presence from here, and no repeated link states. */
  unneeded: ReadonlySet<string> = NONE;
  /** When the link came up: milliseconds since 1970. */
  readonly linkedAt: number;
  /** How much news the peer may be told now, and since when: bytes and milliseconds since 1970. */
  #newsBytes = NEWS_BYTES;
  #newsAt: number;
  /** Detects when the peer is silent for longer than usual. */
  readonly failureDetector: FailureDetector = new FailureDetector();

  /**
   * Creates a peer whose link has just come up.
   *
   * @param server The peer's id, a UUID.
   * @param address The address at which the peer is reached: `host:port`.
   * @param now The current time: milliseconds since 1970.
   * @param abilities What it said when it registered: bits of `PeerAbility`.
   */
  constructor(
    readonly connection: Connection,
    readonly server: string,
    readonly address: string,
    now: number,
    abilities = 0,
  ) {
    this.out = connection.out;
    this.linkedAt = this.#newsAt = now;
    this.readsTls = (abilities & PeerAbility.Tls) !== 0;
    this.readsUnneeded = (abilities & PeerAbility.Unneeded) !== 0;
  }

  /** What the peer says it can do: words of `Capability`. Empty until its response arrives. */
  get capabilities(): ReadonlySet<string> {
    return this.#capabilities;
  }

  /** Whether the peer accepts batches. */
  get readsBatches(): boolean {
    return this.#readsBatches;
  }

  /** Records what the peer says it can do. */
  setCapabilities(capabilities: ReadonlySet<string>): void {
    this.#capabilities = capabilities;
    this.#readsBatches = capabilities.has(Capability.Batch);
    this.readsTls = capabilities.has(Capability.Tls);
  }

  /**
   * Returns whether the peer may be told news of servers and users now: the link takes more, and there was not too
   * much lately. Otherwise the newest state must wait.
   *
   * @param now The current time: milliseconds since 1970.
   */
  mayTell(now: number): boolean {
    const more = (now - this.#newsAt) * NEWS_BYTES_PER_MS;
    this.#newsAt = now;
    this.#newsBytes = Math.min(NEWS_BYTES, this.#newsBytes + more);
    return (this.#isNew || this.#newsBytes > 0) && this.out.length <= PAUSE_BYTES;
  }

  /** Counts the news that `write` writes. Call it after {@linkcode Peer.mayTell}. */
  tell(write: () => void): void {
    const before = this.out.length;
    write();
    if (!this.#isNew) this.#newsBytes -= this.out.length - before;
  }

  get #isNew(): boolean {
    return this.#newsAt - this.linkedAt < NEW_MS;
  }

  /** The peer's address. */
  get label(): string {
    return this.address;
  }
}
