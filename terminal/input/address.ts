/**
 * Addresses as people type them: `host:port`, or a port of this machine alone. Owns that rule for options and
 * for questions; how an address stands on the wire is the protocol's.
 *
 * @module
 */
import { type Address, DEFAULT_HOST, formatAddress, parseAddress } from "@netlab/protocol/address";

export type { Address } from "@netlab/protocol/address";

/** What {@linkcode readAddress} takes, as the end of a sentence that begins with what was typed. */
export const ADDRESS_RULE = "must be HOST:PORT, or a port of this machine (1 to 65535)";

/**
 * The address that a person typed: `chat.example:5001`, or `5001` for that port of 127.0.0.1.
 *
 * @throws {TypeError} When it is neither, or the port is not from 1 to 65,535.
 */
export function readAddress(text: string): Address {
  const isPort = /^[0-9]{1,5}$/.test(text);
  try {
    return parseAddress(
      isPort ? formatAddress({ hostname: DEFAULT_HOST, port: Number(text) }) : text,
    );
  } catch (cause) {
    throw new TypeError(`Cannot read the address: ${JSON.stringify(text)} ${ADDRESS_RULE}`, {
      cause,
    });
  }
}
