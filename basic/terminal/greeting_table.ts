/**
 * Formats greetings as the table that both programs print. Must not know where the greetings come from.
 *
 * @module
 */
import { green, table, yellow } from "@netlab/terminal";
import type { Greeting } from "../client.ts";

/** Returns a table of greetings as lines: the server, whether it answered, and the time. */
export function greetingTable(greetings: readonly Greeting[]): string[] {
  return table(
    [{ title: "Server" }, { title: "Answered" }, { title: "Time", align: "right" }],
    greetings.map(({ address, answered, ms, reason }) => [
      address,
      answered ? green("yes") : `${yellow("no")}: ${reason}`,
      `${ms.toFixed(1)} ms`,
    ]),
  );
}
