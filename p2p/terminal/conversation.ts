/**
 * What a client program does once its options are read: the questions for what is missing, connecting, and
 * the conversation until its input ends. Serves every client that is a `P2pClient`.
 *
 * @module
 */
import {
  ADDRESS_RULE,
  ask,
  describeError,
  dim,
  type Options,
  type OptionValues,
  OutputError,
  print,
  printError,
  readAddress,
  red,
  UsageError,
} from "@netlab/terminal";
import { ErrorCode, formatAddress, invalidNameReason, NetlabError } from "@netlab/protocol";
import { Chat } from "./chat.ts";
import type { ClientStatus, P2pClient } from "../client.ts";
import type { ClientOptionValues, ClientProgram } from "./client_program.ts";
import { openScreen } from "./open_screen.ts";

/** What stands for "wherever one answers" when a person is asked for a server. */
const ANY = "any";

/** Talks until the input ends or `stop` aborts; the exit status. */
export async function converse<C extends P2pClient, O extends Options>(
  program: ClientProgram<C, O>,
  options: ClientOptionValues,
  own: OptionValues<O>,
  stop: AbortSignal,
): Promise<number> {
  const person = Deno.stdin.isTerminal();
  const given = options.server.map(formatAddress);
  let wanted = options.name;
  const instead = await program.instead?.(own, { name: wanted, servers: given }, stop);
  if (instead !== undefined) return instead;
  if (wanted === undefined && !person) {
    throw new UsageError("Option --name is needed when standard input is not a terminal");
  }
  if (wanted !== undefined) {
    const why = invalidNameReason(wanted);
    if (why !== undefined) {
      throw new UsageError(`Option --name: a name cannot be used when ${why}`);
    }
  }
  const servers = given.length > 0 || options.name !== undefined || !person
    ? given
    : await askForServer(stop);
  if (servers === undefined) return 0;
  let typed = "";
  for (;;) {
    wanted ??= await askForName(stop);
    if (wanted === undefined) return 0;
    const ended = await connect(program, own, { name: wanted, servers, typed }, stop);
    if (typeof ended === "number") return ended;
    wanted = undefined;
    typed = ended.typed;
  }
}

/** The name is another's, and a person may choose one anew. */
interface Taken {
  /** The line that they were typing. */
  readonly typed: string;
}

/** Connects and talks; the exit status, unless the name is taken. */
async function connect<C extends P2pClient, O extends Options>(
  program: ClientProgram<C, O>,
  values: OptionValues<O>,
  { name, servers, typed }: { name: string; servers: readonly string[]; typed: string },
  stop: AbortSignal,
): Promise<number | Taken> {
  const person = Deno.stdin.isTerminal(); // a terminal that goes while it connects was one
  let show: (line: string) => void = print;
  let status: ClientStatus | undefined;
  let client: C | undefined;
  // Without a terminal standard output is for messages.
  const showStatus = () => {
    const line = status && Chat.describe(status);
    if (line !== undefined) (person ? tell : printError)(line);
  };
  // The client says something in the middle of its work, which is not to fail because nobody can see that.
  const tell = (line: string) => {
    try {
      show(line);
    } catch (error) {
      if (!(error instanceof OutputError)) throw error;
    }
  };
  try {
    client = await program.connect(
      {
        name,
        ...servers.length > 0 && { servers },
        signal: stop,
        onStatus: (changed) => {
          status = changed;
          if (client) showStatus();
        },
      },
      tell,
      values,
    );
  } catch (error) {
    // A person who has the program stopped knows it; in a pipe there may be lines that were not sent.
    if (stop.aborted && error === stop.reason && person) return 0;
    if (!isTaken(error) || !person) throw error;
    print(red(describeError(error)));
    return { typed };
  }
  if (program.connected) show(program.connected(client));
  else showStatus();
  using screen = openScreen(name, typed);
  if (screen.interactive) show = (line) => screen.print(line);
  if (screen.interactive) show(dim("Type RECIPIENT MESSAGE, or /help."));
  const failures = await new Chat(client, screen, program.commands?.(client)).run(stop);
  // Two halves of a network that find each other may each have a user of this name.
  const lost = status?.state === "closed" && isTaken(status.error);
  if (lost && screen.interactive && !stop.aborted) return { typed: screen.typed };
  return failures > 0 ? 1 : 0;
}

function isTaken(error: unknown): boolean {
  return error instanceof NetlabError && error.code === ErrorCode.NameTaken;
}

async function askForName(stop: AbortSignal): Promise<string | undefined> {
  return await ask("Your name", {
    signal: stop,
    check: (answer) => {
      const why = invalidNameReason(answer);
      return why && `That cannot be a name: ${why}`;
    },
  });
}

/** The servers to try; none for the default ones, `undefined` when there is no answer. */
async function askForServer(stop: AbortSignal): Promise<string[] | undefined> {
  const answer = await ask("Server (HOST:PORT, or a port of this machine)", {
    default: ANY,
    signal: stop,
    check: (answer) => {
      if (answer === ANY || addressIn(answer) !== undefined) return undefined;
      return `${JSON.stringify(answer)} ${ADDRESS_RULE}`;
    },
  });
  if (answer === undefined) return undefined;
  return answer === ANY ? [] : [addressIn(answer)!];
}

/** The address that somebody typed, as `host:port`, if it is one. */
function addressIn(answer: string): string | undefined {
  try {
    return formatAddress(readAddress(answer));
  } catch {
    return undefined;
  }
}
