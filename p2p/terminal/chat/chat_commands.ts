/**
 * The commands of a conversation, such as `/users`, and the help. Owns their wording. Must not know the screen.
 *
 * @module
 */
import { quote, shorten } from "@netlab/protocol";
import { dim, oneLine, UsageError } from "@netlab/terminal";
import type { P2pClient } from "../../client.ts";
import { similarName } from "./names.ts";
import { whois } from "./whois.ts";
import type { Transcript } from "./transcript.ts";

/** Draws lines for a window with this many columns. */
export type Picture = (columns: number) => readonly string[];

/** A command, such as `/users`. */
export interface ChatCommand {
  /** What it does, for `/help`. */
  readonly help: string;
  /**
   * What is typed behind its name, for `/help`.
   *
   * @default {nothing}
   */
  readonly usage?: string;
  /**
   * With what Tab completes its argument: names of users, or these words.
   *
   * @default {nothing}
   */
  readonly argument?: "user" | readonly string[];
  /**
   * Runs the command. Returns the lines to show, or a function that draws them.
   *
   * @param argument What was typed behind its name, without the spaces around it.
   */
  run(argument: string): Promise<readonly string[] | Picture>;
  /** Receives a function that redraws the lines where they are, as long as they are in the window. */
  live?(redraw: () => void): void;
}

const HELP = [
  "RECIPIENT MESSAGE           sends the message to that user",
  '"A NAME WITH SPACES" TEXT   the same, for a name with spaces',
  "TAB                         completes a command or a name, also inside a message;",
  "                            again lists what fits, and then shows one after the other",
  "ALT-ENTER                   begins another line of the message",
  "UP, DOWN                    what you have typed before",
  "CTRL-U, CTRL-W, CTRL-L      deletes the line, deletes a word, clears the window",
  "CTRL-Z                      stops the program until fg, but not under deno task",
  "",
  "Bob: Hello                  a message that you received",
  "→ Bob: Hello                a message that you sent; the mark at its end means:",
  "  waiting for the server    no server has stored it yet",
  "  ✓                         a server has stored it",
  "  ✓✓                        Bob has received it",
  "  sent                      sent to a legacy program, which confirms nothing",
  "  not stored                Bob has received it; the server's storage is full",
  "  ✗                         not delivered; another line says why",
  "Alice (2 unread)>           so many messages came while you were typing or away",
  "",
];

/** Where the help of a command begins: columns. */
const HELP_COLUMN = 28;

/** What people type who know other programs. */
const MESSAGE_COMMANDS = ["msg", "m", "message", "tell", "w", "query", "dm"];

/** Returns the commands of a client's conversation by name: the common ones and `further` ones. */
export function chatCommands(
  client: P2pClient,
  transcript: Transcript,
  further: Record<string, ChatCommand>,
): ReadonlyMap<string, ChatCommand> {
  const commands: ReadonlyMap<string, ChatCommand> = new Map(Object.entries<ChatCommand>({
    users: { help: "lists the users you can write to", run: () => listUsers(client) },
    servers: { help: "lists the servers and marks yours", run: () => listServers(client) },
    whois: {
      usage: "[NAME]",
      argument: "user",
      help: "shows where a user is, since when, and the route",
      run: (argument) => whois(client, argument),
    },
    ...further,
    timestamps: {
      usage: "[on|off]",
      argument: ["on", "off"],
      help: "shows the time before each message, or not",
      run: (argument) => Promise.resolve([setTimestamps(transcript, argument)]),
    },
    help: { help: "shows this help", run: () => Promise.resolve(help(commands)) },
    quit: {
      help: "ends the program, like ctrl-C and ctrl-D",
      run: () => Promise.resolve([]),
    },
  }));
  return commands;
}

/** Returns what to say about a command that does not exist. */
export function unknownCommand(name: string, commands: Iterable<string>): string {
  const known = [...commands];
  const longer = known.filter((command) => name !== "" && command.startsWith(name));
  const meant = longer.length === 1 ? longer[0] : similarName(name, known);
  const hint = MESSAGE_COMMANDS.includes(name)
    ? "type only the name and the message: Bob Hello"
    : meant === undefined
    ? "/help lists the commands"
    : `did you mean /${meant}? /help lists them all`;
  return `There is no command /${shorten(name)}; ${hint}`;
}

function setTimestamps(transcript: Transcript, argument: string): string {
  if (!["", "on", "off"].includes(argument)) {
    throw new UsageError(`Cannot set the timestamps to ${quote(argument)}; type on or off`);
  }
  transcript.timestamps = argument === "" ? !transcript.timestamps : argument === "on";
  return dim(`timestamps are ${transcript.timestamps ? "on" : "off"} for later messages`);
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
  const lines = [...commands].map(([name, { usage, help }]) =>
    `/${name}${usage === undefined ? "" : ` ${usage}`}`.padEnd(HELP_COLUMN) + help
  );
  return [...HELP, ...lines];
}
