/**
 * A server with a data folder that starts another program. That one lives until standard input ends.
 *
 * @module
 */
import { P2pServer } from "@netlab/p2p/server";

await P2pServer.listen({ data: Deno.args[0]! });
const args = ["eval", "for await (const _ of Deno.stdin.readable);"];
new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
// deno-lint-ignore no-console
console.log("started");
