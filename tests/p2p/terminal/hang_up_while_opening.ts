/**
 * Sends a program that it is loaded before a SIGHUP while it opens its first database. Needs `--allow-run`.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";

const exec = DatabaseSync.prototype.exec;
DatabaseSync.prototype.exec = function (sql) {
  DatabaseSync.prototype.exec = exec;
  Deno.kill(Deno.pid, "SIGHUP");
  this.exec(sql);
};
