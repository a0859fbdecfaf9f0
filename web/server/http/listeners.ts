/**
 * Listens for HTTP or HTTPS on every address of a host name. Owns the limits on connections that send no request. Does
 * not know what requests mean.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Certificate } from "@netlab/protocol";
import { addressesOf } from "@netlab/protocol/listen";
import { formatAddress, isLoopbackHost, parseHost } from "@netlab/protocol/codec";

/** How long a browser may take to send a request: milliseconds. */
const REQUEST_MS = 10_000;
/** How long a connection without a request stays open: milliseconds. */
const IDLE_MS = 15_000;
/** The most connections, with those that carry frames: a page of a browser has six at most. */
const MAX_CONNECTIONS = 10_000;
/** The most connections of one other machine. */
const MAX_CONNECTIONS_PER_HOST = 1_000;
/** The most bytes of the headers of a request. */
const MAX_HEADER_BYTES = 16 * 1024;

/** What errors of the system mean, and what to do. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["EADDRINUSE", "the port is in use; choose another one with --web"],
  ["EACCES", "this user may not use the port; choose one above 1023 with --web"],
  ["EADDRNOTAVAIL", "this machine does not have that address; choose another one with --web"],
]);

/** Handles the requests of browsers. */
export interface HttpHandler {
  /** Answers a request. */
  request(request: IncomingMessage, response: ServerResponse): void;
  /** Takes over the connection of a request for a WebSocket. */
  upgrade(request: IncomingMessage, socket: Socket, head: Uint8Array): void;
}

/** Where a web server listens. */
export interface HttpListening {
  readonly servers: readonly Server[];
  /** The TCP port, the same on all addresses. */
  readonly port: number;
}

/**
 * Listens on every address that a host name has now, on the same port.
 *
 * @throws {Error} When it cannot listen on one of them, with a sentence that says what to do.
 */
export async function listenForHttp(
  hostname: string,
  port: number,
  handler: HttpHandler,
  certificate?: Certificate,
): Promise<HttpListening> {
  const servers: Server[] = [];
  let chosen = port;
  try {
    for (const address of await addressesOf(hostname)) {
      const server = create(handler, certificate);
      await listen(server, address, chosen);
      servers.push(server);
      chosen = (server.address() as { port: number }).port;
    }
  } catch (cause) {
    for (const server of servers) server.close();
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const why = REASONS.get((cause as { code?: unknown }).code);
    const where = `Cannot serve the web page on ${formatAddress({ hostname, port })}`;
    // A sentence that says what to do needs no words of the system behind it.
    throw why === undefined ? new Error(where, { cause }) : new Error(`${where}: ${why}`);
  }
  return { servers, port: chosen };
}

/** Stops listening and ends all connections. */
export async function closeHttp(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    })
  ));
}

function create(handler: HttpHandler, certificate: Certificate | undefined): Server {
  const options = {
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: REQUEST_MS / 4,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const answer = (request: IncomingMessage, response: ServerResponse) =>
    handler.request(request, response);
  const server = certificate
    ? createTlsServer({ ...options, ...certificate }, answer) as unknown as Server
    : createServer(options, answer);
  server.maxConnections = MAX_CONNECTIONS;
  server.on("upgrade", (request, socket, head) => {
    handler.upgrade(request, socket as Socket, head);
  });
  limitHosts(server);
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

/** Closes connections of another machine that has too many. */
function limitHosts(server: Server): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const host = parseHost(socket.remoteAddress ?? "");
    if (host === undefined || isLoopbackHost(host)) return;
    const count = counts.get(host) ?? 0;
    if (count >= MAX_CONNECTIONS_PER_HOST) return void socket.destroy();
    counts.set(host, count + 1);
    socket.on("close", () => {
      const left = counts.get(host)! - 1;
      if (left > 0) counts.set(host, left);
      else counts.delete(host);
    });
  });
}

function listen(server: Server, hostname: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
