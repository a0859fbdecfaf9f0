/**
 * A program that works on messages for a while each. Tests kill it in the middle.
 *
 * @module
 */
import { P2pClient } from "@netlab/p2p/client";
import { print } from "@netlab/terminal";

const client = await P2pClient.connect({ name: "Worker", servers: [Deno.args[0]!] });
for await (const { text } of client) {
  print(`begin ${text}`);
  await new Promise((resolve) => setTimeout(resolve, 3));
  print(`end ${text}`);
}
