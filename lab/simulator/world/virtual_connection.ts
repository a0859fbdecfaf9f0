/**
 * One end of a connection on a {@linkcode VirtualNetwork}: a `Transport` that behaves like
 * `FrameConnection`, over a pipe of limited size in memory. Knows nothing of what frames mean.
 *
 * @module
 */
import {
  type Frame,
  FrameDecoder,
  FrameWriter,
  HEADER_BYTES,
  ProtocolError,
} from "@netlab/protocol";
import type { Transport } from "@netlab/p2p/core";

/** What a connection needs of its network. */
export interface Wire {
  /** The virtual time: milliseconds since 1970. */
  readonly now: number;
  /** Returns how long a packet takes from one address to another: milliseconds. */
  readonly latency: (from: string, to: string) => number;
  /** Returns how many bytes per second a connection carries from one address to another. */
  readonly bandwidth: (from: string, to: string) => number;
  /** Schedules a task `ms` milliseconds from now. */
  after(ms: number, run: () => void): void;
  /** Schedules a task at a time: milliseconds since 1970. */
  at(time: number, run: () => void): void;
  /** Whether all bytes between two addresses are held. */
  isSilent(a: string, b: string): boolean;
  /** Reports a frame that arrived. */
  sawFrame(from: string, to: string, frame: Frame): void;
  /** Decides how many of `most` bytes travel together. */
  pieceOf(most: number): number;
  /** Copies bytes. */
  copy(bytes: Uint8Array): Uint8Array;
  /** Reports a connection that is closed. */
  forget(connection: VirtualConnection): void;
}

/** The events of one end of a connection: those of `FrameHandler`, and its end. */
export interface ConnectionHandler {
  /** A frame arrived. It is valid during the call only. */
  frame(frame: Frame): void;
  /**
   * Handles a whole frame from `start` to `end` at once, if it is a simple one. Returns the end of what it handled;
   * {@linkcode ConnectionHandler.frame} gets the rest.
   */
  run?(bytes: Uint8Array, start: number, end: number): number;
  /** Bytes arrived. With this method, the connection does not decode frames. */
  bytes?(bytes: Uint8Array): void;
  /** All frames of one read have been handled. */
  flush?(): void;
  /** The other side has ended its half. */
  ended?(): void;
  /** The other side broke the protocol. The connection closes. */
  violation?(error: ProtocolError): void;
  /** All bytes have been written. */
  drained?(): void;
  /** The connection is closed, by either side. */
  gone?(): void;
}

/** Bytes or an event that travels in one direction. */
type Packet = Uint8Array | "end" | "reset";

/** The largest packet on a connection of limited bandwidth: bytes. */
const PACKET_BYTES = 1_400;
/** How many bytes fit into a pipe before its reader takes some. */
const PIPE_BYTES = 64 * 1024;
/** How many bytes may wait for the pipe. `FrameConnection` has the same limit. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
/** How long a closing connection waits for the other side: milliseconds, as in `FrameConnection`. */
const LINGER_MS = 1_000;

/** One end of a connection. */
export class VirtualConnection implements Transport {
  /** The writer for frames to the other end. */
  readonly out: FrameWriter;
  /** The address that this end belongs to, `host:port`. */
  readonly party: string;
  /** The other end. */
  peer!: VirtualConnection;
  readonly #network: Wire;
  readonly #decoder = new FrameDecoder((frame) => {
    this.#network.sawFrame(this.peer.party, this.party, frame);
    const { bytes, start, end } = frame;
    // A fast path may take the frame, as on a real connection.
    if (this.#handler?.run?.(bytes, start - HEADER_BYTES, end) === end) return;
    this.#handler?.frame(frame);
  });
  /** The packets in flight to this end, in order, each with the time when it is due. */
  readonly #transit: { at: number; packet: Packet }[] = [];
  readonly #arrived: Packet[] = [];
  #pipeBytes = 0;
  #handler: ConnectionHandler | undefined;
  #gone: (() => void) | undefined;
  #taken: Uint8Array = new Uint8Array(0);
  #writing = false;
  #paused = false;
  #ended = false;
  #endSent = false;
  /** Tasks that are scheduled very often, and therefore created once. */
  readonly #writes = () => this.#write();
  readonly #arrives = () => this.arrive();
  #otherEnded = false;
  #closing = false;
  #closed = false;

  /** Creates one end of a connection. The network creates both ends and sets `peer`. */
  constructor(network: Wire, party: string) {
    this.#network = network;
    this.party = party;
    this.out = new FrameWriter({
      maxBytes: MAX_PENDING_BYTES,
      onFirstByte: () => this.#writeSoon(),
      onOverflow: () => this.abort(),
    });
  }

  /** Whether the connection is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether reading is paused. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Starts to report events to `handler`. */
  start(handler: ConnectionHandler): void {
    this.#gone = () => handler.gone?.();
    if (this.#closed) this.#network.after(0, this.#gone);
    else if (!this.#closing) this.#handler = handler;
  }

  /** Stops reading. */
  pause(): void {
    this.#paused = !this.#closing;
  }

  /** Reads again after {@linkcode VirtualConnection.pause}. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#network.after(0, () => this.#read());
  }

  /** Ends this half of the connection once all bytes are written. */
  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.resume();
    if (!this.#writing) this.#sendEnd();
  }

  /** Ends this half of the connection, and reports nothing more. Resets it if the other half does not end. */
  close(): void {
    this.#handler = undefined;
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.resume();
    this.#network.after(LINGER_MS, () => this.abort());
    this.end();
    this.#finish();
  }

  /** Resets the connection. */
  abort(): void {
    if (this.#closed) return;
    this.#carry("reset");
    this.#die();
  }

  /** Breaks the connection: both ends learn of it, and packets in flight are lost. */
  sever(): void {
    for (const end of [this, this.peer]) {
      end.#transit.length = 0;
      end.#arrived.length = 0;
      end.#die();
    }
  }

  /** Resets the connection as a crash does: this end reports nothing more. */
  vanish(): void {
    this.#gone = undefined;
    this.abort();
  }

  /** Takes the packets that are due, unless the network holds them. */
  arrive(): void {
    const { now } = this.#network;
    while (this.#transit.length > 0 && this.#transit[0]!.at <= now) {
      if (this.#network.isSilent(this.peer.party, this.party)) return;
      this.#arrived.push(this.#transit.shift()!.packet);
    }
    this.#read();
  }

  #read(): void {
    while (!this.#paused && this.#arrived.length > 0) {
      const packet = this.#arrived.shift()!;
      if (packet === "reset") return this.#die();
      if (packet === "end") {
        this.#otherEnded = true;
        this.#handler?.ended?.();
        this.close();
        return this.#finish();
      }
      this.#pipeBytes -= packet.length;
      if (this.peer.#taken.length > 0) this.peer.#write();
      this.#take(packet);
    }
  }

  #take(bytes: Uint8Array): void {
    const handler = this.#handler;
    if (!handler) return;
    if (handler.bytes) return handler.bytes(bytes);
    try {
      this.#decoder.push(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      handler.violation?.(error);
      return this.close();
    }
    this.#handler?.flush?.();
  }

  #writeSoon(): void {
    if (this.#writing) return;
    if (this.#ended || this.#closed) {
      this.out.take();
      return;
    }
    this.#writing = true;
    this.#network.after(0, this.#writes);
  }

  /** Fills the pipe. Continues when the reader has made room. */
  #write(): void {
    while (!this.#closed) {
      if (this.#taken.length === 0) {
        if (this.out.length === 0) break;
        const taken = this.out.take();
        this.#taken = this.#network.copy(taken);
        this.out.recycle(taken);
      }
      const room = PIPE_BYTES - this.peer.#pipeBytes;
      // Wait for enough room, as TCP does. Otherwise bytes would travel in tiny pieces.
      if (room < Math.min(PIPE_BYTES / 2, this.#taken.length)) return;
      const most = this.#isSlow ? PACKET_BYTES : Infinity;
      const size = this.#network.pieceOf(Math.min(room, this.#taken.length, most));
      this.peer.#pipeBytes += size;
      this.#carry(this.#taken.subarray(0, size));
      this.#taken = this.#taken.subarray(size);
    }
    if (this.#closed) return;
    this.#writing = false;
    this.#handler?.drained?.();
    if (this.#ended && !this.#writing) this.#sendEnd();
  }

  get #isSlow(): boolean {
    return this.#network.bandwidth(this.party, this.peer.party) < Infinity;
  }

  #sendEnd(): void {
    if (this.#endSent || this.#closed) return;
    this.#endSent = true;
    this.#carry("end");
    this.#finish();
  }

  /** Sends a packet. None overtakes another. */
  #carry(packet: Packet): void {
    const { peer } = this;
    const network = this.#network;
    const last = peer.#transit.at(-1)?.at ?? 0;
    let at = Math.max(last, network.now + network.latency(this.party, peer.party));
    if (typeof packet !== "string" && this.#isSlow) {
      at += packet.length / network.bandwidth(this.party, peer.party) * 1_000;
    }
    peer.#transit.push({ at, packet });
    // A packet that is due together with the previous one needs no task of its own.
    if (at !== last) network.at(at, peer.#arrives);
  }

  #finish(): void {
    if (this.#otherEnded && this.#endSent) this.#die();
  }

  #die(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = undefined;
    this.#taken = new Uint8Array(0);
    this.out.take();
    this.#network.forget(this);
    if (this.#gone) this.#network.after(0, this.#gone);
  }
}
