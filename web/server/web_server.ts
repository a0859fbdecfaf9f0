/**
 * Serves the pages of one messaging server, and takes the WebSockets of its pages as connections. Owns which address
 * gets which answer. Does not know what frames mean.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  formatAddress,
  isEveryAddress,
  isLoopbackHost,
  parseAddress,
  parseHost,
  quote,
} from "@netlab/protocol/codec";
import type { ByteConnection } from "@netlab/protocol/connection";
import { Assets, type Packages } from "./assets.ts";
import { Guard, originOf } from "./http/guard.ts";
import { securityHeaders } from "./http/headers.ts";
import { closeHttp, type HttpListening, listenForHttp } from "./http/listeners.ts";
import { Operator } from "./operator/operator.ts";
import { OtherPages, type Queries } from "./other_pages.ts";
import { Renewal } from "./http/renewal.ts";
import { sendText } from "./http/send_text.ts";
import { Sockets } from "./sockets/sockets.ts";

/** The messaging server whose pages are served. `P2pServer` and `RttServer` implement it. */
export interface WebHost {
  /** The address at which others reach the server: `host:port` or `tls://host:port`. */
  readonly address: string;
  /** Takes the connection of a page. */
  attach(connection: ByteConnection, hostname: string): void;
  /** Loads the sources of the client, which pages run. */
  sources(): Promise<Packages>;
  /** Asks the server and others for their status. */
  readonly queries: Queries;
  /** Tells other servers where browsers reach the pages: an origin, or an empty text. */
  tellPages(origin: string): void;
  /** Checks the token of who collects metrics. Throws a `NetlabError` if it is not valid. */
  checkWatcher(token: string | undefined): Promise<void>;
}

/** Where a {@linkcode WebServer} listens. */
export interface WebServerOptions {
  /**
   * The host name or IP address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /**
   * The TCP port to listen on. With 0, the system chooses a free port.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The origin at which browsers reach the pages, such as `https://chat.example`, if a proxy is between.
   *
   * @default {the address it listens on}
   */
  origin?: string;
  /**
   * The files with the certificate of the server and its private key, as for `P2pServerOptions`. The pages are then
   * served with TLS. When the files change, new connections get the new certificate.
   *
   * @default {none}
   */
  tlsCert?: string;
  /** The file with the private key of {@linkcode WebServerOptions.tlsCert}: PEM, readable by its owner only. */
  tlsKey?: string;
  /**
   * Whether other machines may reach the pages: the network has keys, or its operator has opened it.
   *
   * @default {false}
   */
  mayBeRemote?: boolean;
}

/** Where pages open their WebSockets. */
const CONNECTION = "/connection";
/** The methods that are answered. */
const METHODS: ReadonlySet<string | undefined> = new Set(["GET", "HEAD"]);

/**
 * The web pages of one messaging server.
 *
 * @example
 * ```ts
 * import { P2pServer } from "@netlab/p2p/server";
 * import { WebServer } from "@netlab/web";
 *
 * await using server = await P2pServer.listen();
 * await using web = await WebServer.listen(server);
 * const page = await fetch(`${web.origin}/chat`);
 * await page.text(); // the chat page
 * ```
 */
export class WebServer implements AsyncDisposable {
  /** The origin at which browsers reach the pages, such as `http://127.0.0.1:8080`. */
  readonly origin: string;
  /** The TCP port on which it listens. */
  readonly port: number;
  readonly #host: WebHost;
  readonly #servers: readonly Server[];
  readonly #assets: Assets;
  readonly #guard: Guard;
  readonly #sockets: Sockets;
  readonly #others: OtherPages;
  readonly #operator: Operator;
  readonly #renewal: Renewal | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    host: WebHost,
    packages: Packages,
    { servers, port }: HttpListening,
    origin: string,
    hostname: string,
    renewal: Renewal | undefined,
  ) {
    const isTls = renewal !== undefined;
    this.#renewal = renewal;
    renewal?.start(servers);
    this.#host = host;
    this.#assets = new Assets(packages);
    this.#servers = servers;
    this.port = port;
    this.origin = origin;
    const names = [hostname, new URL(origin).hostname, parseAddress(host.address).hostname];
    this.#others = new OtherPages(host.queries);
    this.#operator = new Operator(host);
    this.#guard = new Guard(names, isTls, () => this.#others.list.map(({ origin }) => origin));
    host.tellPages(origin);
    this.#sockets = new Sockets((connection, remote) => host.attach(connection, remote), isTls);
  }

  /**
   * Starts to serve the pages of a server.
   *
   * @throws {TypeError} When the host or the origin is none, or when other machines could reach the pages and may not.
   * @throws {NetlabError} {@linkcode ErrorCode.TlsFailed} when the certificate cannot be used.
   * @throws {Error} When it cannot listen there.
   */
  static async listen(host: WebHost, options: WebServerOptions = {}): Promise<WebServer> {
    const { hostname: given = "127.0.0.1", port = 0, tlsCert, tlsKey, mayBeRemote = false } =
      options;
    const hostname = parseHost(given);
    if (hostname === undefined) {
      throw new TypeError(`Cannot serve the web page on ${quote(given)}: it is no host`);
    }
    if (!mayBeRemote && !(isLoopbackHost(hostname) && !isEveryAddress(hostname))) {
      throw new TypeError(
        `Cannot serve the web page on ${hostname} without keys, because anyone who reaches it could register: ` +
          "add --keys and --token-file, or permit it with --open",
      );
    }
    const origin = options.origin === undefined ? undefined : originOf(options.origin);
    if (options.origin !== undefined && origin === undefined) {
      throw new TypeError(
        `Cannot use the origin ${
          quote(options.origin)
        }: it must be http://HOST or https://HOST, with or ` +
          "without a port",
      );
    }
    if ((tlsCert === undefined) !== (tlsKey === undefined)) {
      throw new TypeError('Cannot use TLS: the options "tlsCert" and "tlsKey" need each other');
    }
    const renewal = tlsCert === undefined ? undefined : await Renewal.open(tlsCert, tlsKey!);
    const packages = await host.sources();
    let web: WebServer | undefined;
    const listening = await listenForHttp(hostname, port, {
      // A request may arrive before this has returned.
      request(request, response) {
        try {
          if (web) web.#request(request, response);
          else response.destroy();
        } catch {
          // A source that cannot be served must not end the server.
          response.destroy();
        }
      },
      upgrade: (request, socket, head) =>
        web ? web.#upgrade(request, socket, head) : socket.destroy(),
    }, renewal?.first);
    const scheme = renewal ? "https" : "http";
    const shown = isEveryAddress(hostname) ? parseAddress(host.address).hostname : hostname;
    const local = `${scheme}://${formatAddress({ hostname: shown, port: listening.port })}`;
    return web = new WebServer(
      host,
      packages,
      listening,
      origin ?? new URL(local).origin,
      hostname,
      renewal,
    );
  }

  /** Stops serving pages and ends their connections. Further calls have no effect. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Calls {@linkcode WebServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#host.tellPages("");
    this.#others.close();
    this.#renewal?.close();
    this.#sockets.close();
    await closeHttp(this.#servers);
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const sockets = this.#others.list.map(({ origin }) => origin.replace(/^http/, "ws"));
    const path = pathOf(request);
    const headers = securityHeaders(sockets, path.endsWith("/frame.html"));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!this.#guard.admitsHost(request.headers.host)) {
      sendText(
        response,
        421,
        "This host name is not one of this server; its operator can add it with --web-origin",
      );
    } else if (!METHODS.has(request.method)) {
      response.setHeader("allow", "GET, HEAD");
      sendText(response, 405, "Only GET is answered here");
    } else if (path === "/servers") this.#listServers(response);
    else if (this.#operator.answers(path)) void this.#operator.answer(path, request, response);
    else this.#asset(request, response, path);
  }

  #asset(request: IncomingMessage, response: ServerResponse, path: string): void {
    const asset = this.#assets.get(path);
    if (!asset) return sendText(response, 404, "There is nothing at this address");
    response.setHeader("content-type", asset.type);
    response.setHeader("etag", asset.etag);
    response.setHeader("cache-control", "no-cache");
    if (request.headers["if-none-match"] === asset.etag) {
      response.statusCode = 304;
      response.end();
    } else {
      response.setHeader("content-length", asset.body.length);
      response.end(request.method === "HEAD" ? undefined : asset.body);
    }
  }

  /** Tells a page which server it belongs to, and where the pages of other servers are. */
  #listServers(response: ServerResponse): void {
    response.setHeader("content-type", "application/json");
    response.setHeader("cache-control", "no-store");
    response.end(JSON.stringify({
      own: this.#host.address,
      servers: [{ address: this.#host.address, origin: this.origin }, ...this.#others.list],
    }));
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Uint8Array): void {
    const { host, origin } = request.headers;
    if (!this.#guard.admitsHost(host)) refuse(socket, "421 Misdirected Request");
    else if (pathOf(request) !== CONNECTION) refuse(socket, "404 Not Found");
    else if (!this.#guard.admitsOrigin(origin, host)) refuse(socket, "403 Forbidden");
    else this.#sockets.take(request, socket, head);
  }
}

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function refuse(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
