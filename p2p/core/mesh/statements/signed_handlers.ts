/**
 * Who handles which frames that servers sign for one another.
 *
 * @module
 */
import type { Frame } from "@netlab/protocol/codec";

/** Handles frames that a server, by its id, has signed, by {@linkcode kindOf}. */
export type SignedHandlers = ReadonlyMap<number, (origin: string, frame: Frame) => void>;

/** Returns one number for a type and a subtype. */
export function kindOf(type: number, subtype: number): number {
  return (type << 8) | subtype;
}
