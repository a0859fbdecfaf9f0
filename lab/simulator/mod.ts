/**
 * The simulator: the shipped code of servers and client sessions on a network in memory, under a virtual
 * clock.
 *
 * - {@linkcode makePlan} and {@linkcode simulate} run a whole network from one seed.
 *   {@linkcode shrink} makes a failing run smaller, and {@linkcode runSeeds} runs many seeds in workers.
 * - {@linkcode makeRoutesPlan} and {@linkcode simulateRoutes} measure how servers find routes.
 * - {@linkcode VirtualNetwork}, {@linkcode VirtualNode} and {@linkcode SessionClient} are the parts, for
 *   tests of their own.
 *
 * @example One run, from one seed
 * ```ts
 * import { makePlan, simulate } from "@netlab/lab/simulator";
 *
 * const { findings, digest } = simulate(makePlan(7));
 * findings.exitCode; // 0: all guarantees were kept
 * digest; // the same in every run of this seed
 * ```
 *
 * @example Two servers and two users
 * ```ts
 * import { servers, SessionClient, settle, VirtualNetwork } from "@netlab/lab/simulator";
 *
 * const network = new VirtualNetwork();
 * const [first, second] = servers(network, 2);
 * settle(network, [first!, second!]);
 * const alice = new SessionClient(network, "Alice").moveTo(first!);
 * const bob = new SessionClient(network, "Bob").moveTo(second!);
 * network.run(1_000);
 * alice.send("Bob", "Hello");
 * network.run(1_000);
 * bob.textsFrom("Alice"); // ["Hello"]
 * ```
 *
 * @module
 */
export * from "./plan.ts";
export * from "./routes/routes_plan.ts";
export * from "./routes/simulate_routes.ts";
export * from "./run_seeds.ts";
export * from "./shrink.ts";
export * from "./simulate.ts";
export * from "./world/measuring_client.ts";
export * from "./world/networks.ts";
export * from "./world/session_client.ts";
export * from "./world/virtual_clock.ts";
export * from "./world/virtual_connection.ts";
export * from "./world/virtual_disk.ts";
export * from "./world/virtual_network.ts";
export * from "./world/virtual_keys.ts";
export * from "./world/virtual_node.ts";
