/**
 * netlab's server with a core that takes twice as long for everything that it receives.
 *
 * @module
 */
import { RoutingCore } from "@netlab/p2p/core";
import { P2pServer } from "@netlab/p2p/server";

/** Calls `work`, and then does nothing for as long as that took. */
function twice<T>(work: () => T): T {
  const start = performance.now();
  const result = work();
  const end = performance.now();
  while (performance.now() < 2 * end - start);
  return result;
}

const { run, received } = RoutingCore.prototype;
RoutingCore.prototype.run = function (...args) {
  return twice(() => run.apply(this, args));
};
RoutingCore.prototype.received = function (...args) {
  return twice(() => received.apply(this, args));
};

const port = Number(Deno.args[Deno.args.indexOf("--port") + 1]);
await P2pServer.listen({ port, peers: [`127.0.0.1:${port}`] });
