/**
 * Reads the fields of a payload in order. Owns the position, and checks that every field is complete and
 * valid. Does not know the layout of any payload.
 *
 * @module
 */
import { canonicalAddress } from "./names/address.ts";
import { ErrorCode, ProtocolError } from "./errors.ts";
import { quote } from "./names/quote.ts";
import { readName, readText } from "./text.ts";
import { readUuid } from "./uuid.ts";

/**
 * A cursor over a payload. Every method that reads throws a {@linkcode ProtocolError} when the payload ends
 * within the field or when the value of the field is not valid.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** Creates a reader at the start of `bytes`. `what` names the payload in error messages. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** The number of bytes that are not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Reads an 8-bit number. */
  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Reads a 16-bit number, big-endian. */
  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  /** Reads a 32-bit number, big-endian. */
  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** Reads a 64-bit number, big-endian, of at most 2^53 - 1. */
  u64(): number {
    const value = this.u32() * 0x1_0000_0000 + this.u32();
    if (value > Number.MAX_SAFE_INTEGER) this.fail("a number is larger than 2^53 - 1");
    return value;
  }

  /** Reads a UUID of 16 bytes. Returns lower-case text. */
  uuid(): string {
    return readUuid(this.#bytes, this.#take(16));
  }

  /** Reads so many bytes. Returns a view of them. */
  take(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** Reads UTF-8 text after one byte with its length. */
  shortText(): string {
    const length = this.u8();
    const at = this.#take(length);
    return readText(this.#bytes, at, at + length, this.#what);
  }

  /** Reads a user name after one byte with its length. */
  name(): string {
    const length = this.u8();
    const at = this.#take(length);
    return readName(this.#bytes, at, at + length);
  }

  /** Reads an address, `host:port`, after one byte with its length. Returns its canonical spelling. */
  address(): string {
    const text = this.shortText();
    return canonicalAddress(text) ?? this.fail(`${quote(text)} is not HOST:PORT`);
  }

  /** Reads the rest of the payload as UTF-8 text. */
  rest(): string {
    const at = this.#take(this.left);
    return readText(this.#bytes, at, this.#bytes.length, this.#what);
  }

  /** Reads the rest of the payload. Returns a view of it. */
  bytes(): Uint8Array {
    const at = this.#take(this.left);
    return this.#bytes.subarray(at);
  }

  /** Throws a {@linkcode ProtocolError} with the reason why the payload is malformed. */
  fail(reason: string): never {
    throw new ProtocolError(ErrorCode.Malformed, `Cannot read the ${this.#what}: ${reason}`);
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
