/**
 * Writes one log line for each message. Owns the wording. Never logs the text of a message, and
 * does not decide where messages go.
 *
 * @module
 */
import { type BatchFields, type MessageFields, readName } from "@netlab/protocol/codec";
import type { Logger } from "./logger.ts";

/** The next hop in the log for a message to a user of this server. */
export const HERE = "here";
/**
 * Returns the next hop in the log for a message to a user of legacy servers.
 *
 * @param addresses The addresses of the legacy servers that list the user.
 */
export function toLegacy(addresses: readonly string[]): string {
  return `legacy server ${addresses.join(" and ")}`;
}

/** Logs every message, or none. */
export class MessageLog {
  /** Whether messages are logged. */
  readonly enabled: boolean;
  readonly #logger: Logger;

  /** Creates a log that writes to `logger` at level debug if it is enabled. */
  constructor(logger: Logger, enabled: boolean) {
    this.#logger = logger;
    this.enabled = enabled;
  }

  /**
   * Logs a message.
   *
   * @param nextHop An address, or a few words.
   */
  message(fields: MessageFields, nextHop: string): void {
    if (!this.enabled) return;
    this.#logger.debug("{sender} to {recipient}, {bytes} bytes, next hop: {nextHop}", {
      event: "message",
      ...namesOf(fields),
      bytes: fields.end - fields.text,
      nextHop,
    });
  }

  /**
   * Logs all messages of a batch in one line.
   *
   * @param nextHop An address, or a few words.
   */
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
