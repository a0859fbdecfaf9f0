/**
 * The program around a messaging client: options, the questions for what is missing, the conversation,
 * signals. Serves every client that is a `P2pClient`; knows nothing of how one works.
 *
 * @module
 */
import {
  ask,
  describeError,
  dim,
  type Option,
  type Options,
  type OptionValues,
  print,
  printError,
  type Program,
  red,
  runProgram,
  UsageError,
} from "@netlab/cli";
import {
  DEFAULT_HOST,
  ErrorCode,
  formatAddress,
  isAddress,
  NetlabError,
  whyNotAName,
} from "@netlab/protocol";
import { Chat, type ChatCommand } from "./chat.ts";
import type { ClientStatus, P2pClient, P2pClientOptions } from "./client.ts";
import { openScreen } from "./screen.ts";

export type { ChatCommand } from "./chat.ts";

/** The options of every client program. */
const OPTIONS = {
  name: { kind: "string", value: "NAME", help: "Your name on the network." },
  server: {
    kind: "address",
    repeat: true,
    positional: true,
    help: "Where a server is; tried in this order. Default: ports 5001 to 5005 on 127.0.0.1.",
  },
} as const satisfies Options;

/** What a program says about itself, and what it adds. */
export interface ClientProgram<
  C extends P2pClient,
  O extends Options = Readonly<Record<never, Option>>,
> {
  /** Its name, such as `netlab p2p client`. */
  readonly name: string;
  /** The task that starts it, such as `p2p:client`. */
  readonly task: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
  /** Options besides the common ones. */
  readonly options?: O;
  /** Commands worth trying, besides the common ones. */
  readonly examples?: Program["examples"];
  /**
   * Does something else in place of connecting, where the options ask for that; the exit status then.
   *
   * @param given What was given of the common options.
   */
  instead?(
    values: OptionValues<O>,
    given: { name: string | undefined; servers: string[] },
    stop: AbortSignal,
  ): Promise<number> | undefined;
  /**
   * Connects.
   *
   * @param print Prints a line to standard output.
   * @param values The values of the program's own options.
   */
  connect(
    options: P2pClientOptions,
    print: (line: string) => void,
    values: OptionValues<O>,
  ): Promise<C>;
  /** What to print when the client is connected, if not where. */
  connected?(client: C): string;
  /** Commands besides the common ones. */
  commands?(client: C): Record<string, ChatCommand>;
}

/** What stands for "wherever one answers" when a person is asked for a server. */
const ANY = "any";

/** Runs a client until its input ends, and then the process. */
export async function runClientProgram<C extends P2pClient, const O extends Options>(
  program: ClientProgram<C, O>,
): Promise<never> {
  const { name, task, summary, version } = program;
  return await runProgram({
    name,
    summary,
    version,
    usage: `deno task ${task} [options]`,
    options: { ...OPTIONS, ...program.options },
    examples: [
      { command: `deno task ${task}`, what: "Asks for your name, and connects" },
      {
        command: `deno task ${task} --name Alice --server 127.0.0.1:5002`,
        what: "Alice, on that server or on another one that it knows",
      },
      {
        command: `echo "Bob Hello" | deno task ${task} --name Alice`,
        what: "Sends one message; the exit status says whether it is safe",
      },
      ...program.examples ?? [],
    ],
  }, async (values, stop) => {
    const options = values as OptionValues<typeof OPTIONS>;
    const own = values as unknown as OptionValues<O>;
    const person = Deno.stdin.isTerminal();
    const given = options.server.map(formatAddress);
    let wanted = options.name;
    const instead = program.instead?.(own, { name: wanted, servers: given }, stop);
    if (instead) return await instead;
    if (wanted === undefined && !person) {
      throw new UsageError("Option --name is needed when standard input is not a terminal");
    }
    if (wanted !== undefined) {
      const why = whyNotAName(wanted);
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
  });
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
  let show: (line: string) => void = print;
  let status: ClientStatus | undefined;
  let client: C | undefined;
  // Without a terminal standard output is for messages.
  const showStatus = () => {
    const line = status && Chat.describe(status);
    if (line !== undefined) (Deno.stdin.isTerminal() ? show : printError)(line);
  };
  try {
    client = await program.connect(
      {
        name,
        ...servers.length > 0 && { servers },
        onStatus: (changed) => {
          status = changed;
          if (client) showStatus();
        },
      },
      (line) => show(line),
      values,
    );
  } catch (error) {
    if (!isTaken(error) || !Deno.stdin.isTerminal()) throw error;
    print(red(describeError(error)));
    return { typed };
  }
  if (program.connected) show(program.connected(client));
  else showStatus();
  using screen = openScreen(dim(`${name}> `), typed);
  if (screen.interactive) show = (line) => screen.print(line);
  if (screen.interactive) show(dim("Type RECIPIENT MESSAGE, or /help."));
  stop.addEventListener("abort", () => screen.close(), { once: true });
  const failures = await new Chat(client, screen, program.commands?.(client)).run();
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
      const why = whyNotAName(answer);
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
      if (answer === ANY || isAddress(addressIn(answer))) return undefined;
      return `${answer} is no address: type HOST:PORT, or a port from 1 to 65535`;
    },
  });
  if (answer === undefined) return undefined;
  return answer === ANY ? [] : [addressIn(answer)];
}

function addressIn(answer: string): string {
  return /^[0-9]+$/.test(answer) ? `${DEFAULT_HOST}:${answer}` : answer;
}
