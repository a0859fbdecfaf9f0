/**
 * Runs the documented commands that need several machines. Each block must make three servers that are all
 * linked directly, so that two of them still work when the third is gone.
 *
 * @module
 */
import { documentedCommands } from "./commands.ts";
import { Machine, type Running } from "./machine.ts";
import { RULES } from "./rules.ts";

const NAMES = ["one", "two", "three"];
const hosts = ["127.0.0.1 localhost", ...NAMES.map((name, i) => `10.7.0.${i + 1} ${name}.example`)]
  .join("\n") + "\n";

/** The command for each machine: the documented ones, and the last of them with other names. */
function commandsFor(block: readonly string[]): string[] {
  const advertises = (name: string) => `--advertise ${name}.example`;
  return NAMES.map((name) =>
    block.find((command) => command.includes(advertises(name))) ??
      block.at(-1)!.replace(/--advertise \w+\.example/, advertises(name))
  );
}

async function check(block: readonly string[]): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const machines = await Promise.all(NAMES.map(() => Machine.start(hosts)));
  for (const machine of machines) stack.use(machine);
  await Machine.connect(machines.map((machine, index) => [machine, `10.7.0.${index + 1}`]));
  const servers: Running[] = [];
  for (const [index, command] of commandsFor(block).entries()) {
    servers.push(machines[index]!.run(command));
    await servers.at(-1)!.shows(/listening on/);
  }
  await Promise.all(servers.flatMap((server, index) =>
    NAMES.filter((_, other) => other !== index)
      .map((name) => server.shows(new RegExp(`linked to ${name}\\.example`)))
  ));
  servers.forEach((server) => server.hasPermissions());
  // The first server is the one that the others were told of.
  await machines[0]![Symbol.asyncDispose]();
  const client = "deno run --allow-net=127.0.0.1 p2p/client.ts --server 5001";
  const bob = machines[1]!.run(`sleep 60 | ${client} --name Bob`);
  await bob.shows(/connected to/);
  await machines[2]!.run(`echo Bob hello | ${client} --name Ann`).succeeds();
  await bob.shows(/^Ann: hello$/);
}

const blocks = Map.groupBy(
  documentedCommands().filter(({ command }) => {
    const rule = RULES.find(({ matches }) => matches.test(command));
    return rule !== undefined && "machines" in rule;
  }),
  ({ at, block }) => `${at.split(":")[0]} ${block}`,
);
if (blocks.size === 0) throw new Error("No command of the documentation needs several machines");
for (const commands of blocks.values()) await check(commands.map(({ command }) => command));
