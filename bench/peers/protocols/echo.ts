/**
 * No protocol: bytes that come back as they are. What a server that does nothing else reaches is the
 * yardstick for servers that do something. Pure.
 *
 * @module
 */
import { ascii, FixedCounter, type Protocol, repeat, text } from "./protocol.ts";

/** Every message is `size` bytes, and comes back to its sender. */
export const echo: Protocol = {
  join: () => [],
  batch: ({ size }, bytes, most) => repeat(ascii(text(size)), bytes, most),
  deliveries: () => undefined,
  answers: ({ size }) => new FixedCounter(size),
};
