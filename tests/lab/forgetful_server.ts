/**
 * A p2p server whose disk says that messages are safe before they are: what it wrote down in the last
 * moments is not there after a kill. To see that this is found out.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { P2pServer } from "@netlab/p2p/server";
import { runServerProgram } from "../../p2p/terminal/server_program.ts";

/** How much later than it says a transaction ends, and all that came meanwhile: milliseconds. */
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
    summary: "Forgets what it just accepted when it is killed.",
    version: "0.0.0",
  },
  (options) => P2pServer.listen(options),
);
