/**
 * The bus over NATS: subjects for the frames and heartbeats of each server, and a bucket of JetStream's key-value
 * store for the table. Knows neither users nor what frames mean.
 *
 * @module
 */
import { type KV, type KvEntry, Kvm, type KvWatchEntry } from "@nats-io/kv";
import { jetstream, type JetStreamClient, StorageType } from "@nats-io/jetstream";
import {
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type QueuedIterator,
  type Subscription,
} from "@nats-io/transport-node";
import type { Entry, NatsHost, Written } from "./host.ts";

/** After so many bytes, NATS must confirm that it has taken them before more are sent. */
const UNCONFIRMED_BYTES = 1024 * 1024;
/** How long a change of the table may take: milliseconds. */
const TABLE_MS = 1_500;
/** How often the table is compared with what was reported of it: milliseconds. */
const COMPARE_MS = 2_000;
/** The length of the id of a server in text: bytes. It precedes every frame. */
const ID_BYTES = 36;

/** How the parts of a network are stored. */
export interface StorageOptions {
  /** How many NATS servers store each message. */
  readonly replicas: number;
  /** Where they store it. */
  readonly storage: "file" | "memory";
}

/** The bus of one server. */
export class NatsBus {
  readonly #connection: NatsConnection;
  readonly #kv: KV;
  readonly #bucket: string;
  readonly #js: JetStreamClient;
  readonly #prefix: string;
  readonly #self: string;
  readonly #id: Uint8Array;
  readonly #subscriptions: Subscription[] = [];
  #host: NatsHost | undefined;
  #watching: QueuedIterator<KvWatchEntry> | undefined;
  #isWatching = false;
  /** The revision of the last change that was reported. */
  #seen = 0;
  /** The revision that must have been reported by now. */
  #expected = 0;
  readonly #comparing: ReturnType<typeof setInterval>;
  #losses = 0;
  #unconfirmed = 0;
  #isConfirming = false;
  #isClosed = false;
  /** Changes of the table that are not done. */
  readonly #pending = new Set<Promise<unknown>>();

  /** Creates the bus of the server with the id `self`. `kv` is what {@linkcode NatsBus.openTable} returns. */
  constructor(connection: NatsConnection, kv: KV, network: string, self: string) {
    this.#connection = connection;
    this.#kv = kv;
    this.#bucket = bucketOf(network);
    this.#js = jetstream(connection);
    this.#prefix = `netlab.${nameInNats(network)}`;
    this.#self = self;
    this.#id = new TextEncoder().encode(self);
    this.#comparing = setInterval(() => void this.#compare(), COMPARE_MS);
  }

  /** Opens the bucket of a network, and creates it if there is none. */
  static async openTable(
    connection: NatsConnection,
    network: string,
    { replicas, storage }: StorageOptions,
  ): Promise<KV> {
    const kvm = new Kvm(jetstream(connection, { timeout: TABLE_MS }));
    return await kvm.create(bucketOf(network), {
      history: 1,
      // Reads come from the server that also compares revisions.
      allow_direct: false,
      replicas,
      storage: storageOf(storage),
    });
  }

  /**
   * Begins to report events. When this returns, all entries of the table have been reported, unless the table cannot
   * be read now: then they are reported later.
   */
  async start(host: NatsHost): Promise<void> {
    this.#host = host;
    const { network } = host;
    const on = (subject: string, handle: (msg: Msg) => void) => {
      const callback = (error: Error | null, msg: Msg) => {
        if (!error && !this.#isClosed) this.#enter(() => handle(msg));
      };
      this.#subscriptions.push(this.#connection.subscribe(subject, { callback }));
    };
    const prefix = this.#prefix;
    on(`${prefix}.to.${this.#self}`, ({ data }) => {
      const from = new TextDecoder().decode(data.subarray(0, ID_BYTES));
      network.frames(from, data.slice(ID_BYTES));
    });
    on(`${prefix}.alive`, (msg) => {
      const [from = "", losses] = msg.string().split(" ");
      network.beat(from, Number(losses) || 0);
    });
    on(`${prefix}.left`, (msg) => network.left(msg.string()));
    await this.#watch().catch(() => {});
  }

  /** Handles the loss of the connection to NATS. */
  lost(): void {
    this.#losses++;
    if (!this.#isClosed) this.#enter(({ network }) => network.lost());
  }

  /** Reports all entries of the table again: changes may have been missed. */
  resume(): void {
    this.#watching?.stop();
    this.#isWatching = false;
    // If it cannot be read now, the next comparison tries again.
    this.#watch().catch(() => {});
  }

  async #watch(): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    const { values } = await this.#kv.status();
    const watch = this.#watching = await this.#kv.watch();
    this.#isWatching = true;
    if (values === 0) loaded.resolve();
    void (async () => {
      for await (const entry of watch) {
        if (this.#isClosed) break;
        this.#seen = Math.max(this.#seen, entry.revision);
        this.#enter(({ network }) => network.changed(entry.key, entryOf(entry)));
        if (entry.isUpdate) loaded.resolve();
      }
      loaded.resolve();
    })();
    await loaded.promise;
  }

  /** Compares the table with what was reported: when NATS servers fail, a watch may end without a word. */
  async #compare(): Promise<void> {
    if (!isConnected(this.#connection)) return;
    try {
      const { streamInfo: { state: { last_seq } } } = await this.#kv.status();
      if (!this.#isWatching || this.#seen < this.#expected) this.resume();
      this.#expected = last_seq;
    } catch {
      // The table cannot be reached.
    }
  }

  /**
   * Sends whole frames to a server, by its id.
   *
   * @returns Whether more may be sent.
   */
  send(server: string, frames: Uint8Array): boolean {
    const payload = new Uint8Array(ID_BYTES + frames.length);
    payload.set(this.#id);
    payload.set(frames, ID_BYTES);
    this.#publish(`${this.#prefix}.to.${server}`, payload);
    this.#unconfirmed += payload.length;
    if (this.#unconfirmed < UNCONFIRMED_BYTES) return true;
    this.#confirm();
    return false;
  }

  /** Tells all servers that this one is alive. */
  beat(): void {
    this.#publish(`${this.#prefix}.alive`, `${this.#self} ${this.#losses}`);
  }

  /** Tells all servers that this one leaves. */
  leave(): void {
    this.#publish(`${this.#prefix}.left`, this.#id);
  }

  /** Changes an entry if it has this revision: 0 for none, -1 for any. */
  write(
    key: string,
    value: Uint8Array | undefined,
    revision: number,
    done: (written: Written) => void,
  ): void {
    const subject = `$KV.${this.#bucket}.${key}`;
    // The client for the store does not tell the revision of a deleted entry.
    const change = () =>
      this.#js.publish(subject, value, {
        timeout: TABLE_MS,
        ...revision >= 0 && { expect: { lastSubjectSequence: revision } },
        ...value === undefined && { headers: deleted() },
      });
    this.#ask(change, (result) => {
      if (!(result instanceof Error)) done({ revision: result.seq });
      else done(isWrongRevision(result) ? "conflict" : "failed");
    });
  }

  /** Reads an entry. `undefined` means that the table cannot be reached. */
  read(key: string, done: (entry: Entry | undefined) => void): void {
    this.#ask(() => this.#kv.get(key), (result) => {
      if (result instanceof Error) done(undefined);
      else done(result ? entryOf(result) : { value: undefined, revision: 0 });
    });
  }

  /** Waits for changes of the table, for so many milliseconds at most, and reports nothing more. */
  async close(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([Promise.allSettled([...this.#pending]), promise]);
    clearTimeout(timer);
    this.#isClosed = true;
    clearInterval(this.#comparing);
    this.#watching?.stop();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Lets something happen in the server. */
  #enter(run: (host: NatsHost) => void): void {
    const host = this.#host;
    host?.enter(() => run(host));
  }

  #publish(subject: string, payload: Uint8Array | string): void {
    // What would be sent after a while is of no use: heartbeats would be too old, and frames are sent again.
    if (this.#isClosed || !isConnected(this.#connection)) return;
    this.#connection.publish(subject, payload);
  }

  /** Waits until NATS has taken what was sent. */
  #confirm(): void {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    const done = () => {
      this.#isConfirming = false;
      this.#unconfirmed = 0;
      if (!this.#isClosed) this.#enter(({ network }) => network.ready());
    };
    this.#connection.flush().then(done, done);
  }

  #ask<T>(ask: () => Promise<T>, done: (result: T | Error) => void): void {
    const later = (result: T | Error) => {
      if (!this.#isClosed) this.#enter(() => done(result));
    };
    const asked =
      (isConnected(this.#connection) ? ask() : Promise.reject(new Error("not connected")))
        .then(later, (error) => later(error instanceof Error ? error : new Error(String(error))))
        .finally(() => this.#pending.delete(asked));
    this.#pending.add(asked);
  }
}

/** Returns how JetStream calls a kind of storage. */
export function storageOf(storage: StorageOptions["storage"]): StorageType {
  return storage === "file" ? StorageType.File : StorageType.Memory;
}

/** Returns whether a connection works now. */
export function isConnected(connection: NatsConnection): boolean {
  return states.get(connection)?.isConnected ?? !connection.isClosed();
}

const states = new WeakMap<NatsConnection, { isConnected: boolean }>();

/** Follows whether a connection works. */
export function follow(connection: NatsConnection, changed: (isConnected: boolean) => void): void {
  const state = { isConnected: true };
  states.set(connection, state);
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type !== "disconnect" && type !== "reconnect") continue;
      state.isConnected = type === "reconnect";
      changed(state.isConnected);
    }
  })();
}

/** Marks an entry as deleted. */
function deleted(): MsgHdrs {
  const marks = headers();
  marks.set("KV-Operation", "DEL");
  return marks;
}

/** The name of the bucket of a network. */
function bucketOf(network: string): string {
  return `netlab_${nameInNats(network)}`;
}

/** Returns the name of a network as NATS takes it in subjects and the names of streams: dots separate parts there. */
export function nameInNats(network: string): string {
  return network.replaceAll("_", "__").replaceAll(".", "_d");
}

function entryOf({ operation, value, revision }: KvEntry): Entry {
  return { value: operation === "PUT" ? value : undefined, revision };
}

/** Returns whether NATS refused a change because the entry has another revision. */
function isWrongRevision(error: Error): boolean {
  return "code" in error && error.code === 10071;
}
