/**
 * Watches a network over a connection to one of its servers, with the shipped client code. Owns the connection: it asks
 * while the page is visible, and goes on with another server when this one is lost. Does not know what follows from the
 * answers, and draws nothing.
 *
 * @module
 */
/// <reference lib="dom" />
import "../../common/connection/set_immediate.ts";
import { ErrorCode, NetlabError, UserScope } from "@netlab/protocol/codec";
import { isTokenError, StatusConnection, type StatusQueries } from "@netlab/p2p/client";
import type { Servers } from "../../common/connection/servers.ts";
import type { Model } from "../../common/view.ts";
import { Network } from "../model/network.ts";
import { Selection } from "../model/selection.ts";
import type { Trace } from "../model/traces.ts";
import { Pace, type Question } from "./pace.ts";

/** How often it is looked what is to be asked: milliseconds. */
const TICK_MS = 50;
/** How often views are drawn again: milliseconds. */
const TELL_MS = 250;
/** How long it waits after all servers were tried: milliseconds, at first and at most. */
const RETRY_MS = 300;
const MAX_RETRY_MS = 5_000;
/** A connection that has lasted so long was a good one: milliseconds. */
const LASTING_MS = 2_000;
/** The time between two pages of users: milliseconds. */
const PAGE_MS = 100;
/** The time between two complete lists of users: milliseconds, and for each page. */
const LIST_MS = 2_000;
const LIST_PAGE_MS = 500;

/** The connection of the page. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "connected"; readonly address: string }
  | { readonly state: "lost"; readonly reason: string }
  | { readonly state: "refused"; readonly reason: string };

/** Watches a network. */
export class Watcher implements Model {
  readonly network: Network;
  readonly selection = new Selection();
  /** The connection. */
  link: Link = { state: "connecting" };
  /** Gets the paths of messages. */
  onTraces: (traces: readonly Trace[]) => void = () => {};
  readonly #servers: Servers;
  readonly #pace = new Pace();
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  #token: string;
  /** Goes on after the page was hidden, or after a token was given. */
  #wake: () => void = () => {};
  #toldAt = 0;

  /**
   * Begins to watch.
   *
   * @param token The token, on a network with keys; empty without one.
   */
  constructor(servers: Servers, token: string) {
    this.#servers = servers;
    this.#token = token;
    this.network = new Network(() => this.#pace.eventsMs);
    document.addEventListener("visibilitychange", this.#looked);
    void this.#run();
  }

  /** Calls `changed` after changes, up to four times a second. */
  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Draws the views again, because a person has changed something. */
  readonly tell = (): void => {
    this.#toldAt = performance.now();
    for (const changed of this.#listeners) changed();
  };

  /** Tries again with a token. */
  useToken(token: string): void {
    this.#token = token;
    this.#set({ state: "connecting" });
    this.#wake();
  }

  /** Ends watching. */
  close(): void {
    document.removeEventListener("visibilitychange", this.#looked);
    this.#stopped.abort();
    this.#wake();
  }

  readonly #looked = () => {
    if (!document.hidden) this.#wake();
  };

  async #run(): Promise<void> {
    let first = 0;
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      if (document.hidden) {
        await this.#woken();
        continue;
      }
      const { addresses } = this.#servers;
      const address = addresses[first % addresses.length]!;
      try {
        const since = performance.now();
        await this.#watch(address);
        // A server that ends connections at once is no better than one that cannot be reached.
        failures = performance.now() - since > LASTING_MS ? 0 : failures + 1;
        // The server of the page comes first when it was only hidden.
        if (document.hidden) continue;
      } catch (error) {
        failures++;
        if (isTokenError(error)) {
          this.#set({ state: "refused", reason: error.message });
          await this.#woken();
          continue;
        }
        this.#set({ state: "lost", reason: reasonOf(error) });
      }
      first++;
      if (failures >= addresses.length) {
        const rounds = Math.floor(failures / addresses.length);
        await pause(Math.min(RETRY_MS * 2 ** (rounds - 1), MAX_RETRY_MS));
      }
    }
  }

  /** Watches over a connection until it ends, or until the page is hidden. */
  async #watch(address: string): Promise<void> {
    const { id } = this.network;
    await using connection = await StatusConnection.open(address, {
      dial: this.#servers.dial,
      signal: this.#stopped.signal,
      ...id !== undefined && { network: id },
      ...this.#token !== "" && { token: this.#token },
    });
    const { queries } = connection;
    const status = await queries.status();
    this.network.learnStatus(status, true, Date.now());
    this.#pace.restart();
    this.#set({ state: "connected", address });
    let isOver = false;
    let ended: NetlabError | undefined;
    const listing = this.#listUsers(queries, () => isOver);
    void connection.ended.then((error) => ended = error);
    while (!ended && !document.hidden && !this.#stopped.signal.aborted) {
      this.#ask(queries, status.server);
      this.#show();
      await Promise.race([pause(TICK_MS), connection.ended]);
    }
    isOver = true;
    if (ended) {
      this.network.lost(Date.now());
      this.#set({ state: "lost", reason: ended.message });
    }
    await connection.close();
    await listing;
  }

  #ask(queries: StatusQueries, own: string): void {
    const servers = this.network.there.map(({ id, state }) => ({
      id,
      answers: state !== "silent" && state !== "old",
    }));
    for (const { id, question } of this.#pace.due(servers, own, performance.now())) {
      void this.#askOne(queries, id, question, id === own);
    }
  }

  async #askOne(
    queries: StatusQueries,
    id: string,
    question: Question,
    isOwn: boolean,
  ): Promise<void> {
    const { network } = this;
    try {
      if (question === "status") {
        const status = await queries.status(id);
        // No server may speak for another one.
        if (status.server === id) network.learnStatus(status, isOwn, Date.now());
      } else {
        const events = await queries.events(id, network.nextEvent(id));
        if (events.server === id) network.learnEvents(events, Date.now());
      }
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      if (error.code === ErrorCode.ServerUnreachable) network.failed(id, "silent", Date.now());
      else if (error.code === ErrorCode.Unsupported) network.failed(id, "old", Date.now());
      // The pace takes care of a server that has too much to do, and the end of the connection of everything else.
    } finally {
      this.#pace.done(id, question);
    }
  }

  async #listUsers(queries: StatusQueries, isOver: () => boolean): Promise<void> {
    const { users } = this.network;
    while (!isOver()) {
      let pages = 0;
      try {
        users.begin();
        let next = "";
        do {
          const page = await queries.users(undefined, UserScope.All, next);
          users.page(page.users, page.total, Date.now());
          next = users.isFull ? "" : page.next;
          pages++;
          if (next !== "") await pause(PAGE_MS);
        } while (next !== "" && !isOver());
        if (next === "") users.end();
      } catch {
        // The list has changed too much, or the connection has ended.
      }
      const until = performance.now() + LIST_MS + pages * LIST_PAGE_MS;
      while (!isOver() && performance.now() < until) await pause(TICK_MS);
    }
  }

  #show(): void {
    const now = Date.now();
    this.network.tick(now);
    const traces = this.network.takeTraces(now);
    if (traces.length > 0) this.onTraces(traces);
    if (performance.now() - this.#toldAt >= TELL_MS) this.tell();
  }

  #set(link: Link): void {
    this.link = link;
    this.tell();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
