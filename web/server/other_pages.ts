/**
 * Where the pages of the other servers of the network are. A page that loses its server goes on with another one, so
 * every server must know the pages of the others before they are lost. Owns when servers are asked. Does not know what
 * follows for security.
 *
 * @module
 */
import type { ServerStatus } from "@netlab/protocol/codec";
import { originOf } from "./http/guard.ts";

/** How often this server looks for others: milliseconds. */
const LOOK_MS = 2_000;
/** A server that serves no pages is asked again after this time, and then after twice as long each time: milliseconds. */
const AGAIN_MS = 2_000;
/** The longest time until a server is asked again: milliseconds. */
const MAX_AGAIN_MS = 60_000;
/** For how long the pages of a server are known that cannot be reached any more: milliseconds. */
const KEEP_MS = 10 * 60_000;
/** The most servers whose pages are known. */
const MAX_SERVERS = 64;

/** Asks for the status of servers. `StatusQueries` of `@netlab/p2p/client` does. */
export interface Queries {
  /** Returns the status of a server, by its id; of this one without an id. */
  status(server?: string): Promise<ServerStatus>;
}

/** A server and its pages. */
export interface ServerPages {
  /** The address of the server in the network: `host:port` or `tls://host:port`. */
  readonly address: string;
  /** The origin of its pages; empty if it serves none, or if that is not known yet. */
  readonly origin: string;
}

interface Known extends ServerPages {
  /** When it could be reached last: milliseconds of `performance.now()`. */
  seenAt: number;
  /** When it is asked again. */
  askAt: number;
  /** After what time it is asked again then: milliseconds. */
  againMs: number;
}

/** The pages of the other servers. */
export class OtherPages {
  readonly #queries: Queries;
  /** By the id of the server. */
  readonly #known = new Map<string, Known>();
  readonly #timer: ReturnType<typeof setInterval>;
  #looking: Promise<void> | undefined;

  /** Starts to look for other servers. */
  constructor(queries: Queries) {
    this.#queries = queries;
    this.#timer = setInterval(() => void this.look(), LOOK_MS);
    void this.look();
  }

  /** The other servers that serve pages, also those that were lost a short time ago. */
  get list(): ServerPages[] {
    return [...this.#known.values()].filter(({ origin }) => origin !== "")
      .map(({ address, origin }) => ({ address, origin }));
  }

  /** Looks for other servers now. Resolves when those that answer have answered. */
  look(): Promise<void> {
    this.#looking ??= this.#look().catch(() => {}).finally(() => this.#looking = undefined);
    return this.#looking;
  }

  /** Ends. */
  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { routes } = await this.#queries.status();
    const now = performance.now();
    for (const { server, address } of routes) {
      const known = this.#known.get(server);
      if (known) known.seenAt = now;
      else if (this.#known.size < MAX_SERVERS) {
        const timing = { seenAt: now, askAt: now, againMs: AGAIN_MS };
        this.#known.set(server, { address, origin: "", ...timing });
      }
    }
    for (const [server, { seenAt }] of this.#known) {
      if (now - seenAt > KEEP_MS) this.#known.delete(server);
    }
    const due = [...this.#known].filter(([, { seenAt, askAt }]) => seenAt === now && askAt <= now);
    await Promise.all(due.map(([server, known]) => this.#ask(server, known, now)));
  }

  async #ask(server: string, known: Known, now: number): Promise<void> {
    known.askAt = now + known.againMs;
    known.againMs = Math.min(2 * known.againMs, MAX_AGAIN_MS);
    try {
      const { address, pages } = await this.#queries.status(server);
      // Another server may say anything.
      this.#known.set(server, { ...known, address, origin: originOf(pages) ?? "" });
    } catch {
      // It is asked again.
    }
  }
}
