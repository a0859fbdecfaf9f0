/**
 * What a client program does once its options are read: it asks for what is missing, connects, and runs the chat
 * until the input ends. Works with every client that is a `P2pClient`.
 *
 * @module
 */
import {
  type Address,
  ADDRESS_RULE,
  ask,
  describeError,
  describeRepeats,
  dim,
  isForeground,
  type Option,
  type Options,
  type OptionValues,
  print,
  printError,
  readAddress,
  red,
  Repeats,
  UsageError,
} from "@netlab/terminal";
import {
  ErrorCode,
  formatAddress,
  invalidNetworkReason,
  NetlabError,
  normalizeName,
  quote,
  userNameFault,
} from "@netlab/protocol";
import { Chat } from "./chat/chat.ts";
import type { ChatCommand } from "./chat/chat_commands.ts";
import type { ClientStatus, P2pClient, P2pClientOptions, TokenSource } from "../client.ts";
import { readClaims } from "../client/own_token.ts";
import { readSecretFile } from "../files/secret_file.ts";
import { tokenOf } from "./token_option.ts";

/** The values of the options that every client program has. */
export interface ClientOptionValues {
  /** The user's name. */
  readonly name: string | undefined;
  /** The addresses of servers; empty for the default ones. */
  readonly server: readonly Address[];
  /** The name of the network; `undefined` for that of the first server. */
  readonly network: string | undefined;
  /** The path of the file with the user's token. */
  readonly "token-file": string | undefined;
  /** Whether the token may be sent over connections that are not encrypted. */
  readonly "insecure-token": boolean;
  /** The file with the secret that protects the name. */
  readonly "secret-file": string | undefined;
  /** The file with the secret that replaces it. */
  readonly "new-secret-file": string | undefined;
  /** The file with the certificates of authorities to trust. */
  readonly "tls-ca": string | undefined;
  /** `on` or `off`. */
  readonly timestamps: string | undefined;
}

/** What the common options say to a program that does something other than a conversation. */
export interface GivenOptions {
  /** The user's name. */
  readonly name: string | undefined;
  /** The addresses of servers, `host:port` each; empty for the default ones. */
  readonly servers: string[];
  /** The name of the network. */
  readonly network: string | undefined;
  /** The token, or where it comes from. */
  readonly token: TokenSource | undefined;
  /** Whether the token may be sent over connections that are not encrypted. */
  readonly insecureToken: boolean;
  /** The file with the certificates of authorities to trust. */
  readonly tlsCa: string | undefined;
}

/** How a program connects its client, and what it adds to the conversation. */
export interface ProgramClient<
  C extends P2pClient,
  O extends Options = Readonly<Record<never, Option>>,
> {
  /**
   * Checks the program's own options. If they ask for something other than a conversation, does it and returns
   * the exit code.
   *
   * @param given The values of the common options.
   */
  instead?(
    values: OptionValues<O>,
    given: GivenOptions,
    stop: AbortSignal,
  ): Promise<number | undefined>;
  /**
   * Connects the client.
   *
   * @param print Prints a line to standard output.
   * @param values The values of the program's own options.
   */
  connect(
    options: P2pClientOptions,
    print: (line: string) => void,
    values: OptionValues<O>,
  ): Promise<C>;
  /**
   * Returns the line to print when the client is connected.
   *
   * @default {a line with the server's address}
   */
  connected?(client: C): string;
  /** Commands in addition to the common ones. */
  commands?(client: C): Record<string, ChatCommand>;
}

/** The answer of a person who has no preferred server. */
const ANY = "any";

/** Runs the conversation until the input ends or `stop` aborts. Returns the exit code. */
export async function converse<C extends P2pClient, O extends Options>(
  program: ProgramClient<C, O>,
  options: ClientOptionValues,
  own: OptionValues<O>,
  stop: AbortSignal,
): Promise<number> {
  // A question needs both. Otherwise nobody may see it.
  const isInteractive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const given = options.server.map(formatAddress);
  let wanted = options.name;
  const { network, "tls-ca": tlsCa } = options;
  const whyNot = network === undefined ? undefined : invalidNetworkReason(network);
  if (whyNot !== undefined) throw new UsageError(`Option --network: ${whyNot}`);
  const timestamps = readOnOff("timestamps", options.timestamps);
  const token = tokenOf(options["token-file"]);
  const insecureToken = options["insecure-token"];
  const common: GivenOptions = {
    name: wanted,
    servers: given,
    network,
    token,
    insecureToken,
    tlsCa,
  };
  const instead = await program.instead?.(own, common, stop);
  if (instead !== undefined) return instead;
  if (wanted === undefined && token !== undefined) wanted = await holderOf(token);
  // The terminal would stop it without a word.
  if (isInteractive && isForeground() === false) {
    throw new UsageError(
      "Cannot read the keyboard in the background; start the client without &, or pipe its input",
    );
  }
  if (wanted === undefined && !isInteractive) {
    throw new UsageError(
      "Option --name is required when standard input or output is not a terminal",
    );
  }
  if (wanted !== undefined) {
    const why = userNameFault(normalizeName(wanted));
    if (why !== undefined) {
      throw new UsageError(`Option --name: a name cannot be used when ${why}`);
    }
  }
  const secret = readSecret("secret-file", options["secret-file"]);
  const newSecret = readSecret("new-secret-file", options["new-secret-file"]);
  if (secret === "") {
    throw new UsageError("Option --secret-file: the first line of the file is empty");
  }
  if (newSecret !== undefined && secret === undefined) {
    throw new UsageError(
      "Option --new-secret-file requires --secret-file, with the present secret",
    );
  }
  const secrets = { secret, newSecret };
  const servers = given.length > 0 || wanted !== undefined || !isInteractive
    ? given
    : await askForServer(stop);
  if (servers === undefined) return 0;
  let typed = "";
  for (;;) {
    wanted ??= await askForName(stop);
    if (wanted === undefined) return 0;
    const who: Wanted = {
      name: wanted,
      servers,
      network,
      token,
      insecureToken,
      tlsCa,
      timestamps,
      typed,
      ...secrets,
    };
    const ended = await connect(program, own, who, stop);
    if (typeof ended === "number") return ended;
    wanted = undefined;
    typed = ended.typed;
  }
}

/** The name is taken, and the person can choose another one. */
interface Taken {
  /** The line that the person was typing. */
  readonly typed: string;
}

/** Who wants to connect to what. */
interface Wanted {
  readonly name: string;
  readonly servers: readonly string[];
  readonly network: string | undefined;
  readonly token: TokenSource | undefined;
  readonly insecureToken: boolean;
  /** The secret that protects the name. */
  readonly secret: string | undefined;
  /** The secret that replaces it; empty to drop the protection. */
  readonly newSecret: string | undefined;
  readonly tlsCa: string | undefined;
  /** Whether each message is shown with its time; `undefined` for the default. */
  readonly timestamps: boolean | undefined;
  /** The line that the person was typing. */
  readonly typed: string;
}

/** Connects and runs the chat. Returns the exit code, unless the name is taken. */
async function connect<C extends P2pClient, O extends Options>(
  program: ProgramClient<C, O>,
  values: OptionValues<O>,
  { name, servers, network, token, insecureToken, tlsCa, secret, newSecret, timestamps, typed }:
    Wanted,
  stop: AbortSignal,
): Promise<number | Taken> {
  // Read before connecting: the terminal may be closed meanwhile.
  const isInteractive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  let show: (line: string) => void = print;
  let status: ClientStatus | undefined;
  let client: C | undefined;
  // Without a terminal, standard output carries only messages and the answers to commands.
  const tell = (line: string) => (isInteractive ? show : printError)(line);
  // A server could cause any number of these lines.
  const repeats = new Repeats((leftOut, example) => tell(dim(describeRepeats(leftOut, example))));
  const tellSome = (kind: string, line: string) => {
    if (repeats.admits(kind, "", () => line)) tell(line);
  };
  const showStatus = () => {
    const line = status && Chat.describe(status);
    if (line !== undefined) tellSome(status!.state, line);
  };
  try {
    client = await program.connect(
      {
        name,
        ...servers.length > 0 && { servers },
        ...network !== undefined && { network },
        ...token !== undefined && { token },
        insecureToken,
        ...secret !== undefined && { secret },
        ...tlsCa !== undefined && { tlsCa },
        signal: stop,
        onStatus: (changed) => {
          status = changed;
          if (client) showStatus();
        },
        onOtherNetwork: (server) =>
          tellSome("other network", `${server} belongs to another network: not used`),
      },
      (line) => show(line),
      values,
    );
    if (newSecret !== undefined) {
      await client.changeSecret(newSecret === "" ? undefined : newSecret);
    }
  } catch (error) {
    // A person who stopped the program knows why it ends. In a pipe there may be lines that were not sent.
    if (stop.aborted && error === stop.reason && isInteractive) return 0;
    if (!isTaken(error) || !isInteractive) throw error;
    print(red(describeError(error)));
    return { typed };
  }
  if (program.connected) show(program.connected(client));
  else showStatus();
  // Loads the line editor.
  const { openScreen } = await import("./screen/open_screen.ts");
  using screen = openScreen(client.name, typed);
  const chat = new Chat(client, screen, program.commands?.(client), {
    timestamps: timestamps ?? screen.interactive,
  });
  if (screen.interactive) {
    screen.print(dim("Type RECIPIENT MESSAGE, or /help."));
    show = (line) => chat.tell(line);
  }
  const failures = await chat.run(stop);
  // When two separated parts of a network are linked again, both may have a user of this name.
  const lost = status?.state === "closed" && isTaken(status.error);
  if (lost && screen.interactive && !stop.aborted) return { typed: screen.typed };
  return failures > 0 ? 1 : 0;
}

/** The user for whom a token is; `undefined` if it is for no user. */
async function holderOf(token: TokenSource): Promise<string | undefined> {
  const { subject, role } = readClaims(typeof token === "string" ? token : await token());
  return role === "user" ? subject : undefined;
}

function isTaken(error: unknown): boolean {
  return error instanceof NetlabError && error.code === ErrorCode.NameTaken;
}

/** Reads the value of an option that is `on` or `off`; `undefined` without the option. */
function readOnOff(option: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (value === "on" || value === "off") return value === "on";
  throw new UsageError(`Option --${option}: ${quote(value)} is neither on nor off`);
}

/** Returns the first line of the file that an option names; `undefined` without the option. */
function readSecret(option: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  // Deno would ask the person.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw new UsageError(
      `Option --${option}: no permission to read ${
        quote(path)
      }; start Deno with --allow-read=${path}`,
    );
  }
  try {
    return readSecretFile(path).split(/\r?\n/, 1)[0]!;
  } catch (error) {
    throw new UsageError(`Option --${option}: ${describeError(error)}`);
  }
}

async function askForName(stop: AbortSignal): Promise<string | undefined> {
  return await ask("Your name", {
    signal: stop,
    check: (answer) => {
      const why = userNameFault(normalizeName(answer));
      return why && `This name cannot be used: ${why}`;
    },
  });
}

/** The servers to try; empty for the default ones, `undefined` when the person gave no answer. */
async function askForServer(stop: AbortSignal): Promise<string[] | undefined> {
  const answer = await ask(
    "Server (HOST:PORT, or a port of this machine; tls:// before it for TLS)",
    {
      default: ANY,
      signal: stop,
      check: (answer) => {
        if (answer === ANY || parseTyped(answer) !== undefined) return undefined;
        return `${quote(answer)} ${ADDRESS_RULE}`;
      },
    },
  );
  if (answer === undefined) return undefined;
  return answer === ANY ? [] : [parseTyped(answer)!];
}

/** The address that a person typed, as `host:port`; `undefined` if it is not valid. */
function parseTyped(answer: string): string | undefined {
  try {
    return formatAddress(readAddress(answer));
  } catch {
    return undefined;
  }
}
