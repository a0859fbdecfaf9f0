/**
 * The store of a server whose messages are in a stream of JetStream. Owns what is published to the stream and
 * deleted from it. `partitions.ts` reads what other servers have stored there.
 *
 * @module
 */
import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection, RequestError } from "@nats-io/transport-node";
import {
  ErrorCode,
  HEADER_BYTES,
  MessageFields,
  messageId,
  NetlabError,
} from "@netlab/protocol/codec";
import type { Message } from "./host.ts";
import { readName } from "@netlab/protocol/codec";
import { isConnected } from "./nats_bus.ts";

/**
 * How long JetStream may take to store messages before more are refused: milliseconds. It needs a few seconds to choose
 * another leader.
 */
const STORE_MS = 5_000;
/** How long one attempt may take: milliseconds. */
const ATTEMPT_MS = 1_500;
/** How long to wait before the next attempt: milliseconds. */
const RETRY_MS = 200;
/** How many messages are deleted at the same time. */
const MAX_DELETING = 256;
/** How many messages a partition may have in all: a message of the next one has a higher offset. */
const OFFSETS = 2 ** 40;
/** The header with the time at which a message was accepted: milliseconds since 1970. */
const ACCEPTED_AT = "Netlab-Accepted-At";
/** The header with the number of a message in its partition. */
const ORDER = "Netlab-Order";

/** A message from the stream. */
export interface StreamMessage extends Message {
  /** Its number in its partition. Messages are delivered in this order. */
  readonly order: number;
}

/** A message as NATS delivers it. */
export interface Stored {
  /** The frame. */
  readonly data: Uint8Array;
  /** The headers, if there are any. */
  readonly headers?: { get(name: string): string } | undefined;
}

/** Stores messages in a stream. */
export class StreamStore {
  /** What is stored survives the end of this server. */
  readonly durable = true;
  /** Other servers deliver what is stored when this one has gone. */
  readonly isShared = true;
  readonly #connection: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;
  readonly #stream: string;
  readonly #prefix: string;
  /** All partitions that were used. The position of a partition is part of the offsets of its messages. */
  readonly #partitions: string[] = [];
  /** The position of the partition to which messages are published; `undefined` while there is none. */
  #current: number | undefined;
  #order = 0;
  #refuses = false;
  /** The subjects of messages to delete. */
  readonly #removed: string[] = [];
  #deleting = 0;
  readonly #pending = new Set<Promise<unknown>>();
  #lastOffset = 0;
  #isClosed = false;

  /**
   * Stores in a stream.
   *
   * @param stream Its name.
   * @param prefix What its subjects begin with.
   */
  constructor(
    connection: NatsConnection,
    js: JetStreamClient,
    jsm: JetStreamManager,
    stream: string,
    prefix: string,
  ) {
    this.#connection = connection;
    this.#js = js;
    this.#jsm = jsm;
    this.#stream = stream;
    this.#prefix = prefix;
  }

  /** Publishes to a partition from now on; `undefined` waits for one. */
  use(partition: string | undefined): void {
    this.#current = partition === undefined ? undefined : this.#positionOf(partition);
  }

  /** Returns nothing: each start has a new partition. */
  load(): Iterable<Message> {
    return [];
  }

  /** Returns nothing: the messages are in memory as well. */
  read(): Iterable<Message> {
    return [];
  }

  /** Returns nothing: outcomes are not stored. */
  loadOutcomes(): Iterable<never> {
    return [];
  }

  /** Returns nothing: names are not stored. */
  loadNames(): Iterable<string> {
    return [];
  }

  /** Publishes messages and deletes others. Returns when they are stored; nothing if there are none to store. */
  write(
    added: readonly Message[],
    removed: readonly Message[],
  ): Promise<void> | void {
    // A message that is deleted late is delivered again only if this server ends, and its recipient drops it.
    for (const { id, offset } of removed) {
      const partition = this.#partitions[Math.floor(offset / OFFSETS)];
      if (partition !== undefined) this.#removed.push(`${this.#prefix}.${partition}.${id}`);
    }
    this.#delete();
    if (added.length === 0) return;
    if (this.#refuses) return Promise.reject(unreachable(undefined));
    const writing = this.#publishAll(added).finally(() => this.#pending.delete(writing));
    this.#pending.add(writing);
    return writing;
  }

  /** Whether what is added now is refused at once: JetStream does not store anything at the moment. */
  get refuses(): boolean {
    return this.#refuses;
  }

  /** Does what is due. Call it about twice a second. */
  check(): undefined {
    if (!isConnected(this.#connection)) return;
    this.#delete();
    if (this.#refuses && this.#pending.size === 0) this.#probe();
    return;
  }

  /** Waits until everything is published and deleted, for so many milliseconds at most. */
  async close(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (this.#pending.size > 0 && Date.now() < until) await later(10);
    while ((this.#deleting > 0 || this.#removed.length > 0) && Date.now() < until) {
      if (!isConnected(this.#connection)) break;
      await later(10);
    }
    this.#isClosed = true;
  }

  /** Reads a message of a partition; `undefined` if it is none of netlab's. */
  message(
    partition: string,
    { data, headers }: Stored,
  ): StreamMessage | undefined {
    try {
      const bytes = data.slice();
      const fields = new MessageFields().read(bytes, HEADER_BYTES, bytes.length);
      return {
        id: messageId(fields),
        sender: readName(bytes, fields.sender, fields.senderEnd),
        recipient: readName(bytes, fields.recipient, fields.recipientEnd),
        bytes,
        start: 0,
        end: bytes.length,
        acceptedAt: Number(headers?.get(ACCEPTED_AT) ?? 0) || 0,
        offset: this.#offset(this.#positionOf(partition)),
        order: Number(headers?.get(ORDER) ?? 0) || 0,
      };
    } catch (error) {
      if (error instanceof NetlabError) return undefined;
      throw error;
    }
  }

  async #publishAll(added: readonly Message[]): Promise<void> {
    let cause: unknown;
    const slow = setTimeout(() => this.#refuses = true, STORE_MS);
    await Promise.all(added.map(async (message) => {
      try {
        message.offset = await this.#publish(message);
      } catch (error) {
        cause = error;
      }
    }));
    clearTimeout(slow);
    if (cause !== undefined) throw cause;
    this.#refuses = false;
  }

  /**
   * Publishes a message until JetStream has stored it. Gives up only if it is certain that JetStream has not: once it
   * may have, the message is delivered, so nobody may be told that it was refused.
   *
   * @returns Its offset.
   */
  async #publish({ id, bytes, start, end, acceptedAt }: Message): Promise<number> {
    const order = ++this.#order;
    let msgID = id;
    for (let mayBeStored = false;;) {
      const marks = headers();
      marks.set(ACCEPTED_AT, String(acceptedAt));
      marks.set(ORDER, String(order));
      try {
        const current = this.#current;
        if (current === undefined || !isConnected(this.#connection)) throw new NotSent();
        const message = bytes.subarray(start, end);
        const options = { msgID, headers: marks, timeout: ATTEMPT_MS };
        const subject = `${this.#prefix}.${this.#partitions[current]}.${id}`;
        const { duplicate } = await this.#js.publish(subject, message, options);
        mayBeStored = true;
        if (!duplicate || await this.#isThere(subject)) return this.#offset(current);
        // The copy that JetStream remembers was deleted, or is in the partition of another server.
        msgID = `${id} ${order}`;
      } catch (error) {
        if (!mayBeStored && error instanceof JetStreamApiError && isFull(error)) {
          throw noRoom(error);
        }
        mayBeStored ||= !isNotSent(error);
        if (this.#isClosed || (!mayBeStored && this.#refuses)) throw unreachable(error);
        await later(RETRY_MS);
      }
    }
  }

  /** Finds out whether JetStream stores messages again. */
  #probe(): void {
    const probing = this.#jsm.streams.info(this.#stream).then(
      () => void (this.#refuses = false),
      () => {},
    ).finally(() => this.#pending.delete(probing));
    this.#pending.add(probing);
  }

  async #isThere(subject: string): Promise<boolean> {
    const found = await this.#jsm.streams.getMessage(this.#stream, { last_by_subj: subject });
    return found !== null;
  }

  /** Returns the position of a partition in the list. */
  #positionOf(partition: string): number {
    const known = this.#partitions.indexOf(partition);
    return known >= 0 ? known : this.#partitions.push(partition) - 1;
  }

  /** Returns a new offset of a message in the partition at a position. */
  #offset(position: number): number {
    return position * OFFSETS + ++this.#lastOffset;
  }

  /**
   * Deletes messages from the stream, several at a time. By their subjects, because NATS servers may give a message
   * different sequence numbers after failures.
   */
  #delete(): void {
    while (this.#deleting < MAX_DELETING && this.#removed.length > 0) {
      if (!isConnected(this.#connection)) return;
      const subject = this.#removed.pop()!;
      this.#deleting++;
      const done = (error?: unknown) => {
        this.#deleting--;
        // It is tried again at the next check, unless the message has gone.
        if (error === undefined || error instanceof JetStreamApiError) return this.#delete();
        this.#removed.push(subject);
      };
      this.#jsm.streams.purge(this.#stream, { filter: subject }).then(() => done(), done);
    }
  }
}

/** Waits for so many milliseconds. */
function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The connection to NATS is lost at the moment. */
class NotSent extends Error {}

/** Returns whether it is certain that a message was not stored, because nobody has got it. */
function isNotSent(error: unknown): boolean {
  return error instanceof NotSent || error instanceof JetStreamApiError ||
    (error instanceof Error && error.cause instanceof RequestError && error.cause.isNoResponders());
}

/** Returns whether the stream has no room for a message. */
function isFull({ code }: JetStreamApiError): boolean {
  // Maximum messages, bytes, or messages for a subject; no room in the account or on the disk.
  return code === 10077 || code === 10047 || code === 10023 || code === 10028;
}

function noRoom(cause: unknown): NetlabError {
  const reason = "NATS stores as much as it may";
  return new NetlabError(ErrorCode.StorageFull, reason, { cause });
}

function unreachable(cause: unknown): NetlabError {
  const reason =
    "NATS, which stores the messages of the network, cannot be reached or does not answer; " +
    "try again later";
  return new NetlabError(ErrorCode.NetworkUnreachable, reason, { cause });
}
