/**
 * The program that shows what happens in a network: its options, its keys, and when the servers are asked. Owns the
 * output in a pipe. `top_view.ts` owns the picture in a terminal.
 *
 * @module
 */
import {
  describeError,
  interrupt,
  Live,
  type Options,
  type OptionValues,
  OutputError,
  pause,
  print,
  readAddress,
  runProgram,
  STANDARD_TERMINAL,
  toJson,
  unlessAborted,
  written,
} from "@netlab/terminal";
import { DEFAULT_HOST, DEFAULT_PORTS, formatAddress } from "@netlab/protocol";
import { type NetworkRound, NetworkWatch, type WatchedEvent } from "../../client.ts";
import { KEYBOARD } from "../screen/keyboard.ts";
import { tokenOf, tokenOptions } from "../token_option.ts";
import { eventText, troubleText } from "./event_text.ts";
import { clock, count } from "./figures.ts";
import { ServerNames, topView } from "./top_view.ts";

/** How many events are kept for a high window. */
const MAX_EVENTS = 200;
/** The key for ctrl-C. */
const CTRL_C = "\x03";

const OPTIONS = {
  server: {
    kind: "address",
    repeat: true,
    positional: true,
    help:
      "The address of a server: HOST:PORT, or a port of this machine; with tls:// before it if the " +
      "server uses TLS. Any server of the network will do: the others are asked through it. Several " +
      "are tried in order. Default: ports 5001 to 5005 of this machine.",
  },
  interval: { kind: "seconds", default: 1, help: "The time between two rounds." },
  json: { kind: "flag", help: "Print each round as a JSON object in one line." },
  network: {
    kind: "string",
    value: "NAME",
    help: "The name of the network: servers of other networks are not used. Default: the network " +
      "of your token, or of the first server that answers.",
  },
  ...tokenOptions,
  "tls-ca": {
    kind: "string",
    value: "FILE",
    help:
      "A file with the certificate of an authority, which is trusted besides the public ones. " +
      "The tasks permit files below ./data.",
  },
} as const satisfies Options;

/** Runs the program until it is stopped. Then ends the process. */
export async function runTopProgram(version: string): Promise<never> {
  return await runProgram(
    {
      name: "netlab top",
      summary:
        "Shows the servers of a network, their links, users, message rates and events, live. " +
        "Press q to end it.",
      version,
      usage: "deno task top [options] [SERVER...]",
      options: OPTIONS,
      examples: [
        { command: "deno task top", what: "Watch the network of a server on this machine" },
        {
          command: "deno task top tls://chat.example.org:5001 --token-file data/observer.token",
          what: "Watch a network with keys; a token for the role observer is enough",
        },
        {
          command: "deno task top --json | head -1",
          what: "Print the state of all servers once, for another program",
        },
      ],
    },
    (values, stop) => watch(values, stop),
  );
}

/** Watches until `stop` aborts or somebody presses q. Returns the exit code. */
async function watch(values: OptionValues<typeof OPTIONS>, stop: AbortSignal): Promise<number> {
  const { json } = values;
  const inPlace = Deno.stdout.isTerminal() && !json;
  const quit = new AbortController();
  const end = AbortSignal.any([stop, quit.signal]);
  await using network = new NetworkWatch({ ...optionsOf(values), signal: end });
  const names = new ServerNames();
  const events: { time: Date; event: WatchedEvent }[] = [];
  let round: NetworkRound | undefined;
  let trouble: string | undefined;
  const view = () =>
    round && inPlace
      ? topView({ round, events, trouble, nameOf: names.of }, STANDARD_TERMINAL.size())
      : [];
  const release = inPlace && Deno.stdin.isTerminal() ? listen(quit) : () => {};
  using live = new Live(view);
  try {
    for (;;) {
      const next = performance.now() + values.interval * 1_000;
      try {
        const isFirst = round === undefined;
        round = await network.round();
        names.learn(round);
        trouble = undefined;
        for (const event of round.events) {
          if (event.kind === "message") continue;
          events.push({ time: new Date(round.time.getTime() - event.agoMs), event });
        }
        events.splice(0, events.length - MAX_EVENTS);
        if (json) print(toJson(round, jsonValue));
        else if (!inPlace) printLines(round, isFirst, names);
      } catch (error) {
        // A network that was never there is a mistake, one that was may come back.
        if (end.aborted || round === undefined) throw error;
        const reason = describeError(error);
        if (!inPlace && reason !== trouble && !json) print(`${clock(new Date())}  ${reason}`);
        trouble = reason;
      }
      // A reader who is slower than the rounds slows them down.
      await unlessAborted(written(), end);
      await unlessAborted(pause(next - performance.now()), end);
    }
  } catch (error) {
    // Watching has no end of its own, so being stopped is success, and so is a reader who has seen enough.
    const isSeen = error instanceof OutputError && error.nobodyReads;
    if (error !== end.reason && !isSeen) throw error;
  } finally {
    release();
  }
  live[Symbol.dispose]();
  view().forEach((line) => print(line));
  return 0;
}

function optionsOf(values: OptionValues<typeof OPTIONS>) {
  const { server, network, "token-file": file, "insecure-token": insecureToken, "tls-ca": tlsCa } =
    values;
  const token = tokenOf(file);
  const servers = server.length > 0
    ? server.map(formatAddress)
    : DEFAULT_PORTS.map((port) => formatAddress(readAddress(`${DEFAULT_HOST}:${port}`)));
  return {
    servers,
    insecureToken,
    ...network !== undefined && { network },
    ...token !== undefined && { token },
    ...tlsCa !== undefined && { tlsCa },
  };
}

/** Reads keys: q ends the program, ctrl-C interrupts it. Returns a function that stops it. */
function listen(quit: AbortController): () => void {
  return KEYBOARD.listen({
    input(text) {
      if (text.includes(CTRL_C)) interrupt();
      else if (/[qQ]/.test(text)) quit.abort();
    },
    resized() {},
    // The next round draws the whole window again.
    resumed() {},
    ended() {},
  });
}

/** Prints a round for a pipe: its events, and a summary. */
function printLines(round: NetworkRound, isFirst: boolean, names: ServerNames): void {
  // What happened before somebody watched is history.
  for (const event of isFirst ? [] : round.events) {
    if (event.kind === "message") continue;
    const time = clock(new Date(round.time.getTime() - event.agoMs));
    print(`${time}  ${names.of(event.at)}: ${eventText(event, names.of)}`);
  }
  const servers = round.servers.map(({ id, status, rates, trouble }) => {
    if (!status) return `${names.of(id)} ${troubleText(trouble!)}`;
    const perSecond = rates === undefined
      ? ""
      : `, ${count(rates.messagesReceived)}/s in, ${count(rates.messagesDelivered)}/s out`;
    const users = `${status.users} user${status.users === 1 ? "" : "s"}`;
    return `${names.of(id)} ${users}${perSecond}`;
  });
  print(`${clock(round.time)}  ${servers.join("; ")}`);
}

/** Errors have no enumerable properties. */
function jsonValue(_key: string, value: unknown): unknown {
  return value instanceof Error
    ? { code: (value as { code?: number }).code, message: value.message }
    : value;
}
