/**
 * A number of everything that happened in a run, so that two runs can be told apart or found the same.
 * FNV-1a, 32 bits.
 *
 * @module
 */

/** Grows with every line. */
export class Digest {
  #hash = 0x811c9dc5;

  /** Something happened. */
  add(line: string, bytes?: Uint8Array): void {
    let hash = this.#hash;
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    for (const byte of bytes ?? []) hash = Math.imul(hash ^ byte, 0x01000193);
    this.#hash = hash;
  }

  /** Eight digits. */
  toString(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }
}
