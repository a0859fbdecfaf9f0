/**
 * The commands of a conversation, such as `/users`, and the help. Owns their wording. Must not know the screen.
 *
 * @module
 */
import { dim, oneLine } from "@netlab/terminal";
import type { P2pClient } from "../../client.ts";

/** Draws lines for a window with this many columns. */
export type Picture = (columns: number) => readonly string[];

/** A command, such as `/users`. */
export interface ChatCommand {
  /** What it does, for `/help`. */
  readonly help: string;
  /** Runs the command. Returns the lines to show, or a function that draws them. */
  run(): Promise<readonly string[] | Picture>;
  /** Receives a function that redraws the lines where they are, as long as they are in the window. */
  live?(redraw: () => void): void;
}

const QUIT = ["quit", "ends the program, like ctrl-C and ctrl-D"] as const;

const HELP = [
  "RECIPIENT MESSAGE           sends the message to that user",
  '"A NAME WITH SPACES" TEXT   the same, for a name with spaces',
  "ALT-ENTER                   begins another line of the message",
  "TAB                         completes a name or a command",
  "Bob: Hello                  a message that you received",
  "→ Bob: Hello                a message that you sent; the mark at its end means:",
  "  waiting for the server    no server has stored it yet",
  "  ✓                         a server has stored it",
  "  ✓✓                        Bob has received it",
  "  sent                      sent to a legacy program, which confirms nothing",
  "  not stored                Bob has received it; the server's storage is full",
  "  ✗                         not delivered; another line says why",
];

/** Returns the commands of a client's conversation by name: the common ones and `further` ones. */
export function chatCommands(
  client: P2pClient,
  further: Record<string, ChatCommand>,
): ReadonlyMap<string, ChatCommand> {
  const commands: ReadonlyMap<string, ChatCommand> = new Map(Object.entries({
    users: { help: "lists the users you can write to", run: () => listUsers(client) },
    servers: { help: "lists the servers and marks yours", run: () => listServers(client) },
    ...further,
    help: { help: "shows this help", run: () => Promise.resolve(help(commands)) },
  }));
  return commands;
}

async function listUsers(client: P2pClient): Promise<string[]> {
  const users = (await client.users()).sort();
  return users.map((user) => user === client.name ? `${user} ${dim("(you)")}` : oneLine(user));
}

async function listServers(client: P2pClient): Promise<string[]> {
  const servers = (await client.servers()).sort();
  return servers.map((server) => server === client.server ? `${server} ${dim("(yours)")}` : server);
}

function help(commands: ReadonlyMap<string, ChatCommand>): string[] {
  const helps = [...commands].map(([name, { help }]) => [name, help] as const);
  return [...HELP, ...[...helps, QUIT].map(([name, help]) => `${`/${name}`.padEnd(27)} ${help}`)];
}
