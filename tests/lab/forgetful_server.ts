/**
 * A p2p server whose disk says that messages are safe before they are: what it wrote down in the last
 * moments is not there after a kill. To see that this is found out.
 *
 * @module
 */
import { P2pServer } from "@netlab/p2p/server";
import { MailDatabase } from "../../p2p/mail_database.ts";
import { runServerProgram } from "../../p2p/server_program.ts";

/** How much later than it says everything is written: milliseconds. */
const LATE_MS = 2_000;

const write = MailDatabase.prototype.write;
MailDatabase.prototype.write = function (...written) {
  setTimeout(() => write.apply(this, written), LATE_MS);
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
