/**
 * The messaging client: a user who writes and reads, wherever they are. Owns what a program asks of it,
 * and how it ends; where the user is, roaming knows, what is sent goes by the outbox, what came waits in the
 * inbox, and the program that reads lines from a person runs it too. What it consists of is loaded when
 * one starts.
 *
 * @module
 */
import type { Message } from "@netlab/protocol";
import { DEFAULT_HOST, DEFAULT_PORTS, parseAddress } from "@netlab/protocol/address";
import { ErrorCode, NetlabError } from "@netlab/protocol/errors";
import type { ClientSession, Inbox, Outbox, PublishQueue, Roaming } from "./client/client_parts.ts";
import type { Sent } from "./client/outbox.ts";
import type { ClientStatus } from "./client/roaming.ts";

export type { Message } from "@netlab/protocol";
export type { DeliveryStatus, Sent } from "./client/outbox.ts";
export type { ClientStatus } from "./client/roaming.ts";

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
   * milliseconds. The client looks at the clock once a second, so it may wait two seconds longer.
   *
   * @default {30000}
   */
  sendTimeoutMs?: number;
  /**
   * Gives up connecting when it aborts. It means nothing to a client that is connected: that one is closed with
   * {@linkcode P2pClient.close}.
   */
  signal?: AbortSignal;
  /** Puts servers in the order in which they are to be tried, at the start and after every loss. */
  rank?: (servers: string[]) => Promise<string[]>;
  /** Hears of every change of {@linkcode ClientStatus}. */
  onStatus?: (status: ClientStatus) => void;
}

/** How often the client looks whether something is due: milliseconds. */
const TICK_MS = 1_000;
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
  // These are there once it starts.
  #session!: ClientSession;
  #outbox!: Outbox;
  #posting!: PublishQueue;
  #inbox!: Inbox;
  #roaming!: Roaming;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closing: Promise<void> | undefined;
  #closed: NetlabError | undefined;

  /** Use {@linkcode P2pClient.connect}; a client that is built on this one calls {@linkcode P2pClient.start}. */
  protected constructor(options: P2pClientOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /**
   * Registers a user at the first server that can be reached.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} when somebody else has the name,
   *   {@linkcode ErrorCode.NameInvalid} when it is none, {@linkcode ErrorCode.ConnectionLost} when no
   *   server can be reached.
   * @throws {TypeError} When an address is not `host:port`.
   * @throws {unknown} The reason of {@linkcode P2pClientOptions.signal} when it aborts before that.
   */
  static async connect(options: P2pClientOptions): Promise<P2pClient> {
    const client = new P2pClient(options);
    await client.start();
    return client;
  }

  /** Registers at the first server that can be reached. Errors as {@linkcode P2pClient.connect} has them. */
  protected async start(): Promise<void> {
    const { name } = this;
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const {
      servers = DEFAULT_PORTS.map((port) => `${DEFAULT_HOST}:${port}`),
      sendTimeoutMs = 30_000,
      rank,
    } = this.#options;
    for (const server of servers) parseAddress(server);
    const { checkName, ClientSession, Inbox, MessageIds, Outbox, PublishQueue, Roaming } =
      await import(
        "./client/client_parts.ts"
      );
    checkName(name);
    const newIds = () => new MessageIds((bytes) => crypto.getRandomValues(bytes));
    this.#posting = new PublishQueue(name, newIds(), (run) => void setImmediate(run));
    this.#session = new ClientSession(
      (incoming) => this.#inbox.receive(incoming),
      this.#posting,
      performance.now(),
    );
    this.#outbox = new Outbox(name, newIds(), this.#session, sendTimeoutMs);
    this.#inbox = new Inbox(this.#session, (much) => this.#roaming.hold(much));
    this.#roaming = new Roaming({ name, servers, rank }, this.#session, {
      status: (status) => this.#options.onStatus?.(status),
      over: (reason) => {
        this.#closing ??= this.#close(reason, reason);
      },
    });
    try {
      await this.#roaming.start(signal);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** The address of the server that the user is registered at; `undefined` while there is none. */
  get server(): string | undefined {
    return this.#roaming.server;
  }

  /** When the server was heard last: milliseconds of `performance.now()`. */
  protected get heardAt(): number | undefined {
    return this.#roaming.heardAt;
  }

  /** The addresses of all servers that the client knows. */
  get knownServers(): string[] {
    return this.#roaming.knownServers;
  }

  /**
   * Sends a message to the user of that name, on whichever server they are, now or when they come.
   * Many may be under way at one time; those to one recipient arrive in order.
   *
   * @returns When the server has the message safe: it will be delivered once the recipient is there.
   *   {@linkcode Sent.delivered} tells when. A legacy server tells nothing: there, both come
   *   as soon as it was written.
   * @throws {NetlabError} {@linkcode ErrorCode.MailboxFull} when too many messages wait for the
   *   recipient, {@linkcode ErrorCode.StorageFailed} when the server cannot write it down,
   *   {@linkcode ErrorCode.TextTooLong} when it does not fit into a frame,
   *   {@linkcode ErrorCode.TimedOut} when no server confirmed it in time,
   *   {@linkcode ErrorCode.NameInvalid} for a name that is none, {@linkcode ErrorCode.Closed} when the
   *   client was closed.
   */
  send(recipient: string, text: string): Promise<Sent> {
    if (this.#closed) return Promise.reject(this.#closed);
    return this.#outbox.send(recipient, text);
  }

  /**
   * Posts a message to the user of that name. Nobody keeps it: whoever is away does not get it, and nobody is
   * told. For what is worthless a moment later (positions, prices, who is typing), and as fast as it goes:
   * what is posted in one turn of the event loop leaves together. What is posted to one recipient arrives in
   * order; what is sent to them with {@linkcode P2pClient.send} may overtake it. What was posted just before
   * a server is lost may be lost with it, or while two servers change the way between them.
   *
   * @returns When there is room for the next one: at once as a rule, later when 256 KiB wait to leave, and
   *   while there is no server. Whoever posts much waits for it; beyond 1 MiB nothing more is taken.
   * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} when it does not fit into a frame,
   *   {@linkcode ErrorCode.NameInvalid} for a name that is none, {@linkcode ErrorCode.TooSlow} when 1 MiB
   *   waits to leave, {@linkcode ErrorCode.Closed} when the client was closed. Nobody has to catch it.
   */
  post(recipient: string, text: string): Promise<void> {
    return this.#posting.post(recipient, text);
  }

  /** The names of all users that can be written to. Errors as {@linkcode P2pClient.servers} has them. */
  async users(): Promise<string[]> {
    const { askUsers } = await import("./client/ask.ts");
    return await askUsers(this.#attachedTo());
  }

  /**
   * The addresses of the servers that the client's server knows, itself among them.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
   *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds.
   */
  async servers(): Promise<string[]> {
    const { askServers } = await import("./client/ask.ts");
    return await askServers(this.#attachedTo());
  }

  /**
   * Moves to another server: signs on there before it signs off here, and reads what is still under
   * way. Nothing is lost or seen twice.
   *
   * @throws {NetlabError} When it cannot register there; it stays where it is then.
   *   {@linkcode ErrorCode.Closed} when the client was closed.
   */
  moveTo(server: string): Promise<void> {
    return this.#roaming.moveTo(server);
  }

  /**
   * Messages to this user, in the order in which they came, each once.
   *
   * A message counts as taken when the program asks for the next one, or leaves the loop. Within
   * milliseconds that is acknowledged, and the sender's {@linkcode Sent.delivered} resolves. What the program
   * was handed and has not taken when the client is closed, or when the process ends, is delivered to the next
   * client of that name, as is what it was not handed.
   *
   * `break`, `return` and an exception in the body of `for await` all leave the loop: JavaScript does not tell
   * an iterator which it was, so the message that failed counts as taken too. A program that wants it again
   * catches the exception in the body, or calls `next()` itself: once a message is dealt with, and not when it
   * failed.
   *
   * @example To take a message only once it is written down
   * ```ts ignore
   * const messages = client[Symbol.asyncIterator]();
   * for (let next = await messages.next(); !next.done; next = await messages.next()) {
   *   await writeDown(next.value); // when this throws, the message stays with the network
   * }
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#inbox.reader();
  }

  /**
   * Leaves: waits up to a second for receipts that are missing, signs off, and closes. Whoever reads
   * messages comes to the end; those that were not taken are kept for the next client of that name, but
   * for those of senders who asked for no receipts. A program that closes the client in the body of its loop
   * has not taken that message: it leaves the loop first, or gets the message again. Closing twice does
   * nothing.
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
    if (this.server !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, LAST_RECEIPTS_MS);
      this.#session.whenAllAccepted(resolve);
      await promise;
      clearTimeout(timer);
    }
    this.#posting.flush();
    this.#posting.end(reason);
    this.#closed = reason;
    clearInterval(this.#timer);
    await this.#inbox.close();
    await this.#roaming.close(reason);
    this.#session.end(reason);
    this.#inbox.end(told);
    this.#options.onStatus?.({ state: "closed", ...told && { error: told } });
  }

  #attachedTo(): string {
    return this.server ?? this.knownServers[0]!;
  }

  #tick(): void {
    const now = performance.now();
    this.#session.tick(now);
    this.#roaming.tick(now);
  }
}

if (import.meta.main) {
  const { runClientProgram } = await import("./terminal/client_program.ts");
  const { default: { version } } = await import("./deno.json", { with: { type: "json" } });
  await runClientProgram({
    name: "netlab p2p client",
    task: "p2p:client",
    summary: "Writes to the users of every server, and shows what they write.",
    version,
    connect: (options) => P2pClient.connect(options),
  });
}
