/**
 * Messaging between the users of several servers that find each other: {@linkcode P2pServer} and
 * {@linkcode P2pClient}.
 *
 * @example A server and two users
 * ```ts
 * import { P2pClient, P2pServer } from "@netlab/p2p";
 *
 * await using server = await P2pServer.listen();
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
 * await using bob = await P2pClient.connect({ name: "Bob", servers: [server.address] });
 *
 * await alice.send("Bob", "Hello");
 * for await (const message of bob) {
 *   message.text; // "Hello", from message.sender
 *   bob.take(message); // asking for the next message would take it, too
 *   break;
 * }
 * ```
 *
 * @module
 */
export * from "./client.ts";
export * from "./core/logger.ts";
export * from "./server.ts";
