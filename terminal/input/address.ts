/**
 * Reads addresses that people type: `host:port`, or only a port of this machine, both with `tls://` if they are
 * reached with TLS. The protocol owns the form that addresses have on the wire.
 *
 * @module
 */
import { type Address, DEFAULT_HOST, parseAddress, parsePort } from "@netlab/protocol/address";

import { quote } from "@netlab/protocol/quote";
export type { Address } from "@netlab/protocol/address";

/** The rule of {@linkcode readAddress}, as the end of a sentence that begins with the text. */
export const ADDRESS_RULE = "must be HOST:PORT, or a port of this machine (1 to 65535)";

/**
 * Reads an address, such as `chat.example:5001`, or `5001` for that port of 127.0.0.1. Both may begin with
 * `tls://`.
 *
 * @throws {TypeError} When the text is no address, or its port is not from 1 to 65,535.
 */
export function readAddress(text: string): Address {
  const [, scheme = "", digits = ""] = /^(tls:\/\/)?([0-9]+)$/i.exec(text) ?? [];
  const port = parsePort(digits);
  try {
    return parseAddress(port === undefined ? text : `${scheme}${DEFAULT_HOST}:${port}`);
  } catch (cause) {
    throw new TypeError(`Cannot read the address: ${quote(text)} ${ADDRESS_RULE}`, {
      cause,
    });
  }
}
