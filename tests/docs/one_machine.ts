/**
 * Runs the documented commands that need one machine, each on a new one.
 *
 * @module
 */
import { documentedCommands } from "./commands.ts";
import { Machine } from "./machine.ts";
import { type Rule, RULES } from "./rules.ts";

/** How many machines run at the same time. */
const AT_ONCE = 3;

async function run(command: string, rule: Rule | undefined): Promise<void> {
  if (rule === undefined || !("ends" in rule || "shows" in rule)) return;
  await using machine = await Machine.start();
  for (const [before, shows] of rule.after ?? []) await machine.run(before).shows(shows);
  const running = machine.run(command);
  if ("shows" in rule) await running.shows(rule.shows);
  else await running.succeeds();
  running.hasPermissions();
}

const commands = new Set(documentedCommands().map(({ command }) => command));
const waiting = commands.values();
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (const command of waiting) {
    await run(command, RULES.find(({ matches }) => matches.test(command)));
  }
}));
