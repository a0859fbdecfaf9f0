/**
 * The other end of a link between servers, controlled by a test. It records the frames that arrive,
 * and sends heartbeats by itself.
 *
 * @module
 */
import {
  Capability,
  type Frame,
  FrameType,
  type FrameWriter,
  LinkStateKind,
  type PresenceSnapshot,
  type UserRecord,
  writeHeartbeat,
  writeInformationResponse,
  writeLinkState,
  writePeerRegistration,
  writePresenceSnapshot,
} from "@netlab/protocol";
import type { VirtualConnection, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";

/** A server that a test controls. */
export class ScriptedPeer {
  readonly id: string;
  readonly address: string;
  /** The frames that arrived, without heartbeats. */
  readonly frames: Frame[] = [];
  /** Called for every message that comes in. */
  onMessage: ((frame: Frame, out: FrameWriter) => void) | undefined;
  /** Called for every frame that comes in, except heartbeats. */
  onFrame: (frame: Frame) => void = () => {};
  connection!: VirtualConnection;
  readonly #node: VirtualNode;
  readonly #capabilities: readonly string[];
  #version = 0;

  /** Links itself to `node`. It has the `capabilities` of every server and these. */
  constructor(
    network: VirtualNetwork,
    node: VirtualNode,
    address = "10.0.9.9:5001",
    capabilities: readonly string[] = [],
  ) {
    this.#node = node;
    this.#capabilities = [Capability.Session, Capability.Peer, ...capabilities];
    this.id = network.uuid();
    this.address = address;
    network.dial(address, node.address, {
      connected: (connection) => {
        this.connection = connection;
        connection.start({ frame: (frame) => this.#frame(frame) });
        writePeerRegistration(connection.out, { server: this.id, address });
        this.announceLinks();
        const live = () => {
          if (connection.closed) return;
          writeHeartbeat(connection.out);
          network.after(250, live);
        };
        live();
      },
      failed: (reason) => {
        throw new Error(`Cannot link ${address} to ${node.address}: ${reason}`);
      },
    });
    network.until(() => node.core.topology.reaches(this.id), 1_000);
  }

  /** The frames to the server. */
  get out(): FrameWriter {
    return this.connection.out;
  }

  /** Announces links to the server and to `others`. */
  announceLinks(...others: string[]): void {
    const links = [this.#node.core.id, ...others].map((server) => ({ server, cost: 1 }));
    this.announce({ server: this.id, version: ++this.#version, address: this.address, links });
  }

  /** Announces a link state that is `ageS` seconds old. */
  announce(state: Parameters<typeof writeLinkState>[1], ageS = 0): void {
    writeLinkState(this.out, state, ageS);
  }

  /** Announces its users, or those of another server. */
  present(users: UserRecord[], changed: Partial<PresenceSnapshot> = {}): void {
    const snapshot = { server: this.id, version: 1, part: 0, parts: 1, users, ...changed };
    writePresenceSnapshot(this.out, snapshot);
  }

  /** The frames of one type and subtype that came in. */
  got(type: number, subtype: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type && frame.subtype === subtype);
  }

  #frame(frame: Frame): void {
    if (frame.type === FrameType.LinkState && frame.subtype === LinkStateKind.Heartbeat) return;
    this.frames.push(frame.copy());
    this.onFrame(frame);
    if (frame.type === FrameType.InformationRequest) {
      writeInformationResponse(this.out, frame.subtype, this.#capabilities);
    }
    if (frame.type === FrameType.Message) this.onMessage?.(frame, this.out);
  }
}
