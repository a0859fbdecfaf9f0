/**
 * A server that fails a moment after the first user has joined, in a way that nothing handles.
 *
 * @module
 */
import { P2pServer } from "@netlab/p2p/server";
import { runServerProgram } from "@netlab/p2p/server-program";

await runServerProgram(
  {
    name: "failing server",
    task: "none",
    summary: "Fails when a user joins.",
    version: "0.0.0",
    module: import.meta.url,
  },
  async (options) => {
    const server = await P2pServer.listen(options);
    setInterval(() => {
      if (server.localUsers().length > 0) throw new Error("a planted failure");
    }, 10);
    return server;
  },
);
