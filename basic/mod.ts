/**
 * The smallest complete netlab: servers that answer `hello` with `world` in plain text, and a client that
 * greets many servers at once. `telnet` and `nc` work as clients, too.
 *
 * To learn how a netlab system is built, read the files in this order:
 *
 * 1. `greeting.ts`: the protocol, as functions of text. It uses no socket and no clock.
 * 2. `server.ts`: the server, which reads from sockets and replies as `greeting.ts` says.
 * 3. `exchange.ts`: one question and its answer over one connection.
 * 4. `client.ts`: the client, which asks until a server answers or its time is up.
 * 5. `terminal/`: the two programs, which read options and print. The library never prints.
 *
 * @example A server and a client
 * ```ts
 * import { BasicServer, greet } from "@netlab/basic";
 *
 * await using server = await BasicServer.listen({ port: 0 });
 * const greeting = await greet(server.address);
 * greeting.answered; // true
 * ```
 *
 * @module
 */
export * from "./client.ts";
export * from "./server.ts";
