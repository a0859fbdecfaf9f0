/**
 * The messaging client: a user who stays connected, to one server or another. Owns which server that
 * is, coming back after a loss, and moving; what came waits in the inbox, and the program that reads lines from a person runs it too.
 *
 * @module
 */
import {
  checkName,
  DEFAULT_HOST,
  DEFAULT_PORTS,
  ErrorCode,
  type Message,
  NetlabError,
  parseAddress,
} from "@netlab/protocol";
import { askServers, askUsers } from "./ask.ts";
import { Attachment, type AttachmentEvents } from "./attachment.ts";
import { ClientSession } from "./core/client_session.ts";
import { MessageIds } from "./core/counted_ids.ts";
import { backoffMs } from "./core/discovery.ts";
import { Inbox } from "./inbox.ts";

export type { Message } from "@netlab/protocol";

/** Where a client stands. */
export type ClientStatus =
  /** It is registered at a server; `firstGeneration` says that this one sends no receipts. */
  | { state: "connected"; server: string; firstGeneration: boolean }
  /** It has lost its server, and looks for one. */
  | { state: "reconnecting"; reason: string }
  /** It is at its end: closed, or given up because of an error. */
  | { state: "closed"; error?: NetlabError };

/** A message that the network has safe. */
export interface Sent {
  /** The message's id, a UUID. */
  id: string;
  /**
   * Resolves when the recipient's client has taken the message. Rejects with a
   * {@linkcode NetlabError} when that will not come to pass: {@linkcode ErrorCode.TimedOut} when it
   * waited for seven days, {@linkcode ErrorCode.Closed} when this client was closed before it was known.
   * Nobody has to wait for it.
   */
  delivered: Promise<void>;
}

/** Who a {@linkcode P2pClient} is, and where it looks for a server. */
export interface P2pClientOptions {
  /** The user's name: 1 to 255 bytes of UTF-8, no control characters, no space at its ends. */
  name: string;
  /**
   * Addresses of servers, `host:port` each, tried in this order. Once connected, the client also knows
   * those that its server knows.
   *
   * @default {the five default ports on 127.0.0.1}
   */
  servers?: readonly string[];
  /**
   * How long {@linkcode P2pClient.send} waits for a server to say that it has a message safe:
   * milliseconds.
   *
   * @default {30000}
   */
  sendTimeoutMs?: number;
  /** Puts servers in the order in which they are to be tried, at the start and after every loss. */
  rank?: (servers: string[]) => Promise<string[]>;
  /** Hears of every change of {@linkcode ClientStatus}. */
  onStatus?: (status: ClientStatus) => void;
}

/** How often the client looks whether something is due: milliseconds. */
const TICK_MS = 1_000;
/** How often the server is asked for the servers it knows; that keeps the session alive too. */
const ASK_EVERY_MS = 15_000;
/** A server that does not answer for this long is dead: milliseconds. */
const SILENT_MS = 5_000;
/** The longest wait between two rounds of trying all servers, in doublings of 250 ms. */
const MAX_DOUBLINGS = 4;
/** How long {@linkcode P2pClient.close} waits for receipts: milliseconds. */
const LAST_RECEIPTS_MS = 1_000;

/**
 * A user of the network. Messages that have no receipt when a server is lost are sent again, under the
 * same id, through the next one; recipients see them once.
 *
 * @example
 * ```ts
 * import { P2pClient } from "@netlab/p2p/client";
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using server = await P2pServer.listen();
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
 * await alice.send("Alice", "A note to myself");
 * for await (const { sender, text } of alice) {
 *   await alice.send(sender, `You wrote: ${text}`);
 *   break;
 * }
 * ```
 */
export class P2pClient implements AsyncDisposable, AsyncIterable<Message> {
  /** The user's name. */
  readonly name: string;
  readonly #options: P2pClientOptions;
  readonly #sessionKey: string = crypto.randomUUID();
  readonly #session: ClientSession;
  readonly #ids = new MessageIds((bytes) => crypto.getRandomValues(bytes));
  readonly #inbox: Inbox;
  readonly #configured: readonly string[];
  readonly #learned = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #attachment: Attachment | undefined;
  #reconnecting: Promise<void> | undefined;
  #switching: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #askedAt = 0;
  #closing: Promise<void> | undefined;

  /** Use {@linkcode P2pClient.connect}; a client that is built on this one calls {@linkcode P2pClient.start}. */
  protected constructor(options: P2pClientOptions) {
    this.name = checkName(options.name);
    this.#options = options;
    this.#configured = options.servers ?? DEFAULT_PORTS.map((port) => `${DEFAULT_HOST}:${port}`);
    for (const server of this.#configured) parseAddress(server);
    this.#session = new ClientSession((message) => this.#inbox.receive(message), performance.now());
    this.#inbox = new Inbox(this.#session, (much) => this.#attachment?.hold(much));
  }

  /**
   * Registers a user at the first server that can be reached.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} when somebody else has the name,
   *   {@linkcode ErrorCode.NameInvalid} when it is none, {@linkcode ErrorCode.ConnectionLost} when no
   *   server can be reached.
   * @throws {TypeError} When an address is not `host:port`.
   */
  static async connect(options: P2pClientOptions): Promise<P2pClient> {
    const client = new P2pClient(options);
    await client.start();
    return client;
  }

  /** Registers at the first server that can be reached. Errors as {@linkcode P2pClient.connect} has them. */
  protected async start(): Promise<void> {
    try {
      await this.#attachToAny(undefined);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** The address of the server that the user is registered at; `undefined` while there is none. */
  get server(): string | undefined {
    return this.#attachment?.address;
  }

  /** When the server was heard last: milliseconds of `performance.now()`. */
  protected get heardAt(): number | undefined {
    return this.#attachment?.heardAt;
  }

  /** The addresses of all servers that the client knows. */
  get knownServers(): string[] {
    return [...new Set([...this.#configured, ...this.#learned])];
  }

  /**
   * Sends a message to the user of that name, on whichever server they are, now or when they come.
   * Many may be under way at one time; those to one recipient arrive in order.
   *
   * @returns When the server has the message safe: it will be delivered once the recipient is there.
   *   {@linkcode Sent.delivered} tells when. A first-generation server tells nothing: there, both come
   *   as soon as it was written.
   * @throws {NetlabError} {@linkcode ErrorCode.MailboxFull} when too many messages wait for the
   *   recipient, {@linkcode ErrorCode.StorageFailed} when the server cannot write it down,
   *   {@linkcode ErrorCode.TextTooLong} when it does not fit into a frame,
   *   {@linkcode ErrorCode.TimedOut} when no server confirmed it in time,
   *   {@linkcode ErrorCode.NameInvalid} for a name that is none, {@linkcode ErrorCode.Closed} when the
   *   client was closed.
   */
  send(recipient: string, text: string): Promise<Sent> {
    if (this.#end.signal.aborted) return Promise.reject(this.#end.signal.reason);
    const id = this.#ids.next();
    const message = { id, sender: this.name, recipient, text };
    const deadline = performance.now() + (this.#options.sendTimeoutMs ?? 30_000);
    const safe = Promise.withResolvers<Sent>();
    const delivered = Promise.withResolvers<void>();
    // Whoever does not wait for the end of the story is not to stumble over it.
    delivered.promise.catch(() => {});
    this.#session.send(message, deadline, {
      accepted: (error) =>
        error ? safe.reject(error) : safe.resolve({ id, delivered: delivered.promise }),
      ended: (error) => error ? delivered.reject(error) : delivered.resolve(),
    });
    return safe.promise;
  }

  /** The names of all users that can be written to. Errors as {@linkcode askUsers} has them. */
  users(): Promise<string[]> {
    return askUsers(this.#attachedTo());
  }

  /** The addresses of the servers that the client's server knows, itself among them. */
  servers(): Promise<string[]> {
    return askServers(this.#attachedTo());
  }

  /**
   * Moves to another server: signs on there before it signs off here, and reads what is still under
   * way. Nothing is lost or seen twice.
   *
   * @throws {NetlabError} When it cannot register there; it stays where it is then.
   */
  async moveTo(server: string): Promise<void> {
    if (this.#attachment?.address === server) return;
    const opening = this.#open(server);
    // The old connection may end first when both addresses are one server's.
    this.#switching = opening.then(() => {}, () => {});
    const next = await opening;
    const before = this.#attachment;
    this.#attach(next);
    if (before) this.#leave(before, true);
  }

  /** Messages to this user, in the order in which they came, each once. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: () => this.#inbox.next(),
      return: () => Promise.resolve({ value: undefined, done: true }),
    };
  }

  /**
   * Leaves: waits up to a second for receipts that are missing, signs off, and closes. Whoever reads
   * messages comes to the end; those that were not read are kept for the next client of that name, but
   * for those of senders who asked for no receipts. Closing twice does nothing.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close(
      new NetlabError(ErrorCode.Closed, "Cannot go on: the client was closed"),
    );
    return this.#closing;
  }

  /** The same as {@linkcode P2pClient.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(reason: NetlabError, told?: NetlabError): Promise<void> {
    if (this.#attachment) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, LAST_RECEIPTS_MS);
      this.#session.whenSettled(resolve);
      await promise;
      clearTimeout(timer);
    }
    this.#end.abort(reason);
    clearInterval(this.#timer);
    this.#inbox.close();
    const attachment = this.#attachment;
    this.#attachment = undefined;
    if (attachment) this.#leave(attachment);
    await this.#reconnecting;
    await Promise.all(this.#leaving);
    this.#session.end(reason);
    this.#inbox.end(told);
    this.#options.onStatus?.({ state: "closed", ...told && { error: told } });
  }

  #attachedTo(): string {
    return this.#attachment?.address ?? this.knownServers[0]!;
  }

  async #open(server: string): Promise<Attachment> {
    const events: AttachmentEvents = {
      frame: (frame, from) => this.#session.received(frame, from),
      text: (text, from) => this.#session.receive(bareMessage(text, from, this.name), false),
      servers: (addresses) => {
        for (const address of addresses) this.#learned.add(address);
      },
      asked: (servers, from) => {
        if (from === this.#attachment) void this.#moveAway(servers);
      },
      drained: (from) => {
        if (from === this.#attachment) this.#session.pump();
      },
    };
    return await Attachment.open(server, { name: this.name, session: this.#sessionKey }, events);
  }

  #attach(attachment: Attachment): void {
    this.#attachment = attachment;
    if (this.#inbox.pressed) attachment.hold(true);
    this.#askedAt = performance.now();
    attachment.askServers();
    this.#session.attach(attachment);
    this.#options.onStatus?.({
      state: "connected",
      server: attachment.address,
      firstGeneration: attachment.firstGeneration,
    });
    void attachment.ended.then(async (reason) => {
      await this.#switching;
      if (attachment === this.#attachment) this.#lost(attachment, reason!);
    });
  }

  /** Moves to one of these servers: to any, so that the users of one do not all move to another. */
  async #moveAway(servers: string[]): Promise<void> {
    const order = servers.map((server) => ({ server, at: Math.random() }));
    for (const { server } of order.sort((a, b) => a.at - b.at)) {
      try {
        return await this.moveTo(server);
      } catch {
        // Another one may take the user; if none does, the end of the connection starts a search.
      }
    }
  }

  #leave(attachment: Attachment, moves = false): void {
    const leaving = attachment.leave(this.name, moves).finally(() => {
      this.#session.detach(attachment);
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  /** The server has gone: the client looks for one until it finds one or is closed. */
  #lost(attachment: Attachment, reason: NetlabError): void {
    this.#attachment = undefined;
    this.#session.detach(attachment);
    if (isFinal(reason)) {
      this.#closing ??= this.#close(reason, reason);
      return;
    }
    this.#options.onStatus?.({ state: "reconnecting", reason: reason.message });
    this.#reconnecting = this.#reconnect(attachment.address).finally(() =>
      this.#reconnecting = undefined
    );
  }

  async #reconnect(lost: string): Promise<void> {
    for (let round = 0; !this.#end.signal.aborted; round++) {
      try {
        return await this.#attachToAny(round === 0 ? lost : undefined);
      } catch (error) {
        if (error instanceof NetlabError && isFinal(error)) {
          this.#closing ??= this.#close(error, error);
          return;
        }
      }
      await this.#pause(backoffMs(Math.min(round, MAX_DOUBLINGS), Math.random()));
    }
  }

  /** Tries all servers; the one that was just lost is tried last. */
  async #attachToAny(lost: string | undefined): Promise<void> {
    const failures: Error[] = [];
    for (const server of await this.#candidates(lost)) {
      if (this.#end.signal.aborted) return;
      try {
        const attachment = await this.#open(server);
        if (this.#end.signal.aborted || this.#attachment) return this.#leave(attachment, true);
        return this.#attach(attachment);
      } catch (error) {
        if (!(error instanceof NetlabError) || isFinal(error)) throw error;
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    throw new NetlabError(
      ErrorCode.ConnectionLost,
      `Cannot reach any server: tried ${this.knownServers.join(", ")}; start one first`,
      { cause: new AggregateError(failures), fatal: true },
    );
  }

  /** As given at the start; after a loss in random order, so that a server's users do not all move to one. */
  async #candidates(lost: string | undefined): Promise<string[]> {
    const servers = this.knownServers;
    if (this.#options.rank) return await this.#options.rank(servers);
    if (this.#timer === undefined) return servers;
    const order = servers.map((server) => ({ server, at: server === lost ? 1 : Math.random() }));
    return order.sort((a, b) => a.at - b.at).map(({ server }) => server);
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#end.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  }

  #tick(): void {
    const now = performance.now();
    this.#session.tick(now);
    const attachment = this.#attachment;
    if (!attachment?.receipts) return;
    const silent = !attachment.held && attachment.heardAt < this.#askedAt;
    if (silent && now - this.#askedAt > SILENT_MS) {
      attachment.abort(
        new NetlabError(
          ErrorCode.TimedOut,
          `Cannot go on with ${attachment.address}: it is silent`,
          { fatal: true },
        ),
      );
    } else if (now - this.#askedAt >= ASK_EVERY_MS) {
      this.#askedAt = now;
      attachment.askServers();
    }
  }
}

/** A first-generation server delivers `sender: text`, and whatever one read brings is one message. */
function bareMessage(text: string, { address }: Attachment, recipient: string): Message {
  const colon = text.indexOf(": ");
  return {
    id: crypto.randomUUID(),
    sender: colon > 0 ? text.slice(0, colon) : address,
    recipient,
    text: colon > 0 ? text.slice(colon + 2) : text,
  };
}

/** Whether trying again would not help: the name is another's, or another connection took over. */
function isFinal({ code }: NetlabError): boolean {
  return code === ErrorCode.NameTaken || code === ErrorCode.NameInvalid ||
    code === ErrorCode.Replaced;
}

if (import.meta.main) {
  const { runClientProgram } = await import("./client_program.ts");
  const { default: { version } } = await import("./deno.json", { with: { type: "json" } });
  await runClientProgram({
    name: "netlab p2p client",
    task: "p2p:client",
    summary: "Writes to the users of every server, and shows what they write.",
    version,
    connect: (options) => P2pClient.connect(options),
  });
}
