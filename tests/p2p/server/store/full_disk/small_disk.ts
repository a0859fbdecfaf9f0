/**
 * Makes the disk of a program small, when it is loaded before the program: the first database that it
 * opens takes no more than a few pages until the word `room` comes on standard input. SQLite then reports a
 * full disk.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";

/** So many pages of 16 KiB fit. */
const PAGES = 32;

const exec = DatabaseSync.prototype.exec;
DatabaseSync.prototype.exec = function (sql) {
  DatabaseSync.prototype.exec = exec;
  this.exec(`PRAGMA max_page_count = ${PAGES}`);
  void (async () => {
    for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      if (text === "room\n") this.exec("PRAGMA max_page_count = 1000000");
    }
  })();
  this.exec(sql);
};
