/**
 * The conversation of a client program: handles the lines that a person types, and shows messages and answers.
 * Owns the wording of the answers, except those of the commands. Must not know the terminal or the network.
 *
 * @module
 */
import {
  describeError,
  dim,
  oneLine,
  red,
  unlessAborted,
  untilAborted,
  yellow,
} from "@netlab/terminal";
import { ErrorCode, NetlabError, shorten } from "@netlab/protocol";
import type { ClientStatus, Notice, P2pClient } from "../../client.ts";
import type { Completion, Screen } from "../screen/screen.ts";
import { type ChatCommand, chatCommands, unknownCommand } from "./chat_commands.ts";
import { type Line, parseLine } from "./chat_line.ts";
import { complete } from "./completion.ts";
import { nearName, typedName } from "./names.ts";
import { Recipients } from "./recipients.ts";
import { Remarks } from "./remarks.ts";
import { Transcript, type TranscriptOptions } from "./transcript.ts";

/** The longest text of a message that was given up which is shown completely: UTF-16 units. */
const MAX_TOLD = 1_000;
/** How long a message to an unknown user waits for an updated list of users: milliseconds. */
const LOOK_UP_MS = 300;
/** A message that no server has stored after this time is marked as waiting: milliseconds. */
const WAITING_MS = 1_000;
/** How long to wait for the next line when nothing can be shown any more: milliseconds. */
const LAST_LINE_MS = 2_000;
/** How long a message may take to be shown when the program is told to stop: milliseconds. */
const LAST_SHOWN_MS = 250;

/** The conversation of one person. */
export class Chat {
  readonly #client: P2pClient;
  readonly #screen: Screen;
  readonly #transcript: Transcript;
  readonly #commands: ReadonlyMap<string, ChatCommand>;
  readonly #sending = new Set<Promise<void>>();
  readonly #recipients: Recipients;
  readonly #remarks = new Remarks();
  #failures = 0;
  /** Aborts when the conversation must end because nothing can be shown. */
  readonly #unseen = new AbortController();
  #inputEnded = false;
  /** Ends the conversation when no line comes any more; set when nothing can be shown. */
  #lastLine: ReturnType<typeof setTimeout> | undefined;
  /** Resolves when the last received message is shown, or cannot be. */
  #showing: Promise<unknown> = Promise.resolve();
  /** Whether received messages are left to the next client of that name. */
  #leaving = false;

  /** Creates a conversation through `client` on `screen`, with commands in addition to the common ones. */
  constructor(
    client: P2pClient,
    screen: Screen,
    commands: Record<string, ChatCommand> = {},
    options: TranscriptOptions = {},
  ) {
    this.#client = client;
    this.#screen = screen;
    this.#transcript = new Transcript(screen, options);
    this.#recipients = new Recipients(() => client.users());
    this.#commands = chatCommands(client, this.#transcript, commands);
  }

  /** Shows a line about the conversation. */
  tell(line: string): void {
    this.#transcript.tell(line);
  }

  /**
   * Handles lines until the input ends or `/quit`, then waits until everything that was sent is accepted. When
   * `stop` aborts, it does not wait, and reports every message that was not accepted.
   *
   * A received message that cannot be shown is not taken: the next client of that name gets it. At a terminal, this
   * ends the conversation. In a pipe, the lines that come without a long pause are still handled.
   * @returns The number of failures that nobody saw at a terminal or that ended the conversation.
   */
  async run(stop?: AbortSignal): Promise<number> {
    const over = AbortSignal.any([this.#unseen.signal, ...stop ? [stop] : []]);
    const ended = untilAborted(over).then(() => this.#screen.close());
    const receiving = this.#receive();
    if (this.#screen.interactive) {
      this.#screen.completer = (before) => this.#complete(before);
      this.#screen.describePaste = (text) => this.#describePaste(text);
      void this.#recipients.refresh();
    }
    for await (const line of this.#screen) {
      if (this.#lastLine !== undefined) this.#awaitLastLine();
      const asked = parseLine(line);
      if (over.aborted) {
        // Lines that were read ahead are not carried out.
        if (asked.kind === "message") this.#giveUp("send", asked.recipient, asked.text);
        continue;
      }
      if (asked.kind === "command" && (asked.name === "quit" || asked.name === "exit")) break;
      if (asked.kind === "message") {
        // A script may write faster than its messages leave. Lines that are not read yet need no memory.
        if (!this.#screen.interactive) {
          await unlessAborted(this.#client.ready(), over).catch(() => {});
        }
        if (over.aborted) this.#giveUp("send", asked.recipient, asked.text);
        else await this.#message(asked);
      } else if (asked.kind === "command") await Promise.race([this.#command(asked), ended]);
      else if (asked.kind !== "nothing") {
        this.#complain(
          asked.kind === "misquoted"
            ? 'Put the name in quotation marks: "A NAME" Hello'
            : `Type a message after the name: ${
              typedName(oneLine(shorten(asked.recipient)))
            } Hello; ` +
              "/help shows more",
        );
      }
    }
    this.#inputEnded = true;
    clearTimeout(this.#lastLine);
    await Promise.race([Promise.all(this.#sending), ended]);
    // A message that was shown must be taken, or the next client of that name would show it again.
    this.#leaving = true;
    await soonAfter(ended, this.#showing);
    await this.#client.close();
    await Promise.all(this.#sending);
    await soonAfter(ended, receiving);
    return this.#failures;
  }

  /** Describes the status of the client in one line. */
  static describe(status: ClientStatus): string | undefined {
    switch (status.state) {
      case "connected": {
        const legacy = status.legacy ? ", a legacy server: nothing is confirmed" : "";
        return dim(`connected to ${status.server}${legacy}`);
      }
      case "waiting":
        return yellow(`${oneLine(status.server)} does not answer; waiting for the server`);
      case "reconnecting":
        return yellow(`${oneLine(status.reason)}; looking for another server`);
      case "closed":
        return status.error && red(describeError(status.error));
    }
  }

  async #receive(): Promise<void> {
    try {
      const messages = this.#client[Symbol.asyncIterator]();
      let next = await messages.next();
      while (!next.done && !this.#leaving) {
        const { sender, text } = next.value;
        // Asking for the next message takes this one, so it must be written first.
        this.#recipients.meet(sender);
        this.#transcript.received(sender, text);
        const showing = this.#written();
        this.#showing = showing;
        if (!await showing) return;
        next = await messages.next();
      }
    } catch {
      // The status line has shown the reason.
      this.#failures++;
      this.#screen.close();
    }
  }

  /** Sends a message, unless the person has probably mistyped the name. */
  async #message({ recipient, text, quoted }: Extract<Line, { kind: "message" }>): Promise<void> {
    const near = this.#screen.interactive && !quoted && await this.#near(recipient);
    if (!near) return this.#send(recipient, text);
    const typed = shorten(recipient);
    const suggested = this.#screen.suggest(`${typedName(near)} ${text}`);
    const how = suggested
      ? "Press Enter to send it to"
      : `Type ${typedName(near)} Hello to write to`;
    this.#screen.print(yellow(oneLine(
      `Not sent: there is no user ${typed}, but there is ${near}. ` +
        `${how} ${near}, or type "${typed}" Hello to write to ${typed} anyway.`,
    )));
  }

  /** The user that a person probably means by an unknown name. */
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

  /** Completes from the last list of users or, without a match, from an updated list. */
  #complete(before: string): Completion | undefined | Promise<Completion | undefined> {
    const completion = () => complete(before, this.#recipients, this.#commands);
    const refreshed = this.#recipients.refresh();
    return completion() ?? refreshed.then(completion);
  }

  #send(recipient: string, text: string): void {
    this.#recipients.meet(recipient);
    const mark = this.#transcript.sent(recipient, text);
    const failed = (error: unknown) => {
      mark("✗");
      this.#complain(describeError(error));
    };
    const timer = this.#screen.interactive
      ? setTimeout(() => mark("waiting for the server"), WAITING_MS)
      : undefined;
    const sending = this.#client.send(recipient, text).then(
      ({ delivered, notice }) => {
        if (notice) this.#remark(recipient, notice);
        const isUnstored = notice?.code === ErrorCode.NotStored;
        let isSettled = false;
        const settled = (outcome: string) => {
          isSettled = true;
          mark(outcome);
        };
        // One tick: a server has stored it. Two: the recipient has received it.
        void delivered.then(
          (status) => settled(status === "sent" ? "sent" : isUnstored ? "✓✓ not stored" : "✓✓"),
          (error) => isClosed(error) || failed(error),
        );
        // With a legacy server, both promises resolve at the same moment.
        queueMicrotask(() => isSettled || isUnstored || mark("✓"));
      },
      (error) => {
        if (isClosed(error)) this.#giveUp("confirm", recipient, text);
        else failed(error);
      },
    ).finally(() => {
      clearTimeout(timer);
      this.#sending.delete(sending);
    });
    this.#sending.add(sending);
  }

  /** Says what Enter does with a text of several lines. */
  #describePaste(text: string): string {
    const asked = parseLine(text);
    if (asked.kind !== "message") return "Enter sends no message with this; ctrl-U discards it:";
    const name = typedName(oneLine(asked.recipient));
    const unknown = this.#recipients.has(asked.recipient) ? "" : `You see no user ${name}. `;
    return `${unknown}Enter sends this to ${name} as one message; ctrl-U discards it:`;
  }

  /** Shows what a server says about a message, once for each recipient. */
  #remark(recipient: string, notice: Notice): void {
    const remark = this.#remarks.line(recipient, notice, this.#recipients);
    if (remark === undefined) return;
    const line = yellow(oneLine(remark));
    if (this.#screen.interactive) this.tell(line);
    else this.#screen.printError(line);
  }

  async #command({ name, argument }: Extract<Line, { kind: "command" }>): Promise<void> {
    const command = this.#commands.get(name);
    if (!command) return this.#complain(unknownCommand(name, this.#commands.keys()));
    if (this.#screen.interactive) {
      this.#screen.print(dim(oneLine(`/${name} ${shorten(argument)}`.trimEnd())));
    }
    try {
      const shown = await command.run(argument);
      const draw = typeof shown === "function" ? shown : () => shown;
      const redraw = this.#screen.pin(draw);
      command.live?.(redraw);
      // A script counts on the answer.
      if (!await this.#written() && !this.#screen.interactive) this.#failures++;
    } catch (error) {
      if (!isClosed(error)) this.#complain(describeError(error));
    }
  }

  #complain(what: string): void {
    // A person sees the line; a script needs the exit code.
    if (!this.#screen.interactive) this.#failures++;
    this.#screen.printError(red(what));
  }

  /** Reports a message that was given up because the conversation ended. */
  #giveUp(what: "send" | "confirm", recipient: string, text: string): void {
    this.#complain(
      `Cannot ${what} the message to ${
        oneLine(shorten(recipient))
      }: the program was stopped first; ` +
        `the text was: ${oneLine(shorten(text, MAX_TOLD))}`,
    );
  }

  /** Waits until everything is shown. Returns whether that was possible. */
  async #written(): Promise<boolean> {
    try {
      await this.#screen.written();
      return true;
    } catch (error) {
      this.#cannotShow(error);
      return false;
    }
  }

  /** Ends a conversation at a terminal. In a pipe there may be lines that can still be sent. */
  #cannotShow(error: unknown): void {
    if (this.#screen.interactive) return this.#unseen.abort();
    if (this.#lastLine !== undefined) return;
    this.#screen.printError(
      red(`${describeError(error)}; messages to you stay on the network, and lines are still sent`),
    );
    this.#awaitLastLine();
  }

  /** Ends the conversation when the next line does not come soon. */
  #awaitLastLine(): void {
    if (this.#inputEnded) return;
    clearTimeout(this.#lastLine);
    this.#lastLine = setTimeout(() => {
      if (this.#sending.size > 0) return this.#awaitLastLine();
      this.#complain("Cannot go on: nothing can be shown, and standard input has not ended");
      this.#unseen.abort();
    }, LAST_LINE_MS);
  }
}

/** Whether the outcome is unknown only because the client was closed. */
function isClosed(error: unknown): boolean {
  return error instanceof NetlabError && error.code === ErrorCode.Closed;
}

/** Waits for `work`, but not much longer than for `ended`. */
async function soonAfter(ended: Promise<void>, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  let timer;
  const late = ended.then(() =>
    new Promise<void>((resolve) => isDone || (timer = setTimeout(resolve, LAST_SHOWN_MS)))
  );
  await Promise.race([work, late]);
  isDone = true;
  clearTimeout(timer);
}
