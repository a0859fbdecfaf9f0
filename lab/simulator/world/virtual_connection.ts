/**
 * One end of a connection between two parties of a {@linkcode VirtualNetwork}: a `Transport` that behaves
 * as `FrameConnection` does, over a pipe in memory. Owns the pipe's bound, what is under way on it, and
 * how the two halves end; knows nothing of what frames mean.
 *
 * @module
 */
import { type Frame, FrameDecoder, FrameWriter, ProtocolError } from "@netlab/protocol";
import type { Transport } from "@netlab/p2p/core";

/** What a connection needs of the network that it is on. */
export interface Wire {
  /** Virtual time: milliseconds since 1970. */
  readonly now: number;
  /** How long a parcel takes from one party to another: milliseconds. */
  readonly latency: (from: string, to: string) => number;
  /** Does something `ms` milliseconds from now. */
  after(ms: number, run: () => void): void;
  /** Does something at a time: milliseconds since 1970. */
  at(time: number, run: () => void): void;
  /** Whether nothing gets through between two parties. */
  isSilent(a: string, b: string): boolean;
  /** A frame arrived. */
  sawFrame(from: string, to: string, frame: Frame): void;
  /** How many of `most` bytes travel together. */
  pieceOf(most: number): number;
  /** The same bytes, which stay as they are. */
  copy(bytes: Uint8Array): Uint8Array;
  /** A connection is gone. */
  forget(connection: VirtualConnection): void;
}

/** What one end of a connection hears; the same moments as `FrameHandler`, and the end of it all. */
export interface ConnectionHandler {
  /** A frame came in. */
  frame(frame: Frame): void;
  /** Bytes came in, where frames are not what is spoken. */
  bytes?(bytes: Uint8Array): void;
  /** All frames of one chunk have been handed over. */
  flush?(): void;
  /** The other side has ended its half. */
  ended?(): void;
  /** The other side broke the protocol. */
  violation?(error: ProtocolError): void;
  /** Nothing waits to be written any more. */
  drained?(): void;
  /** The connection is gone, whoever ended it. */
  gone?(): void;
}

/** What travels in one direction. */
type Parcel = Uint8Array | "end" | "reset";

/** Bytes that fit into a pipe before its reader has taken some. */
const PIPE_BYTES = 64 * 1024;
/** How many bytes may wait in front of the pipe, and how long a close lingers: as in the real thing. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const LINGER_MS = 1_000;

/** One end of a connection. */
export class VirtualConnection implements Transport {
  readonly out: FrameWriter;
  /** The party that this end belongs to. */
  readonly party: string;
  /** The other end. */
  peer!: VirtualConnection;
  readonly #network: Wire;
  readonly #decoder = new FrameDecoder((frame) => {
    this.#network.sawFrame(this.peer.party, this.party, frame);
    this.#handler?.frame(frame);
  });
  /** Under way to this end, in order. */
  readonly #transit: { at: number; parcel: Parcel }[] = [];
  readonly #arrived: Parcel[] = [];
  #pipeBytes = 0;
  #handler: ConnectionHandler | undefined;
  #gone: (() => void) | undefined;
  #taken: Uint8Array = new Uint8Array(0);
  #writing = false;
  #paused = false;
  #ended = false;
  #endSent = false;
  /** What the network is asked to do at its time; made once, as it is asked very often. */
  readonly #writes = () => this.#write();
  readonly #arrives = () => this.arrive();
  #otherEnded = false;
  #closing = false;
  #closed = false;

  constructor(network: Wire, party: string) {
    this.#network = network;
    this.party = party;
    this.out = new FrameWriter({
      maxBytes: MAX_PENDING_BYTES,
      onFirstByte: () => this.#writeSoon(),
      onOverflow: () => this.abort(),
    });
  }

  /** Whether it is at its end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether what comes in is held up. */
  get paused(): boolean {
    return this.#paused;
  }

  /** From now on `handler` hears what happens. */
  start(handler: ConnectionHandler): void {
    this.#gone = () => handler.gone?.();
    if (this.#closed) this.#network.after(0, this.#gone);
    else if (!this.#closing) this.#handler = handler;
  }

  pause(): void {
    this.#paused = !this.#closing;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#network.after(0, () => this.#read());
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.resume();
    if (!this.#writing) this.#sendEnd();
  }

  close(): void {
    this.#handler = undefined;
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.resume();
    this.#network.after(LINGER_MS, () => this.abort());
    this.end();
    this.#finish();
  }

  abort(): void {
    if (this.#closed) return;
    this.#carry("reset");
    this.#die();
  }

  /** The connection breaks: both ends are told, what is under way is lost. */
  sever(): void {
    for (const end of [this, this.peer]) {
      end.#transit.length = 0;
      end.#arrived.length = 0;
      end.#die();
    }
  }

  /** The party is dead: the other end sees a reset, this one hears nothing more. */
  vanish(): void {
    this.#gone = undefined;
    this.abort();
  }

  /** What is due arrives, unless the two parties cannot hear each other. */
  arrive(): void {
    const { now } = this.#network;
    while (this.#transit.length > 0 && this.#transit[0]!.at <= now) {
      if (this.#network.isSilent(this.peer.party, this.party)) return;
      this.#arrived.push(this.#transit.shift()!.parcel);
    }
    this.#read();
  }

  #read(): void {
    while (!this.#paused && this.#arrived.length > 0) {
      const parcel = this.#arrived.shift()!;
      if (parcel === "reset") return this.#die();
      if (parcel === "end") {
        this.#otherEnded = true;
        this.#handler?.ended?.();
        this.close();
        return this.#finish();
      }
      this.#pipeBytes -= parcel.length;
      if (this.peer.#taken.length > 0) this.peer.#write();
      this.#take(parcel);
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

  /** Fills the pipe; goes on when its reader has made room. */
  #write(): void {
    while (!this.#closed) {
      if (this.#taken.length === 0) {
        if (this.out.length === 0) break;
        const taken = this.out.take();
        this.#taken = this.#network.copy(taken);
        this.out.recycle(taken);
      }
      const room = PIPE_BYTES - this.peer.#pipeBytes;
      // As TCP does: many small pieces would follow each other for ever.
      if (room < Math.min(PIPE_BYTES / 2, this.#taken.length)) return;
      const size = this.#network.pieceOf(Math.min(room, this.#taken.length));
      this.peer.#pipeBytes += size;
      this.#carry(this.#taken.subarray(0, size));
      this.#taken = this.#taken.subarray(size);
    }
    if (this.#closed) return;
    this.#writing = false;
    this.#handler?.drained?.();
    if (this.#ended && !this.#writing) this.#sendEnd();
  }

  #sendEnd(): void {
    if (this.#endSent || this.#closed) return;
    this.#endSent = true;
    this.#carry("end");
    this.#finish();
  }

  /** Sends a parcel on its way: none overtakes another. */
  #carry(parcel: Parcel): void {
    const { peer } = this;
    const network = this.#network;
    const last = peer.#transit.at(-1)?.at ?? 0;
    const at = Math.max(last, network.now + network.latency(this.party, peer.party));
    peer.#transit.push({ at, parcel });
    // What arrives together with the one before it needs no moment of its own.
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
