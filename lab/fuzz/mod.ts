/**
 * The fuzzer: sends correct, damaged and random frames to the codec, to servers and to clients, from a seed.
 *
 * @example
 * ```ts
 * import { fuzzTargets } from "@netlab/lab/fuzz";
 *
 * await using target = fuzzTargets.get("core")!();
 * (await target.round(1)).findings; // [] if nothing broke
 * ```
 *
 * @module
 */
import { ClientsTarget } from "./clients_target.ts";
import { CodecTarget } from "./codec_target.ts";
import { CoreTarget } from "./core_target.ts";
import { ServersTarget } from "./servers_target.ts";
import { SessionTarget } from "./session_target.ts";
import type { FuzzTarget } from "./target.ts";
import { TimeTarget } from "./time_target.ts";

export { failureOf } from "./core_target.ts";
export * from "./inputs.ts";
export * from "./target.ts";

/** Creates each target by its name. */
export const fuzzTargets: ReadonlyMap<string, () => FuzzTarget> = new Map<string, () => FuzzTarget>(
  [
    ["codec", () => new CodecTarget()],
    ["time", () => new TimeTarget()],
    ["core", () => new CoreTarget()],
    ["session", () => new SessionTarget()],
    ["p2p-server", () => new ServersTarget("p2p")],
    ["rtt-server", () => new ServersTarget("rtt")],
    ["basic-server", () => new ServersTarget("basic")],
    ["p2p-client", () => new ClientsTarget("p2p")],
    ["rtt-client", () => new ClientsTarget("rtt")],
    ["basic-client", () => new ClientsTarget("basic")],
  ],
);
