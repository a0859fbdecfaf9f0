/**
 * The conversation of the client programs: what a person types, and what they see of it. Owns the
 * syntax of a line and the words of the answers; knows neither the terminal nor how messages travel.
 *
 * @module
 */
import {
  bold,
  clip,
  cyan,
  describeError,
  dim,
  oneLine,
  red,
  untilAborted,
  yellow,
} from "@netlab/terminal";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import type { ClientStatus, P2pClient } from "../client.ts";
import { complete, nearName, Recipients, typedName } from "./recipients.ts";
import type { Completion, Screen } from "./screen.ts";

/** Draws lines for a window of so many columns. */
export type Picture = (columns: number) => readonly string[];

/** A command besides writing to somebody. */
export interface ChatCommand {
  /** What it does, for `/help`. */
  readonly help: string;
  /** Runs the command. Returns the lines to show, or what draws them. */
  run(): Promise<readonly string[] | Picture>;
  /** Receives a function that redraws the lines in their place, as long as they are in the window. */
  live?(again: () => void): void;
}

const HELP = [
  "RECIPIENT MESSAGE           sends the message to that user",
  '"A NAME WITH SPACES" TEXT   the same, for a name with spaces',
  "TAB                         completes a name or a command",
  "Bob: Hello                  a message that you received",
  "→ Bob: Hello                a message that you sent; the mark at its end means:",
  "  ✓                         the network has stored it safely",
  "  ✓✓                        Bob has received it",
  "  sent                      handed to a legacy program, which confirms nothing",
  "  ✗                         not delivered; another line says why",
];

/** What a line asks for. */
type Line =
  | { kind: "nothing" }
  | { kind: "command"; name: string }
  | { kind: "message"; recipient: string; text: string; quoted?: true }
  | { kind: "incomplete"; recipient: string }
  | { kind: "misquoted" };

/** What a line asks for: a command behind a slash, or a message behind the name of its recipient. */
export function parseLine(line: string): Line {
  const trimmed = line.trim();
  if (trimmed === "") return { kind: "nothing" };
  if (trimmed.startsWith("/")) return { kind: "command", name: trimmed.slice(1).split(/\s/)[0]! };
  const match = /^\s*(?:"([^"]+)"|([^\s"]\S*))(?:\s([^]*))?$/.exec(line);
  if (!match) return { kind: "misquoted" };
  const recipient = (match[1] ?? match[2])!;
  const text = match[3]?.trim();
  if (!text) return { kind: "incomplete", recipient };
  return { kind: "message", recipient, text, ...match[1] !== undefined && { quoted: true } };
}

/** How long a message to an unknown user waits for the list of users: milliseconds. */
const LOOK_UP_MS = 300;

/** One person's conversation. */
export class Chat {
  readonly #client: P2pClient;
  readonly #screen: Screen;
  readonly #commands: Record<string, ChatCommand>;
  readonly #sending = new Set<Promise<void>>();
  readonly #recipients: Recipients;
  #failures = 0;
  /** Why nothing can be shown any more; ends the conversation. */
  #broken: unknown;
  readonly #breaking = new AbortController();

  /** A conversation through `client` on `screen`, with commands besides the common ones. */
  constructor(client: P2pClient, screen: Screen, commands: Record<string, ChatCommand> = {}) {
    this.#client = client;
    this.#screen = screen;
    this.#recipients = new Recipients(() => client.users());
    this.#commands = {
      users: { help: "lists who can be written to", run: () => this.#users() },
      servers: { help: "lists the servers, yours marked", run: () => this.#servers() },
      ...commands,
      help: { help: "shows this", run: () => Promise.resolve(this.#help()) },
    };
  }

  /**
   * Talks until the input ends or `/quit`, and then until everything that was sent is answered. When `stop`
   * aborts it waits for nothing more, and tells of every message that is not known to be safe.
   *
   * @returns How many things failed that no person has seen, or that ended the conversation.
   * @throws {OutputError} When something cannot be shown. A message that could not is not taken: the next client
   *   of that name gets it.
   */
  async run(stop?: AbortSignal): Promise<number> {
    const over = AbortSignal.any([this.#breaking.signal, ...stop ? [stop] : []]);
    const ended = untilAborted(over).then(() => this.#screen.close());
    const receiving = this.#receive();
    if (this.#screen.interactive) {
      this.#screen.completer = (before) => this.#complete(before);
      void this.#recipients.refresh();
    }
    for await (const line of this.#screen) {
      const asked = parseLine(line);
      if (over.aborted) {
        // What was read ahead is not begun any more.
        if (asked.kind === "message") this.#giveUp("send", asked.recipient, asked.text);
        continue;
      }
      if (asked.kind === "command" && (asked.name === "quit" || asked.name === "exit")) break;
      if (asked.kind === "message") await this.#message(asked);
      else if (asked.kind === "command") await Promise.race([this.#command(asked.name), ended]);
      else if (asked.kind !== "nothing") {
        this.#complain(
          asked.kind === "misquoted"
            ? 'Put the name between two quotation marks: "A NAME" Hello'
            : `Type a message behind the name: ${typedName(oneLine(asked.recipient))} Hello; ` +
              "/help shows more",
        );
      }
    }
    await Promise.race([Promise.all(this.#sending), ended]);
    await this.#client.close();
    await Promise.all(this.#sending);
    await receiving;
    // A terminal that has gone is a reason to stop, and no failure.
    const gone = stop?.aborted && this.#screen.interactive;
    if (this.#broken !== undefined && !gone) throw this.#broken;
    return this.#failures;
  }

  /** Shows where the client stands. */
  static describe(status: ClientStatus): string | undefined {
    switch (status.state) {
      case "connected": {
        const plain = status.legacy ? ", a legacy server: nothing is confirmed" : "";
        return dim(`connected to ${status.server}${plain}`);
      }
      case "reconnecting":
        return yellow(`${oneLine(status.reason)}; looking for another server`);
      case "closed":
        return status.error && red(describeError(status.error));
    }
  }

  async #receive(): Promise<void> {
    try {
      const messages = this.#client[Symbol.asyncIterator]();
      for (let next = await messages.next(); !next.done; next = await messages.next()) {
        const { sender, text } = next.value;
        // To ask for the next one is to have taken this one: it has to be written first.
        if (!this.#show(this.#received(sender, text))) return;
      }
    } catch {
      // The status has told why.
      this.#failures++;
      this.#screen.close();
    }
  }

  #received(sender: string, text: string): string {
    this.#recipients.meet(sender);
    if (!this.#screen.interactive) return `${oneLine(sender)}: ${oneLine(text)}`;
    // A legacy server may deliver a text that names no sender.
    if (sender === "") return `${dim("(unknown sender)")} ${oneLine(text)}`;
    return `${bold(cyan(typedName(oneLine(sender))))}: ${oneLine(text)}`;
  }

  /** Sends a message, unless a person has probably mistyped somebody's name. */
  async #message({ recipient, text, quoted }: Extract<Line, { kind: "message" }>): Promise<void> {
    const near = this.#screen.interactive && !quoted && await this.#near(recipient);
    if (!near) return this.#send(recipient, text);
    const suggested = this.#screen.suggest(`${typedName(near)} ${text}`);
    const way = suggested
      ? "Press Enter to send it to"
      : `Type ${typedName(near)} Hello to write to`;
    this.#show(yellow(oneLine(
      `Not sent: there is no user ${recipient}, but there is ${near}. ` +
        `${way} ${near}, or type "${recipient}" Hello to write to ${recipient} anyway.`,
    )));
  }

  /** The user whom a person probably means by a name that nobody has. */
  async #near(recipient: string): Promise<string | undefined> {
    if (this.#recipients.has(recipient)) return undefined;
    let timer;
    await Promise.race([
      this.#recipients.refresh(),
      new Promise<void>((resolve) => timer = setTimeout(resolve, LOOK_UP_MS)),
    ]);
    clearTimeout(timer);
    return this.#recipients.has(recipient) ? undefined : nearName(recipient, this.#recipients);
  }

  /** Completes from the last list of users or, if there is no match, from the next one. */
  #complete(before: string): Completion | undefined | Promise<Completion | undefined> {
    const commands = [...Object.keys(this.#commands), "quit"];
    const completion = () => complete(before, this.#recipients, commands);
    const refreshed = this.#recipients.refresh();
    return completion() ?? refreshed.then(completion);
  }

  #send(recipient: string, text: string): void {
    this.#recipients.meet(recipient);
    const mark = this.#sentLine(recipient, text);
    const failed = (error: unknown) => {
      mark("✗");
      this.#complain(describeError(error));
    };
    const sending = this.#client.send(recipient, text).then(
      ({ delivered }) => {
        let isOver = false;
        const over = (is: string) => {
          isOver = true;
          mark(is);
        };
        // One tick: the network has stored it safely. Two: the recipient has received it.
        void delivered.then(
          (how) => over(how === "sent" ? "sent" : "✓✓"),
          (error) => isClosed(error) || failed(error),
        );
        // A legacy server accepts and confirms nothing, both in the same moment.
        queueMicrotask(() => isOver || mark("✓"));
      },
      (error) => {
        if (isClosed(error)) this.#giveUp("confirm", recipient, text);
        else failed(error);
      },
    ).finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Shows a person what they send. Returns a function that sets the mark at its end. */
  #sentLine(recipient: string, text: string): (mark: string) => void {
    if (!this.#screen.interactive) return () => {};
    const line = `→ ${typedName(oneLine(recipient))}: ${oneLine(text)}`;
    let mark = "";
    const draw = () => [dim(mark === "" ? line : `${line}  ${mark}`)];
    // Once it has left the window, its outcome is shown in a new line.
    const remind = (columns: number) => [dim(`${clip(line, columns - mark.length - 3)}  ${mark}`)];
    const lost = () => {
      if (mark !== "✓") again = this.#try(() => this.#screen.pin(remind, lost));
    };
    let again = this.#try(() => this.#screen.pin(draw, lost));
    return (is) => {
      mark = is;
      this.#try(() => again?.());
    };
  }

  async #command(name: string): Promise<void> {
    const command = this.#commands[name];
    if (!command) {
      return this.#complain(`There is no command /${name}; /help lists those that there are`);
    }
    if (this.#screen.interactive) this.#show(dim(`/${name}`));
    try {
      const shown = await command.run();
      const draw = typeof shown === "function" ? shown : () => shown;
      const again = this.#try(() => this.#screen.pin(draw));
      if (again) command.live?.(again);
    } catch (error) {
      this.#complain(describeError(error));
    }
  }

  #complain(what: string): void {
    // A person sees it and goes on; a script has to be told by the exit status.
    if (!this.#screen.interactive) this.#failures++;
    this.#show(red(what));
  }

  /** Tells of a message that was given up because the conversation is over. */
  #giveUp(what: "send" | "confirm", recipient: string, text: string): void {
    this.#complain(
      `Cannot ${what} the message to ${recipient}: told to stop; it was: ${oneLine(text)}`,
    );
  }

  /** Shows a line; whether that was possible. */
  #show(line: string): boolean {
    return this.#try(() => {
      this.#screen.print(line);
      return true;
    }) ?? false;
  }

  /** Shows something. Where that fails, the conversation is over: nobody would see what comes. */
  #try<T>(show: () => T): T | undefined {
    if (this.#broken !== undefined) return undefined;
    try {
      return show();
    } catch (error) {
      this.#broken = error;
      this.#breaking.abort();
      return undefined;
    }
  }

  async #users(): Promise<string[]> {
    const users = (await this.#client.users()).sort();
    return users.map((user) =>
      user === this.#client.name ? `${user} ${dim("(you)")}` : oneLine(user)
    );
  }

  async #servers(): Promise<string[]> {
    const servers = (await this.#client.servers()).sort();
    return servers.map((server) =>
      server === this.#client.server ? `${server} ${dim("(yours)")}` : server
    );
  }

  #help(): string[] {
    const commands = Object.entries({
      ...this.#commands,
      quit: { help: "leaves; so do ctrl-C and ctrl-D" },
    });
    return [...HELP, ...commands.map(([name, { help }]) => `${`/${name}`.padEnd(27)} ${help}`)];
  }
}

/** Whether a story has no end only because the client was closed. */
function isClosed(error: unknown): boolean {
  return error instanceof NetlabError && error.code === ErrorCode.Closed;
}
