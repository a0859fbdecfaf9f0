/**
 * What the programs of an operator ask: metrics, whether the server runs, and whether it takes users. Owns who may see
 * the metrics. `metrics.ts` owns their names.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { NetlabError } from "@netlab/protocol/codec";
import type { Metrics } from "./metrics.ts";
import type { Queries } from "../other_pages.ts";
import { sendText } from "../http/send_text.ts";

/** How many tokens are checked at the same time: a check costs more than any other request. */
const MAX_CHECKS = 4;
const PATHS: ReadonlySet<string> = new Set(["/metrics", "/healthz", "/readyz"]);

/** The server that is watched. */
export interface WatchedServer {
  /** Asks it for its status. */
  readonly queries: Queries;
  /** Checks a token. Throws a `NetlabError` if it is not valid. */
  checkWatcher(token: string | undefined): Promise<void>;
}

/** Answers the programs of an operator. */
export class Operator {
  readonly #server: WatchedServer;
  #metrics: Metrics | undefined;
  #checks = 0;

  /** Answers for one server. */
  constructor(server: WatchedServer) {
    this.#server = server;
  }

  /** Returns whether a path is answered here. */
  answers(path: string): boolean {
    return PATHS.has(path);
  }

  /** Answers a request. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (path === "/healthz") sendText(response, 200, "The server runs");
      else if (path === "/readyz") await this.#ready(response);
      else await this.#tellMetrics(request, response);
    } catch {
      sendText(response, 503, "The server is closing");
    }
  }

  async #ready(response: ServerResponse): Promise<void> {
    const { isDraining } = await this.#server.queries.status();
    if (isDraining) sendText(response, 503, "The server is about to leave");
    else sendText(response, 200, "The server takes users");
  }

  async #tellMetrics({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#checks >= MAX_CHECKS) return sendText(response, 503, "Too many ask at once");
    this.#checks++;
    try {
      const [, token] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
      await this.#server.checkWatcher(token);
    } catch (error) {
      if (!(error instanceof NetlabError)) throw error;
      response.setHeader("www-authenticate", "Bearer");
      return sendText(response, 401, error.message);
    } finally {
      this.#checks--;
    }
    const metrics = this.#metrics ??= new (await import("./metrics.ts")).Metrics();
    const text = await metrics.text(await this.#server.queries.status());
    response.setHeader("content-type", metrics.type);
    response.setHeader("cache-control", "no-store");
    response.end(text);
  }
}
