/**
 * The program that backs up the messages of a server: options and output.
 *
 * @module
 */
import { print, runProgram, UsageError } from "@netlab/terminal";
import type { backUp } from "../backup.ts";

/** Backs up one data folder, and ends the process. */
export async function runBackupProgram(version: string, run: typeof backUp): Promise<never> {
  return await runProgram({
    name: "netlab p2p backup",
    summary:
      "Copies the stored messages of a p2p or rtt server to another folder. The server may run " +
      "meanwhile. To restore them, start a server with the copy as its data folder.",
    version,
    usage: "deno task p2p:backup --data DIR --to DIR",
    options: {
      data: { kind: "string", value: "DIR", help: "The data folder of the server." },
      to: {
        kind: "string",
        value: "DIR",
        help:
          "The folder for the copy, which must not have one yet. The task permits folders below ./data.",
      },
    },
    examples: [{
      command: "deno task p2p:backup --data data/one --to data/one-monday",
      what: "Back up the messages of the server with --data data/one",
    }],
  }, async ({ data, to }) => {
    if (data === undefined || to === undefined) {
      throw new UsageError("Options --data DIR and --to DIR are required");
    }
    const { messages, bytes } = await run(data, to);
    const count = messages === 1 ? "1 message" : `${messages.toLocaleString("en")} messages`;
    print(`${count} copied to ${to}, ${(bytes / 1024 / 1024).toFixed(1)} MiB`);
  });
}
