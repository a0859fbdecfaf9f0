/**
 * `lab run` with servers that store messages only after they accepted them. Tests that the checker notices.
 *
 * @module
 */
import { runProgram } from "@netlab/terminal";
import { labRunProgram, runLabRun } from "@netlab/lab/run-program";

const server = import.meta.resolve("./forgetful_server.ts");
await runProgram(labRunProgram, (options, stop) => runLabRun(options, stop, server));
