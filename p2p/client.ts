/**
 * The messaging client as a program uses it, and the program that runs one. Owns the order of starting and
 * closing; the parts do the rest. `client/parts.ts` creates them.
 *
 * @module
 */
import {
  ErrorCode,
  formatAddress,
  type Message,
  NetlabError,
  normalizeName,
  parseAddress,
} from "@netlab/protocol/codec";
import { askServers, askUsers } from "./client/ask.ts";
import type { HomeNetwork } from "./client/home_network.ts";
import type { P2pClientOptions, SendOptions } from "./client/options.ts";
import type { OwnToken } from "./client/own_token.ts";
import { StatusConnection } from "./client/status_connection.ts";
import type { DeliveryStatus, Outbox, Sent } from "./client/outbox.ts";
import type { Dialler } from "./client/connection/dialler.ts";
import { createParts } from "./client/parts.ts";
import type { Roaming } from "./client/roaming/roaming.ts";
import type { ClientSession } from "./core/session/client_session.ts";
import type { Inbox } from "./core/session/inbox.ts";
import type { PublishQueue } from "./core/session/publish_queue.ts";

export type { Message } from "@netlab/protocol/codec";
export type { P2pClientOptions, SendOptions } from "./client/options.ts";
export type { DeliveryStatus, Notice, Sent } from "./client/outbox.ts";
export type { ClientStatus } from "./client/roaming/roaming.ts";
export { randomUuid } from "./client/random_uuid.ts";
export { HomeNetwork } from "./client/home_network.ts";
export { isTokenError, OwnToken, readClaims } from "./client/own_token.ts";
export type { Dial } from "./client/connection/dialler.ts";
export type { TokenClaims, TokenSource } from "./client/own_token.ts";
export * from "./client/network_watch.ts";
export * from "./client/status_connection.ts";
export { StatusQueries, type StatusQueriesHost } from "./core/session/status_queries.ts";

/** How often the client looks whether its server is alive: milliseconds. */
const TICK_MS = 250;
/** How often it checks the deadlines of messages: once in so many ticks, which is once a second. */
const TICKS_PER_CHECK = 4;
/** How long {@linkcode P2pClient.close} waits for receipts: milliseconds. */
const LAST_RECEIPTS_MS = 1_000;

/**
 * A user of the network. When the client loses its server, it sends the messages that have no receipt yet
 * again through the next server, under the same ids, so that recipients see each of them once.
 *
 * @example
 * ```ts
 * import { P2pClient } from "@netlab/p2p/client";
 * import { P2pServer } from "@netlab/p2p/server";
 *
 * await using server = await P2pServer.listen();
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
 * await alice.send("Alice", "A note to myself");
 * for await (const message of alice) {
 *   await alice.send(message.sender, `You wrote: ${message.text}`);
 *   alice.take(message); // asking for the next message would take it, too
 *   break;
 * }
 * ```
 */
export class P2pClient implements AsyncDisposable, AsyncIterable<Message> {
  /** The user's name, in Unicode NFC. */
  readonly name: string;
  readonly #options: P2pClientOptions;
  readonly #session: ClientSession;
  readonly #outbox: Outbox;
  readonly #publishQueue: PublishQueue;
  readonly #inbox: Inbox;
  readonly #network: HomeNetwork;
  readonly #token: OwnToken;
  readonly #roaming: Roaming;
  readonly #dialler: Dialler;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  #closing: Promise<void> | undefined;
  #closed: NetlabError | undefined;

  /** For subclasses, which then call {@linkcode P2pClient.start}. Others use {@linkcode P2pClient.connect}. */
  protected constructor(options: P2pClientOptions) {
    this.#options = options;
    const parts = createParts(options, (reason) => {
      this.#closing ??= this.#close(reason, reason);
    });
    this.name = parts.name;
    this.#session = parts.session;
    this.#outbox = parts.outbox;
    this.#publishQueue = parts.publishQueue;
    this.#inbox = parts.inbox;
    this.#network = parts.network;
    this.#token = parts.token;
    this.#roaming = parts.roaming;
    this.#dialler = parts.dialler;
  }

  /**
   * Registers a user at the first server that answers.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.NameTaken} when another session has the name,
   *   {@linkcode ErrorCode.NameInvalid} when it cannot be used as a name,
   *   {@linkcode ErrorCode.NameProtected} when it is protected by another secret,
   *   {@linkcode ErrorCode.ConnectionLost} when no server can be reached, {@linkcode ErrorCode.TlsFailed} when
   *   the file in {@linkcode P2pClientOptions.tlsCa} or the certificate of a server cannot be used, one of the
   *   codes of tokens ({@linkcode ErrorCode.TokenRequired} and others) when the network has keys and the token is
   *   not accepted.
   * @throws {TypeError} When an address is not `host:port`, or when `network` is not a name of one.
   * @throws {unknown} The reason of {@linkcode P2pClientOptions.signal}, when it aborts before the user is
   *   registered.
   */
  static async connect(options: P2pClientOptions): Promise<P2pClient> {
    const client = new P2pClient(options);
    await client.start();
    return client;
  }

  /** Registers at the first server that can be reached. Throws the errors of {@linkcode P2pClient.connect}. */
  protected async start(): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    try {
      this.#network.found(await this.#token.network(this.#network.id));
      await this.#dialler.load();
      await this.#roaming.start(signal);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /**
   * Protects the name with another secret than {@linkcode P2pClientOptions.secret}, or with none any more. All
   * servers learn it.
   *
   * @param secret The new secret; `undefined` to drop the protection.
   * @throws {TypeError} When the client has no secret, or when the new one is empty.
   * @throws {NetlabError} {@linkcode ErrorCode.NameProtected} when the client's secret is not the one that protects
   *   the name, {@linkcode ErrorCode.ConnectionLost} when the server is lost before it has answered,
   *   {@linkcode ErrorCode.Unsupported} when it cannot protect names.
   */
  async changeSecret(secret: string | undefined): Promise<void> {
    const before = await this.#roaming.secret;
    if (!before) {
      throw new TypeError("Cannot change the secret: the client was started without one");
    }
    const { NameSecret } = await import("./client/name_secret.ts");
    const next = secret === undefined ? undefined : await NameSecret.of(this.name, secret);
    await this.#roaming.protect(before.replace(Date.now(), next));
    this.#roaming.secret = Promise.resolve(next);
  }

  /** The address of the server at which the user is registered; `undefined` while there is none. */
  get server(): string | undefined {
    return this.#roaming.server;
  }

  /** The network of the user, and which servers belong to it. */
  protected get network(): HomeNetwork {
    return this.#network;
  }

  /** When the last bytes from the server arrived: milliseconds of `performance.now()`. */
  protected get heardAt(): number | undefined {
    return this.#roaming.heardAt;
  }

  /** The addresses of all servers that the client knows. */
  get knownServers(): string[] {
    return this.#roaming.knownServers;
  }

  /**
   * Sends a durable message to a user on any server. If the user is away, the message is stored until they
   * return. Many messages can be in flight at once. Messages to one recipient arrive in order.
   *
   * A message waits while the client looks for a server, or while others are before it on a slow link. What was
   * not sent yet is in memory. To send more than a few thousand messages without waiting for each, await
   * {@linkcode P2pClient.ready} between them.
   *
   * @param options With the id of an earlier attempt, a message that this client or an earlier one of this user could
   *   not confirm is sent again, and its recipient sees it once.
   * @returns Resolves when the server has accepted the message: it is stored and will be delivered. If the
   *   server's storage is full and the recipient is connected, it resolves when the recipient's client has
   *   acknowledged the message, and {@linkcode Sent.notice} says so.
   *   {@linkcode Sent.delivered} tells when it has been delivered. A legacy server sends no receipts; with
   *   one, both resolve as soon as the message was written.
   * @throws {NetlabError} {@linkcode ErrorCode.MailboxFull} when too many messages wait for the recipient,
   *   {@linkcode ErrorCode.StorageFull}, {@linkcode ErrorCode.TooManyRecipients},
   *   {@linkcode ErrorCode.TooManyUnknownNames} or {@linkcode ErrorCode.ShareUsedUp} when the server stores as
   *   much as it may in all or for this sender, and the recipient is away,
   *   {@linkcode ErrorCode.NotStored} when the message may have arrived: it was passed on without being stored and
   *   nobody has confirmed it, or it was refused after the connection on which it was first sent was lost,
   *   {@linkcode ErrorCode.StorageFailed} when the server cannot store the message,
   *   {@linkcode ErrorCode.TextTooLong} when it does not fit into a frame,
   *   {@linkcode ErrorCode.TimedOut} when the server did not accept it in time, or when this program has 16,384
   *   messages that it does not read, behind which the receipt waits,
   *   {@linkcode ErrorCode.NameInvalid} when the recipient is not a valid name,
   *   {@linkcode ErrorCode.Closed} when the client was closed.
   */
  send(recipient: string, text: string, options?: SendOptions): Promise<Sent> {
    if (this.#closed) return Promise.reject(this.#closed);
    const sent = this.#outbox.send(normalizeName(recipient), text, options?.id);
    this.#inbox.look();
    return sent;
  }

  /**
   * Waits for the outcome of a message that a server accepted from an earlier client of this user, as
   * {@linkcode Sent.delivered} does.
   *
   * @param id The id of the message: a UUID.
   * @throws {TypeError} When the id is no UUID, or one of a message that is on its way.
   * @throws {NetlabError} The errors of {@linkcode Sent.delivered}.
   */
  follow(recipient: string, id: string): Promise<DeliveryStatus> {
    if (this.#closed) return Promise.reject(this.#closed);
    return this.#outbox.follow(normalizeName(recipient), id);
  }

  /**
   * Resolves when there is room for the next {@linkcode P2pClient.send}: usually at once, later when 4,096
   * messages or 2 MiB are not accepted or 256 KiB wait to leave, or while there is no server. It also resolves
   * when the client closes.
   *
   * @example To send many messages with little memory
   * ```ts ignore
   * for await (const line of lines) {
   *   await client.ready();
   *   client.send("Bob", line).catch(report); // does not wait until it is stored
   * }
   * ```
   */
  ready(): Promise<void> {
    return this.#outbox.ready();
  }

  /**
   * Posts an ephemeral message to a user. It is not stored and has no receipt: a recipient who is away does
   * not get it. Use this for data that is soon out of date (positions, prices, typing indicators), at the
   * highest throughput. Messages posted in one turn of the event loop are sent together.
   *
   * Messages posted to one recipient arrive in order, but a message sent with {@linkcode P2pClient.send} may
   * overtake them. Messages that were just posted can be lost when a server fails or a route changes.
   *
   * @returns Resolves when there is room for the next message: usually at once, later when 256 KiB wait to be
   *   sent, or while there is no server. Await it when you post a lot; when 1 MiB waits, messages are refused.
   * @throws {NetlabError} {@linkcode ErrorCode.TextTooLong} when the message does not fit into a frame,
   *   {@linkcode ErrorCode.NameInvalid} when the recipient is not a valid name,
   *   {@linkcode ErrorCode.TooSlow} when 1 MiB waits to be sent, {@linkcode ErrorCode.Closed} when the client
   *   was closed. An uncaught rejection of this promise is not reported.
   */
  post(recipient: string, text: string): Promise<void> {
    return this.#publishQueue.post(normalizeName(recipient), text);
  }

  /** The names of all users who can receive messages. Throws the errors of {@linkcode P2pClient.servers}. */
  users(): Promise<string[]> {
    const { ended } = this.#roaming;
    return askUsers(this.#serverToAsk(), this.#network, ended, this.#token, this.#dialler);
  }

  /**
   * The addresses of the servers that the client's server knows, including its own.
   *
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when the server cannot be reached,
   *   {@linkcode ErrorCode.TimedOut} when it does not answer within three seconds,
   *   {@linkcode ErrorCode.OtherNetwork} when it belongs to another network, {@linkcode ErrorCode.Closed} when
   *   the client is closed.
   */
  servers(): Promise<string[]> {
    const { ended } = this.#roaming;
    return askServers(this.#serverToAsk(), this.#network, ended, this.#token, this.#dialler);
  }

  /**
   * Opens a connection on which the client's server, and others through it, tell their status, events and users. The
   * caller closes it.
   *
   * @throws {NetlabError} The errors of {@linkcode StatusConnection.open}.
   */
  watch(): Promise<StatusConnection> {
    const { tlsCa, dial } = this.#options;
    return StatusConnection.open(this.#serverToAsk(), {
      network: this.#network,
      token: this.#token,
      signal: this.#roaming.ended,
      ...tlsCa !== undefined && { tlsCa },
      ...dial && { dial },
    });
  }

  /**
   * Moves to another server: registers there, signs off at the current server, and reads what is still
   * arriving from it. No message is lost or seen twice.
   *
   * @throws {TypeError} When `server` is not `host:port`.
   * @throws {NetlabError} When it cannot register at the other server; it then stays at the current one.
   *   {@linkcode ErrorCode.OtherNetwork} when that belongs to another network,
   *   {@linkcode ErrorCode.Closed} when the client was closed.
   */
  async moveTo(server: string): Promise<void> {
    const address = formatAddress(parseAddress(server));
    this.#network.give(address);
    await this.#roaming.moveTo(address);
  }

  /**
   * The messages to this user, in the order in which they arrived, each once.
   *
   * A message counts as taken when the program asks for the next one, or calls {@linkcode P2pClient.take}. The
   * client acknowledges it within milliseconds, and the sender's {@linkcode Sent.delivered} resolves. Durable
   * messages that were not taken when the client closes or the process ends are delivered to the next client of
   * that name.
   *
   * Leaving a loop does not take its message, neither by an exception nor by `break` or `return`, because a loop
   * does not tell why it is left. Call {@linkcode P2pClient.take} before `break`.
   *
   * With several loops, each message goes to one of them, and each loop takes its own messages. A program that
   * reads ahead, as `ReadableStream.from` does, takes messages before it has worked on them.
   *
   * @example
   * ```ts ignore
   * for await (const message of client) {
   *   await save(message); // if this throws, or the process is killed, the network keeps the message
   *   if (message.text === "end") {
   *     client.take(message);
   *     break;
   *   }
   * }
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return this.#inbox.reader();
  }

  /**
   * Takes a message: tells the network that it needs no other copy. Asking for the next message does the same, so
   * this is for the last message before a loop is left, and for programs that work on several messages at once.
   * It has no effect on an ephemeral message, on one that was taken before, and when the client is closed.
   */
  take(message: Message): void {
    this.#inbox.take(message);
  }

  /**
   * Closes the client: waits up to a second for missing receipts, signs off, and closes the connection. Loops
   * over its messages end. Durable messages that were not taken are delivered to the next client of that name.
   * If you close the client inside a loop, the current message is not taken unless you take it first. Further calls have no effect.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close(
      new NetlabError(ErrorCode.Closed, "Cannot go on: the client was closed"),
    );
    return this.#closing;
  }

  /** Calls {@linkcode P2pClient.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * @param reason The error of later calls.
   * @param failure Why the client ended, unless the program closed it.
   */
  async #close(reason: NetlabError, failure?: NetlabError): Promise<void> {
    if (this.server !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, LAST_RECEIPTS_MS);
      this.#session.whenAllAccepted(resolve);
      await promise;
      clearTimeout(timer);
    }
    this.#publishQueue.flush();
    this.#publishQueue.end(reason);
    this.#closed = reason;
    clearInterval(this.#timer);
    await this.#inbox.close();
    await this.#roaming.close(reason);
    this.#session.end(reason);
    this.#inbox.end(failure);
    this.#options.onStatus?.({ state: "closed", ...failure && { error: failure } });
  }

  #serverToAsk(): string {
    return this.#roaming.serverToAsk;
  }

  #tick(): void {
    const now = performance.now();
    if (++this.#ticks % TICKS_PER_CHECK === 0) this.#session.tick(now);
    this.#inbox.look();
    this.#roaming.tick(now);
  }
}

if (import.meta.main) {
  // A program that imports the client as a library does not load the terminal.
  const { runClientProgram } = await import("./terminal/client_program.ts");
  const { default: config } = await import("./deno.json", { with: { type: "json" } });
  await runClientProgram({
    name: "netlab p2p client",
    task: "p2p:client",
    summary: "Sends messages to the users of all servers, and shows the messages that you receive.",
    version: config.version,
    connect: (options) => P2pClient.connect(options),
  });
}
