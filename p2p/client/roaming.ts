/**
 * A user's place in the network: at one server or another, for as long as the user wants to be there.
 * Owns which server that is, how one is found, coming back after a loss, and moving; what goes over the
 * connection is the session's.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { generate as generateId } from "@std/uuid/v7";
import { askServers } from "./ask.ts";
import { ServerConnection, type ServerConnectionEvents } from "./server_connection.ts";
import type { ClientSession } from "../core/session/client_session.ts";
import { backoffMs } from "../core/mesh/discovery.ts";
import { legacyMessage } from "./legacy_text.ts";

/** Where a client stands. */
export type ClientStatus =
  /** It is registered at a server; `legacy` says that this one sends no receipts. */
  | { state: "connected"; server: string; legacy: boolean }
  /** It has lost its server, and looks for one. */
  | { state: "reconnecting"; reason: string }
  /** It is at its end: closed, or given up because of an error. */
  | { state: "closed"; error?: NetlabError };

/** Who is to be where. */
export interface RoamingOptions {
  /** The user's name. */
  readonly name: string;
  /** Addresses of servers, `host:port` each, tried in this order. */
  readonly servers: readonly string[];
  /** Puts servers in the order in which they are to be tried, at the start and after every loss. */
  readonly rank: ((servers: string[]) => Promise<string[]>) | undefined;
}

/** What a client wants to hear of where it is. */
export interface RoamingEvents {
  /** It is at a server, or has lost it. */
  status(status: ClientStatus): void;
  /** No server will have this user any more, and why. */
  over(reason: NetlabError): void;
}

/** How often the server is asked for the servers it knows; that keeps the session alive too. */
const ASK_EVERY_MS = 15_000;
/** A server that does not answer for this long is dead: milliseconds. */
const SILENT_MS = 5_000;
/** The longest wait between two rounds of trying all servers, in doublings of 250 ms. */
const MAX_DOUBLINGS = 4;

/** The servers that a user is at, one after the other. */
export class Roaming {
  readonly #options: RoamingOptions;
  readonly #events: RoamingEvents;
  readonly #session: ClientSession;
  readonly #sessionKey: string = generateId();
  readonly #learned = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #attachment: ServerConnection | undefined;
  #reconnecting: Promise<void> | undefined;
  #switching: Promise<void> | undefined;
  #started = false;
  #held = false;
  #askedAt = 0;

  /** A user who is nowhere yet, and whose frames are those of `session`. */
  constructor(options: RoamingOptions, session: ClientSession, events: RoamingEvents) {
    this.#options = options;
    this.#session = session;
    this.#events = events;
  }

  /**
   * Registers at the first server that can be reached; gives up when `signal` aborts. Errors as
   * `P2pClient.connect` has them.
   */
  async start(signal?: AbortSignal): Promise<void> {
    const giveUp = () => this.#end.abort(signal!.reason);
    signal?.addEventListener("abort", giveUp);
    try {
      if (signal?.aborted) giveUp();
      await this.#attachToAny(undefined);
      this.#end.signal.throwIfAborted();
      this.#started = true;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** The address of the server that the user is registered at; `undefined` while there is none. */
  get server(): string | undefined {
    return this.#attachment?.address;
  }

  /** When the server was heard last: milliseconds of `performance.now()`. */
  get heardAt(): number | undefined {
    return this.#attachment?.heardAt;
  }

  /** The addresses of all servers that the client knows. */
  get knownServers(): string[] {
    return [...new Set([...this.#options.servers, ...this.#learned])];
  }

  /** Holds up what comes in, or lets it come: at this server, and at the next ones. */
  hold(much: boolean): void {
    this.#held = much;
    this.#attachment?.hold(much);
  }

  /** Gives up a server that is silent, and shows it that this user is not; due every second. */
  tick(now: number): void {
    const attachment = this.#attachment;
    if (!attachment) return;
    if (attachment.legacy) return this.#askLegacy(attachment.address, now);
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

  /** Moves to another server, as `P2pClient.moveTo` does. */
  async moveTo(server: string): Promise<void> {
    this.#end.signal.throwIfAborted();
    if (this.#attachment?.address === server) return;
    const opening = this.#open(server);
    // The old connection may end first when both addresses are one server's.
    this.#switching = opening.then(() => {}, () => {});
    const next = await opening;
    if (this.#end.signal.aborted) {
      this.#leave(next);
      throw this.#end.signal.reason;
    }
    const before = this.#attachment;
    this.#attach(next);
    if (before) this.#leave(before, true);
  }

  /** Signs off where the user is, and looks for no other place; `reason` is why. */
  async close(reason: NetlabError): Promise<void> {
    this.#end.abort(reason);
    const attachment = this.#attachment;
    this.#attachment = undefined;
    if (attachment) this.#leave(attachment);
    await Promise.all([this.#reconnecting, this.#switching]);
    await Promise.all(this.#leaving);
  }

  async #open(server: string): Promise<ServerConnection> {
    const events: ServerConnectionEvents = {
      frame: (frame, from) => this.#session.received(frame, from),
      text: (text, isRest) =>
        this.#session.receive(legacyMessage(text, isRest, this.#options.name), false),
      servers: (addresses) => this.#learn(addresses),
      asked: (servers, from) => {
        if (from === this.#attachment) void this.#moveAway(servers);
      },
      drained: (from) => {
        if (from === this.#attachment) this.#session.pump();
      },
    };
    const user = { name: this.#options.name, session: this.#sessionKey };
    return await ServerConnection.open(server, user, events, this.#end.signal);
  }

  #learn(addresses: readonly string[]): void {
    for (const address of addresses) this.#learned.add(address);
  }

  /** Asks a legacy server for the servers it knows, on a connection of its own: the user's carries text. */
  #askLegacy(address: string, now: number): void {
    if (now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    // Whether it is there, the user's connection tells.
    askServers(address).then((servers) => this.#learn(servers), () => {});
  }

  #attach(attachment: ServerConnection): void {
    this.#attachment = attachment;
    if (this.#held) attachment.hold(true);
    this.#askedAt = performance.now();
    attachment.askServers();
    this.#session.attach(attachment);
    this.#events.status({
      state: "connected",
      server: attachment.address,
      legacy: attachment.legacy,
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

  #leave(attachment: ServerConnection, moves = false): void {
    const leaving = attachment.leave(this.#options.name, moves).finally(() => {
      this.#session.detach(attachment);
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  /** The server has gone: the client looks for one until it finds one or is closed. */
  #lost(attachment: ServerConnection, reason: NetlabError): void {
    this.#attachment = undefined;
    this.#session.detach(attachment);
    if (isFinal(reason)) return this.#events.over(reason);
    this.#events.status({ state: "reconnecting", reason: reason.message });
    this.#reconnecting = this.#reconnect(attachment.address).finally(() =>
      this.#reconnecting = undefined
    );
  }

  async #reconnect(lost: string): Promise<void> {
    for (let round = 0; !this.#end.signal.aborted; round++) {
      try {
        return await this.#attachToAny(round === 0 ? lost : undefined);
      } catch (error) {
        if (error instanceof NetlabError && isFinal(error)) return this.#events.over(error);
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
        if (this.#end.signal.aborted) return this.#leave(attachment);
        if (this.#attachment) return this.#leave(attachment, true);
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
    if (this.#options.rank) return await this.#unlessEnded(this.#options.rank(servers));
    if (!this.#started) return servers;
    const order = servers.map((server) => ({ server, at: server === lost ? 1 : Math.random() }));
    return order.sort((a, b) => a.at - b.at).map(({ server }) => server);
  }

  /** What `work` gives, unless the client is closed before. */
  async #unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#end;
    const { promise, reject } = Promise.withResolvers<never>();
    const onEnd = () => reject(signal.reason);
    signal.addEventListener("abort", onEnd);
    if (signal.aborted) onEnd();
    return await Promise.race([promise, work]).finally(() =>
      signal.removeEventListener("abort", onEnd)
    );
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#end.signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  }
}

/** Whether trying again would not help: the name is another's, or another connection took over. */
function isFinal({ code }: NetlabError): boolean {
  return code === ErrorCode.NameTaken || code === ErrorCode.NameInvalid ||
    code === ErrorCode.Replaced;
}
