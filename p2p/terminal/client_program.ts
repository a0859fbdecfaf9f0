/**
 * The program around a messaging client: its options, and the text of `--help`. Works with every client that is
 * a `P2pClient`. Must not know how a client or a conversation works.
 *
 * @module
 */
import {
  type Option,
  type Options,
  type OptionValues,
  type Program,
  runProgram,
} from "@netlab/terminal";
import type { P2pClient } from "../client.ts";
import { tokenOptions } from "./token_option.ts";
import { type ClientOptionValues, converse, type ProgramClient } from "./conversation.ts";

export type { ChatCommand, Picture } from "./chat/chat_commands.ts";
export type { GivenOptions, ProgramClient } from "./conversation.ts";

/** The options of every client program. */
const OPTIONS = {
  name: {
    kind: "string",
    value: "NAME",
    help: "Your name on the network. Default: the one in your token, if you have one.",
  },
  server: {
    kind: "address",
    repeat: true,
    positional: true,
    help:
      "The address of a server: HOST:PORT, or a port of this machine; with tls:// before it if the " +
      "server uses TLS. Several servers are " +
      "tried in order. You can leave out the name of this option. Default: ports 5001 to 5005 " +
      "of this machine.",
  },
  "secret-file": {
    kind: "string",
    value: "FILE",
    help:
      "A file whose first line is the secret that protects your name on an open network. If the " +
      "name is not protected yet, it is from now on. The task needs the permission to read the file.",
  },
  "new-secret-file": {
    kind: "string",
    value: "FILE",
    help:
      "A file whose first line is the secret that replaces that of --secret-file. An empty file " +
      "drops the protection.",
  },
  network: {
    kind: "string",
    value: "NAME",
    help: "The name of the network: servers of other networks are not used. Default: the network " +
      "of your token, or of the first server that answers.",
  },
  ...tokenOptions,
  timestamps: {
    kind: "string",
    value: "on|off",
    help:
      "Show the time at which each message came: 09:05 at a terminal, 2026-11-30T09:05:00+01:00 in a " +
      "pipe. Default: on at a terminal, off in a pipe.",
  },
  "tls-ca": {
    kind: "string",
    value: "FILE",
    help:
      "A file with the certificate of an authority, which is trusted besides the public ones. " +
      "The tasks permit files below ./data.",
  },
} as const satisfies Options;

/** Describes a client program. */
export interface ClientProgram<
  C extends P2pClient,
  O extends Options = Readonly<Record<never, Option>>,
> extends ProgramClient<C, O> {
  /** Its name, such as `netlab p2p client`. */
  readonly name: string;
  /** The task that starts it, such as `p2p:client`. */
  readonly task: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** The version of its package. */
  readonly version: string;
  /** Options in addition to the common ones. */
  readonly options?: O;
  /** Example commands in addition to the common ones. */
  readonly examples?: Program["examples"];
}

/** Runs a client until its input ends. Then ends the process. */
export async function runClientProgram<C extends P2pClient, const O extends Options>(
  program: ClientProgram<C, O>,
): Promise<never> {
  const { name, task, summary, version } = program;
  return await runProgram(
    {
      name,
      summary,
      version,
      usage: `deno task ${task} [options]`,
      options: { ...OPTIONS, ...program.options },
      examples: [
        { command: `deno task ${task}`, what: "Connect; the program asks for your name" },
        {
          command: `deno task ${task} --name Alice --server 5002`,
          what: "Connect as Alice, to this server or another one that it knows",
        },
        {
          command: `echo "Bob Hello" | deno task ${task} --name Alice`,
          what: "Send one message; the exit code is 0 if it was accepted",
        },
        ...program.examples ?? [],
      ],
      outlivesOutput: true,
    },
    (values, stop) =>
      converse(
        program,
        values as ClientOptionValues,
        values as unknown as OptionValues<O>,
        stop,
      ),
  );
}
