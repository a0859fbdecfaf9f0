/**
 * The program around a messaging client: what it is, and its options. Serves every client that is a
 * `P2pClient`; knows neither how one works nor how one talks with it.
 *
 * @module
 */
import type { Option, Options, OptionValues, Program } from "@netlab/terminal";
import { runProgram } from "@netlab/terminal/program";
import type { Address } from "@netlab/protocol/address";
import type { ChatCommand } from "./chat.ts";
import type { P2pClient, P2pClientOptions } from "../client.ts";

export type { ChatCommand, Picture } from "./chat.ts";

/** The options of every client program. */
const OPTIONS = {
  name: { kind: "string", value: "NAME", help: "Your name on the network." },
  server: {
    kind: "address",
    repeat: true,
    positional: true,
    help:
      "Where a server is: HOST:PORT, or a port of this machine. Several are tried in this order; " +
      "the name of the option may be left out. Default: ports 5001 to 5005 of this machine.",
  },
} as const satisfies Options;

/** What was given of those. */
export interface ClientOptionValues {
  /** The user's name. */
  readonly name: string | undefined;
  /** Where servers are; none for the default ones. */
  readonly server: readonly Address[];
}

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
   * Checks the program's own options, and does something else in place of connecting where they ask for
   * that; the exit status then.
   *
   * @param given What was given of the common options.
   */
  instead?(
    values: OptionValues<O>,
    given: { name: string | undefined; servers: string[] },
    stop: AbortSignal,
  ): Promise<number | undefined>;
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
        command: `deno task ${task} --name Alice --server 5002`,
        what: "Alice, on that server or on another one that it knows",
      },
      {
        command: `echo "Bob Hello" | deno task ${task} --name Alice`,
        what: "Sends one message; the exit status says whether it is safe",
      },
      ...program.examples ?? [],
    ],
  }, async (values, stop) => {
    // Nothing of this is needed to show the help or the version.
    const { converse } = await import("./conversation.ts");
    return await converse(
      program,
      values as ClientOptionValues,
      values as unknown as OptionValues<O>,
      stop,
    );
  });
}
