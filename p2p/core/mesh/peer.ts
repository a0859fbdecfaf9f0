/**
 * The two kinds of connection between servers: a probe, which was dialled to learn what is there, and a
 * link to a peer.
 *
 * @module
 */
import { Capability, type FrameWriter } from "@netlab/protocol/codec";
import type { Connection, Party } from "../connection.ts";
import { FailureDetector } from "../failure_detector.ts";

const NONE: ReadonlySet<string> = new Set();

/** An address that was dialled to learn what answers there. */
export class Probe implements Party {
  readonly isPausable = false;
  /** What the party said it can do: words of `Capability`. Empty until it has said so. */
  capabilities: ReadonlySet<string> = NONE;

  /** A probe of `label`, an address `host:port`. */
  constructor(readonly label: string) {}
}

/** A server to which this one has a link. */
export class Peer implements Party {
  readonly isPausable = false;
  /** Where frames for the peer are written. */
  readonly out: FrameWriter;
  #capabilities = NONE;
  #readsBatches = false;
  /** Says when the peer is silent for longer than usual. */
  readonly failureDetector: FailureDetector = new FailureDetector();

  /**
   * A peer whose link has just come up.
   *
   * @param server The peer's id, a UUID.
   * @param address Where the peer is reached, `host:port`.
   */
  constructor(
    readonly connection: Connection,
    readonly server: string,
    readonly address: string,
  ) {
    this.out = connection.out;
  }

  /** What the peer said it can do: words of `Capability`. Empty until it has said so. */
  get capabilities(): ReadonlySet<string> {
    return this.#capabilities;
  }

  /** Whether the peer takes many messages in one frame. */
  get readsBatches(): boolean {
    return this.#readsBatches;
  }

  /** The peer has said what it can do. */
  setCapabilities(capabilities: ReadonlySet<string>): void {
    this.#capabilities = capabilities;
    this.#readsBatches = capabilities.has(Capability.Batch);
  }

  /** Its address. */
  get label(): string {
    return this.address;
  }
}
