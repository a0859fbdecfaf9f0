/**
 * The smallest complete netlab: servers that answer `hello` with `world` in plain text, and clients that
 * greet them all at once. `telnet` and `nc` will do as well.
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
