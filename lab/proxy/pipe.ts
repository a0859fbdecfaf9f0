/**
 * Carries the bytes of one direction of one connection through a proxy. Owns the buffer and the timer of
 * that direction. Knows nothing of the listener and of other connections.
 *
 * @module
 */
import type { Socket } from "node:net";
import { clearImmediate, setImmediate } from "node:timers";
import type { Decisions, Faults } from "./faults.ts";

/** While this many bytes are held, no more are read. */
const MAX_HELD_BYTES = 1024 * 1024;
/** With limited bandwidth, bytes leave in pieces that take this long: milliseconds. */
const PIECE_MS = 10;
/**
 * How late timers usually fire: milliseconds. Timers are therefore set this much too early, and the rest
 * of the time passes in turns of the event loop.
 */
const TIMER_LATE_MS = 1;
/** The time between two slices: milliseconds. */
const SLICE_MS = 1;
/** How much time that was lost to late timers is made up for: milliseconds. */
const CATCH_UP_MS = 200;

/** Bytes that were read, or the end of the stream. */
interface Held {
  readonly bytes: Uint8Array | "end" | "reset";
  readonly dueAt: number;
}

/** Carries bytes from one socket to another. The faults may change at any time. */
export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #decisions: Decisions;
  readonly #reset: () => void;
  #faults: Faults;
  #held: Held[] = [];
  #heldBytes = 0;
  #writing = false;
  #freeAt = 0;
  #passed = 0;
  #hole = false;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;

  /** Starts reading. `reset` must reset the whole connection. */
  constructor(from: Socket, to: Socket, faults: Faults, decisions: Decisions, reset: () => void) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    this.#decisions = decisions;
    this.#reset = reset;
    from.on("data", (bytes: Uint8Array) => this.#hold(bytes));
    from.on("end", () => this.#hold("end"));
    from.on("close", (failed: boolean) => failed && this.#hold("reset"));
  }

  /** Replaces the faults. Bytes that are already held keep their delay. */
  set(faults: Faults): void {
    if (faults.limitBytes !== this.#faults.limitBytes) this.#passed = 0;
    this.#faults = faults;
    this.#pump();
  }

  /** Drops the held bytes, and stops carrying. */
  close(): void {
    this.#over = true;
    this.#held = [];
    this.#stopWaiting();
  }

  #hold(bytes: Held["bytes"]): void {
    if (this.#over) return;
    const now = performance.now();
    if (this.#held.length === 0) this.#freeAt = Math.max(this.#freeAt, now);
    const dueAt = now + this.#decisions.delayMs(this.#faults);
    this.#held.push({ bytes, dueAt: Math.max(dueAt, this.#held.at(-1)?.dueAt ?? 0) });
    if (typeof bytes !== "string") {
      this.#heldBytes += bytes.length;
      if (this.#heldBytes >= MAX_HELD_BYTES) this.#from.pause();
    }
    this.#pump();
  }

  /** Sends all bytes that are due, and schedules the next call. */
  #pump(): void {
    this.#stopWaiting();
    const { stall, swallow } = this.#faults;
    while (!this.#over && !this.#writing && !stall) {
      const head = this.#held[0];
      if (!head) return;
      const wait = Math.max(head.dueAt, this.#freeAt) - performance.now();
      if (wait > 0) {
        return this.#pumpIn(wait);
      }
      if (swallow) this.#swallow(head);
      else if (this.#hole) this.#reset();
      else this.#pass(head);
    }
  }

  #pumpIn(ms: number): void {
    const early = Math.floor(ms - TIMER_LATE_MS);
    if (early > 0) this.#timer = setTimeout(() => this.#pump(), early);
    else this.#immediate = setImmediate(() => this.#pump());
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #swallow({ bytes }: Held): void {
    this.#hole = true;
    this.#held.shift();
    if (typeof bytes !== "string") this.#release(bytes.length);
  }

  #pass({ bytes, dueAt }: Held): void {
    if (bytes === "reset") return this.#reset();
    if (bytes === "end") {
      this.#held.shift();
      this.#to.end();
      return;
    }
    const { bytesPerSecond, sliceBytes, limitBytes = Infinity } = this.#faults;
    const left = limitBytes - this.#passed;
    if (left <= 0) return this.#reset();
    const atOnce = bytesPerSecond === undefined
      ? Infinity
      : Math.max(1, Math.floor(bytesPerSecond * PIECE_MS / 1000));
    const most = Math.min(bytes.length, left, atOnce);
    const count = this.#decisions.pieceBytes(this.#faults, most);
    if (bytesPerSecond !== undefined) {
      const from = Math.max(this.#freeAt, performance.now() - CATCH_UP_MS);
      this.#freeAt = from + count / bytesPerSecond * 1000;
    } else if (sliceBytes !== undefined) {
      // Without a pause, the operating system would join the pieces again.
      this.#freeAt = performance.now() + SLICE_MS;
    }
    this.#passed += count;
    if (count === bytes.length) this.#held.shift();
    else this.#held[0] = { bytes: bytes.subarray(count), dueAt };
    this.#release(count);
    this.#writing = true;
    this.#to.write(bytes.subarray(0, count), () => {
      this.#writing = false;
      if (this.#passed >= limitBytes) this.#reset();
      else this.#pump();
    });
  }

  #release(count: number): void {
    const full = this.#heldBytes >= MAX_HELD_BYTES;
    this.#heldBytes -= count;
    if (full && this.#heldBytes < MAX_HELD_BYTES) this.#from.resume();
  }
}
