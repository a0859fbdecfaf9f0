/**
 * The rtt server of a soak: it collects its garbage often.
 *
 * @module
 */
import { runServerProgram } from "@netlab/p2p/server-program";
import { RttServer } from "@netlab/rtt/server";
import config from "../deno.json" with { type: "json" };
import { collectOften } from "./collect.ts";

collectOften();
await runServerProgram(
  {
    name: "netlab lab rtt server",
    task: "lab soak",
    summary: "A server that collects its garbage often.",
    version: config.version,
    module: import.meta.url,
  },
  (options) => RttServer.listen(options),
);
