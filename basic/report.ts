/**
 * What the two programs show of greetings: the same table.
 *
 * @module
 */
import { green, table, yellow } from "@netlab/terminal";
import type { Greeting } from "./client.ts";

/** Greetings as a table, a line each: server, answer, time taken. */
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
