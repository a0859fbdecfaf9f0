/**
 * A server that says how much memory it uses, when it is asked by a line of input. It is started with
 * `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { print } from "@netlab/terminal";
import { P2pServer } from "@netlab/p2p/server";

const { gc } = globalThis as unknown as { gc(): void };

if (import.meta.main) {
  const server = await P2pServer.listen();
  print(String(server.port));
  for await (const _line of Deno.stdin.readable) {
    // An object that one collection frees may refer to objects that the next one frees.
    for (let i = 0; i < 3; i++) gc();
    const { heapUsed, external } = Deno.memoryUsage();
    print(`${server.localUsers().length} ${heapUsed + external}`);
  }
}
