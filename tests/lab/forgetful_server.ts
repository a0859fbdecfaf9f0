/**
 * A p2p server whose store reports messages as stored before they are. After a kill, the latest messages
 * are lost.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { P2pServer } from "@netlab/p2p/server";
import { runServerProgram } from "@netlab/p2p/server-program";

/** How much later than reported a transaction is committed, with all that joined it: milliseconds. */
const LATE_MS = 2_000;

const { exec } = DatabaseSync.prototype;
const open = new Set<DatabaseSync>();
DatabaseSync.prototype.exec = function (sql) {
  if (sql === "BEGIN IMMEDIATE" && open.has(this)) return;
  if (sql !== "COMMIT") return exec.call(this, sql);
  if (open.has(this)) return;
  open.add(this);
  setTimeout(() => {
    open.delete(this);
    exec.call(this, sql);
  }, LATE_MS);
};

await runServerProgram(
  {
    name: "forgetful server",
    task: "none",
    summary: "Loses the messages that it just accepted when it is killed.",
    version: "0.0.0",
    module: import.meta.url,
  },
  (options) => P2pServer.listen(options),
);
