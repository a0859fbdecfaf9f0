/**
 * The partitions of the stream. Each server publishes to its own, and deletes from it what was delivered. When a
 * server is gone, another one inherits its partition: it reads the messages and delivers them. Owns who reads what.
 *
 * @module
 */
import { DeliverPolicy, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsHost } from "./host.ts";
import type { StreamMessage, StreamStore } from "./stream_store.ts";

/** How often the partitions are compared with the servers: milliseconds. A server that goes is noticed sooner. */
const SWEEP_MS = 1_000;
/** How often a partition is read again that may still grow: milliseconds. */
const READ_EVERY_MS = 5_000;
/** How long after its server has gone messages may still come into a partition: milliseconds. */
const LATE_MS = 60_000;
/** How often the stream is searched for partitions: milliseconds, for each so many messages that it has. */
const SCAN_MS = 5_000;
const SCANNED = 1_000;
/** The length of the id of a server. */
const ID_LENGTH = 36;
/** How many messages are read together. */
const READ_COUNT = 1_000;
/** How long the next messages may take to arrive: milliseconds. */
const READ_MS = 2_000;

/** What {@linkcode Partitions} uses. */
export interface PartitionParts {
  /** Reads messages. */
  readonly js: JetStreamClient;
  /** Lists partitions. */
  readonly jsm: JetStreamManager;
  /** The name of the stream. */
  readonly stream: string;
  /** What the subjects of all partitions begin with. */
  readonly prefix: string;
  /** The id of this server. */
  readonly self: string;
  /** Publishes to the partition of this server. */
  readonly store: StreamStore;
  /** The server that uses NATS. */
  readonly host: NatsHost;
}

/** A partition that this server has taken over. */
interface Taken {
  /** When: milliseconds since 1970. */
  readonly at: number;
  /** When it was read: milliseconds since 1970; 0 if it was not. */
  readAt: number;
  /** The ids of the messages that were read. */
  readonly ids: Set<string>;
  /** When it was last looked whether it is empty: milliseconds since 1970. */
  lookedAt: number;
}

/** The partitions, as one server sees them. */
export class Partitions {
  readonly #parts: PartitionParts;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #taken = new Map<string, Taken>();
  #number = 0;
  /** The partition of this server. */
  #own: string;
  #isOwned = false;
  #sweeping: Promise<void> | undefined;
  #isDue = false;
  /** When to look for partitions in the stream: milliseconds since 1970. */
  #scanAt = 0;
  #isClosed = false;

  /** Begins without a partition. */
  constructor(parts: PartitionParts) {
    this.#parts = parts;
    this.#own = `${parts.self}_0`;
    parts.host.network.onPartitions = () => this.#changed();
    this.#timer = setInterval(() => this.#sweepSoon(), SWEEP_MS);
  }

  /** Takes a partition for this server, and those of servers that are gone, until {@linkcode Partitions.close}. */
  start(): void {
    this.#sweepSoon();
  }

  /** Reads nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  #changed(): void {
    const { self, store, host: { network } } = this.#parts;
    for (const [partition, server] of network.partitions()) {
      if (partition !== this.#own || server === self) continue;
      // Others have taken this server for gone, and may not read what comes later.
      this.#own = `${self}_${++this.#number}`;
      this.#isOwned = false;
      store.use(undefined);
    }
    this.#sweepSoon();
  }

  #sweepSoon(): void {
    this.#isDue = true;
    if (this.#isClosed || this.#sweeping) return;
    const sweep = async () => {
      while (this.#isDue && !this.#isClosed) {
        this.#isDue = false;
        await this.#sweep();
      }
    };
    this.#sweeping = sweep().finally(() => this.#sweeping = undefined);
  }

  async #sweep(): Promise<void> {
    const { self, store, host: { network, logger } } = this.#parts;
    if (!this.#isOwned) {
      const partition = this.#own;
      const isTaken = await this.#take(partition);
      if (isTaken && partition === this.#own) {
        this.#isOwned = true;
        store.use(partition);
      }
    }
    if (Date.now() >= this.#scanAt) await this.#scan();
    for (const [partition, server] of [...network.partitions()]) {
      if (this.#isClosed) return;
      if (partition.startsWith(self)) continue;
      try {
        if (server === self) await this.#look(partition);
        else if (network.isGone(server) && await this.#take(partition)) await this.#look(partition);
      } catch (error) {
        logger.debug("cannot read the stream: {error}", { error });
      }
    }
  }

  /** Looks for partitions in the stream itself: NATS servers that fail may lose entries of the table. */
  async #scan(): Promise<void> {
    const { jsm, stream, prefix, host: { network } } = this.#parts;
    this.#scanAt = Date.now() + SCAN_MS;
    try {
      const { state } = await jsm.streams.info(stream, { subjects_filter: `${prefix}.>` });
      const subjects = Object.keys(state.subjects ?? {});
      // The list is long when much is stored.
      this.#scanAt = Date.now() + SCAN_MS * Math.max(1, subjects.length / SCANNED);
      for (const subject of subjects) {
        const partition = subject.slice(prefix.length + 1).split(".")[0]!;
        network.found(partition, partition.slice(0, ID_LENGTH));
      }
    } catch {
      // The next scan may succeed.
    }
  }

  async #take(partition: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#parts.host.network.take(partition, resolve);
    const isTaken = await promise;
    if (!isTaken) {
      this.#parts.host.logger.debug("cannot take over the messages of {partition}", { partition });
    }
    return isTaken;
  }

  /** Reads a partition that this server has taken over, and gives it up when it is empty. */
  async #look(partition: string): Promise<void> {
    const { jsm, stream, prefix, host: { network } } = this.#parts;
    const now = Date.now();
    let taken = this.#taken.get(partition);
    if (!taken) {
      taken = { at: now, readAt: 0, ids: new Set(), lookedAt: now };
      this.#taken.set(partition, taken);
    }
    const mayGrow = now - taken.at < LATE_MS && now - taken.readAt >= READ_EVERY_MS;
    if (taken.readAt === 0 || mayGrow) await this.#read(partition, taken);
    if (now - taken.lookedAt < LATE_MS) return;
    taken.lookedAt = now;
    const filter = `${prefix}.${partition}.>`;
    const { state } = await jsm.streams.info(stream, { subjects_filter: filter });
    if (Object.keys(state.subjects ?? {}).length > 0) return await this.#read(partition, taken);
    this.#taken.delete(partition);
    network.drop(partition);
  }

  /** Reads what has come into a partition since the last time. */
  async #read(partition: string, taken: Taken): Promise<void> {
    const { js, stream, prefix, store, host } = this.#parts;
    const consumer = await js.consumers.get(stream, {
      filter_subjects: `${prefix}.${partition}.>`,
      // Always from the beginning: NATS servers that have just started may show a part of it only.
      deliver_policy: DeliverPolicy.All,
    });
    const messages: StreamMessage[] = [];
    try {
      let left = (await consumer.info()).num_pending;
      while (left > 0 && !this.#isClosed) {
        left = 0;
        const batch = await consumer.fetch({ max_messages: READ_COUNT, expires: READ_MS });
        for await (const each of batch) {
          left = each.info.pending;
          const message = store.message(partition, each);
          if (message && !taken.ids.has(message.id)) messages.push(message);
          if (left === 0) break;
        }
      }
    } finally {
      await consumer.delete().catch(() => {});
    }
    if (this.#isClosed) return;
    taken.readAt = Date.now();
    if (messages.length === 0) return;
    messages.sort((a, b) => a.order - b.order);
    for (const { id } of messages) taken.ids.add(id);
    host.logger.info("took over {count} messages of a server that is gone", {
      event: "storage.inherited",
      count: messages.length,
      partition,
    });
    host.enter(() => host.adopt(messages));
  }
}
