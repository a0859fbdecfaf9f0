/**
 * Reads the fields of a payload one behind the other, and says which one is missing. Owns nothing
 * but a position.
 *
 * @module
 */
import { ErrorCode, ProtocolError } from "./errors.ts";
import { readName, readText } from "./text.ts";
import { readUuid } from "./uuid.ts";

/** A cursor over a payload. Every read throws a {@linkcode ProtocolError} when bytes are missing. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** Reads `bytes`; `what` names the payload in errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  u64(): number {
    const value = this.u32() * 0x1_0000_0000 + this.u32();
    if (value > Number.MAX_SAFE_INTEGER) this.fail("a number is larger than 2^53 - 1");
    return value;
  }

  uuid(): string {
    return readUuid(this.#bytes, this.#take(16));
  }

  shortText(): string {
    const length = this.u8();
    const at = this.#take(length);
    return readText(this.#bytes, at, at + length, this.#what);
  }

  name(): string {
    const length = this.u8();
    const at = this.#take(length);
    return readName(this.#bytes, at, at + length);
  }

  rest(): string {
    const at = this.#take(this.left);
    return readText(this.#bytes, at, this.#bytes.length, this.#what);
  }

  bytes(): Uint8Array {
    const at = this.#take(this.left);
    return this.#bytes.subarray(at);
  }

  fail(why: string): never {
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${this.#what}: ${why}`);
  }

  #take(count: number): number {
    if (count > this.left) {
      this.fail(`it ends after ${this.#bytes.length} bytes, in the middle of a field`);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
