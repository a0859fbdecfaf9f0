/**
 * `lab run` with servers that write down late what they accepted: the same run, the same users, and
 * promises that are broken. To see that this is found out.
 *
 * @module
 */
import { runProgram } from "@netlab/terminal";
import { labRunProgram, runLabRun } from "../../lab/terminal/run_program.ts";

const server = import.meta.resolve("./forgetful_server.ts");
await runProgram(labRunProgram, (options, stop) => runLabRun(options, stop, server));
