/**
 * A hash of everything that happened in a run, to compare two runs. It is a 32-bit FNV-1a hash that takes
 * four bytes at a time where it can, because every frame of a run goes in.
 *
 * @module
 */
import { type Frame, HEADER_BYTES } from "@netlab/protocol";

/** A hash of events and frames, in the order in which they are added. */
export class Digest {
  readonly #time = new DataView(new ArrayBuffer(8));
  #hash = 0x811c9dc5;

  /** Adds an event, described by a line of text. */
  add(line: string): void {
    let hash = this.#hash;
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    this.#hash = hash;
  }

  /** Adds a frame, header included, that arrived `at` milliseconds. `from` and `to` are addresses. */
  addFrame(at: number, from: string, to: string, { bytes, start, end }: Frame): void {
    this.#time.setFloat64(0, at);
    this.#addBytes(this.#time, 0, 8);
    this.add(from);
    this.add(to);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#addBytes(view, start - HEADER_BYTES, end);
  }

  /** Returns the hash as eight hexadecimal digits. */
  toString(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  #addBytes(view: DataView, start: number, end: number): void {
    let hash = this.#hash;
    let at = start;
    for (; at + 4 <= end; at += 4) hash = Math.imul(hash ^ view.getInt32(at), 0x01000193);
    for (; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
    this.#hash = hash;
  }
}
