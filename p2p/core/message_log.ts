/**
 * Where every message that is looked at one by one is shown: as a log line, as an event for whoever watches the
 * server, and to the program. Owns which messages are looked at, and the wording. Never shows the text of a message,
 * and does not decide where messages go.
 *
 * @module
 */
import {
  BatchFields,
  type MessageFields,
  messageId,
  readName,
  readUuidOf,
} from "@netlab/protocol/codec";
import type { Logger } from "./logger.ts";
import type { EventLog } from "./watch/event_log.ts";

/** Where a message comes from, or where it goes. A `Peer` and a `User` are stops. */
export interface Stop {
  /** How the log names it. */
  readonly label: string;
  /** The id of the server, if it is another one: a UUID. */
  readonly server?: string;
  /** Why the message goes nowhere. */
  readonly refusal?: string;
}

/** A message, or a batch of messages, that has passed through this server. */
export interface PassedMessage {
  /** The id of the message, or of the first one in a batch: a UUID. */
  readonly id: string;
  /** The name of the sender. */
  readonly sender: string;
  /** The name of the recipient. */
  readonly recipient: string;
  /** How many messages there are. Those of a batch have consecutive ids. */
  readonly count: number;
  /** The size of their texts: bytes. */
  readonly bytes: number;
  /** From where it came; `undefined` if this server stores it. */
  readonly from: Stop | undefined;
  /** Where it went. */
  readonly to: Stop;
  /** How many links it has crossed. */
  readonly hop: number;
}

/** The next stop of a message to a user of this server. */
export const HERE: Stop = { label: "here" };
/** The next stop of a message whose recipient is nowhere at present. */
export const STORED: Stop = { label: "none, stored until the recipient joins" };

/**
 * Returns the next stop of a message to a user of legacy servers.
 *
 * @param addresses The addresses of the legacy servers that list the user.
 */
export function toLegacy(addresses: readonly string[]): Stop {
  return { label: `legacy server ${addresses.join(" and ")}` };
}

/** Returns the next stop of a message that was refused for this reason. */
export function nowhere(reason: string): Stop {
  return { label: `none (${reason})`, refusal: reason };
}

/** How long messages are recorded after somebody has asked for events: milliseconds. */
const WATCHED_MS = 10_000;
/** How many messages are recorded in a second while somebody watches. */
const PER_SECOND = 50;
/** How many of them may follow each other at once. */
const AT_ONCE = 15;

/** What gets every message. */
export interface MessageLogOptions {
  /** The logger of the server. */
  readonly logger: Logger;
  /** Whether it gets every message at level debug. */
  readonly logMessages?: boolean;
  /** Called with every message. */
  readonly onMessage?: (message: PassedMessage) => void;
}

/** Shows messages, or does not look at them. */
export class MessageLog {
  /** Whether messages are looked at. While they are, they take no fast path. */
  enabled: boolean;
  readonly #logger: Logger | undefined;
  readonly #events: EventLog;
  readonly #onMessage: ((message: PassedMessage) => void) | undefined;
  /** Until when messages are recorded as events: milliseconds since 1970. */
  #watchedUntil = 0;
  /** How many messages may be recorded now. */
  #credit = 0;
  #now = 0;

  /**
   * Creates a log that looks at no messages unless it has to.
   *
   * @param events Records some of the messages while somebody watches.
   */
  constructor({ logger, logMessages, onMessage }: MessageLogOptions, events: EventLog) {
    this.#logger = logMessages ? logger : undefined;
    this.#events = events;
    this.#onMessage = onMessage;
    this.enabled = this.#isAlwaysEnabled;
  }

  /**
   * Records messages from now on: somebody watches.
   *
   * @param now The current time: milliseconds since 1970.
   */
  watch(now: number): void {
    if (now >= this.#watchedUntil) this.#credit = AT_ONCE;
    this.#watchedUntil = now + WATCHED_MS;
    this.#now = now;
    this.#decide();
  }

  /**
   * Decides whether messages are recorded. Call it every 250 ms.
   *
   * @param now The current time: milliseconds since 1970.
   */
  tick(now: number): void {
    if (this.#watchedUntil === 0) return;
    const passedMs = Math.max(0, now - this.#now);
    this.#now = now;
    this.#credit = Math.min(AT_ONCE, this.#credit + passedMs * PER_SECOND / 1_000);
    if (now >= this.#watchedUntil) this.#watchedUntil = this.#credit = 0;
    this.#decide();
  }

  /**
   * Shows a message.
   *
   * @param to Its next stop.
   * @param from Where it came from; `undefined` if this server stores it.
   * @param hops The hop count in its frame, which counts if it came from a server.
   */
  message(fields: MessageFields | BatchFields, to: Stop, from?: Stop, hops = 0): void {
    if (!this.enabled) return;
    const message = describe(fields, to, from, hops);
    this.#onMessage?.(message);
    this.#log(message);
    if (this.#credit >= 1 && to.refusal === undefined) this.#record(message);
  }

  get #isAlwaysEnabled(): boolean {
    return this.#logger !== undefined || this.#onMessage !== undefined;
  }

  #decide(): void {
    this.enabled = this.#isAlwaysEnabled || this.#credit >= 1;
  }

  #log({ sender, recipient, bytes, count, to: { label: nextHop } }: PassedMessage): void {
    const several = count === 1 ? "" : ", {count} messages";
    this.#logger?.debug(
      `{sender} to {recipient}${several}, {bytes} bytes, next hop: {nextHop}`,
      { event: "message", sender, recipient, ...count > 1 && { count }, bytes, nextHop },
    );
  }

  #record({ id, sender, recipient, count, bytes, from, to, hop }: PassedMessage): void {
    this.#credit--;
    this.#decide();
    const stops = { from: from?.server, to: to.server };
    const event = { id, sender, recipient, count, bytes, ...stops, hop };
    this.#events.add({ kind: "message", ...event }, this.#now);
  }
}

function describe(
  fields: MessageFields | BatchFields,
  to: Stop,
  from: Stop | undefined,
  hops: number,
): PassedMessage {
  const { bytes: buffer, sender, senderEnd, recipient, recipientEnd, end } = fields;
  const isBatch = fields instanceof BatchFields;
  return {
    id: isBatch ? readUuidOf(fields.idWords) : messageId(fields),
    sender: readName(buffer, sender, senderEnd),
    recipient: readName(buffer, recipient, recipientEnd),
    count: isBatch ? fields.count : 1,
    bytes: end - (isBatch ? fields.texts : fields.text),
    from,
    to,
    hop: from?.server === undefined ? 0 : hops || 1,
  };
}
