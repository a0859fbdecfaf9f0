/**
 * Everything public of netlab: the wire, the three systems on it, and the laboratory.
 *
 * @example Two servers, two users
 * ```ts
 * import { P2pClient, P2pServer } from "./mod.ts";
 *
 * await using first = await P2pServer.listen();
 * await using second = await P2pServer.listen({ peers: [first.address] });
 * await using alice = await P2pClient.connect({ name: "Alice", servers: [first.address] });
 * await using bob = await P2pClient.connect({ name: "Bob", servers: [second.address] });
 * await bob.send("Bob", "A note to myself");
 * alice.server; // where she is
 * ```
 *
 * @module
 */
export * from "@netlab/protocol";
export * from "@netlab/basic";
export * from "@netlab/p2p";
export * from "@netlab/rtt";
export * from "@netlab/lab";
