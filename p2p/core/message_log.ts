/**
 * One log line for each message, for people who watch a network. Owns the words. Never logs a text.
 *
 * @module
 */
import { type BatchFields, type MessageFields, readName } from "@netlab/protocol/codec";
import type { Logger } from "./logger.ts";

/** The next hop of a message for a user of this server. */
export const HERE = "here";
/** The next hop of a message for a user whom the legacy servers at these addresses list. */
export function toLegacy(addresses: readonly string[]): string {
  return `legacy server ${addresses.join(" and ")}`;
}

/** Logs every message, or none. */
export class MessageLog {
  /** Whether messages are logged. */
  readonly enabled: boolean;
  readonly #logger: Logger;

  /** A log that writes to `logger` at level debug if it is enabled. */
  constructor(logger: Logger, enabled: boolean) {
    this.#logger = logger;
    this.enabled = enabled;
  }

  /** Logs a message that goes to `nextHop`: an address, or a few words. */
  message(fields: MessageFields, nextHop: string): void {
    if (!this.enabled) return;
    this.#logger.debug("{sender} to {recipient}, {bytes} bytes, next hop: {nextHop}", {
      event: "message",
      ...namesOf(fields),
      bytes: fields.end - fields.text,
      nextHop,
    });
  }

  /** Logs all messages of a batch, in one line. */
  batch(fields: BatchFields, nextHop: string): void {
    if (!this.enabled) return;
    const { count, end, texts } = fields;
    const several = count === 1 ? "" : ", {count} messages";
    this.#logger.debug(
      `{sender} to {recipient}${several}, {bytes} bytes, next hop: {nextHop}`,
      { event: "message", ...namesOf(fields), count, bytes: end - texts, nextHop },
    );
  }
}

function namesOf(
  { bytes, sender, senderEnd, recipient, recipientEnd }: MessageFields | BatchFields,
): { sender: string; recipient: string } {
  return {
    sender: readName(bytes, sender, senderEnd),
    recipient: readName(bytes, recipient, recipientEnd),
  };
}
