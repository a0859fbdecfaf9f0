/**
 * What a chat talks to, under the control of a test: a screen and a client.
 *
 * @module
 */
import type { DeliveryStatus, Message, Notice, P2pClient, Sent } from "@netlab/p2p/client";
import { Chat } from "../../../p2p/terminal/chat/chat.ts";
import type { Completer, Screen } from "../../../p2p/terminal/screen/screen.ts";
import { within } from "../network.ts";

/** A screen that the test controls. */
export class FakeScreen implements Screen {
  typed = "";
  readonly shown: string[] = [];
  completer: Completer | undefined;
  onKeys: (() => void) | undefined;
  note = "";
  describePaste: ((text: string) => string) | undefined;
  suggested: string | undefined;
  /** All lines that were shown, in order. */
  readonly drawn: string[] = [];
  /** How many lines the chat has read. */
  taken = 0;
  written: () => Promise<void> = () => Promise.resolve();
  /** Whether the person types at the moment. */
  busy = false;
  /** Whether the pinned lines have left the window. */
  scrolled = false;
  readonly #typing = new TransformStream<string, string>(undefined, { highWaterMark: 100 });
  readonly #writer = this.#typing.writable.getWriter();

  constructor(readonly interactive: boolean) {}

  print(line: string): void {
    this.shown.push(line);
  }

  printError(line: string): void {
    this.shown.push(line);
  }

  pin(draw: (columns: number) => readonly string[], lost = () => {}): () => void {
    const at = this.shown.length;
    let length = 0;
    const show = () => {
      const lines = draw(80);
      this.drawn.push(...lines);
      this.shown.splice(at, length, ...lines);
      ({ length } = lines);
    };
    show();
    return () => this.scrolled ? lost() : show();
  }

  suggest(line: string): boolean {
    if (!this.busy) this.suggested = line;
    return !this.busy;
  }

  type(line: string): void {
    void this.#writer.write(line);
  }

  close(): void {
    this.#writer.close().catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncIterator<string> {
    for await (const line of this.#typing.readable) {
      this.taken++;
      yield line;
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A client that the test controls. */
export class FakeClient {
  readonly name = "Alice";
  readonly sent: string[] = [];
  readonly received: Message[] = [];
  list: () => Promise<string[]> = () => Promise.resolve(["Alice", "Bob"]);
  outcome: () => Promise<DeliveryStatus> = () => Promise.resolve("delivered");
  ready: () => Promise<void> = () => Promise.resolve();
  notice: Notice | undefined;
  readonly #end = Promise.withResolvers<void>();

  users(): Promise<string[]> {
    return this.list();
  }

  send(recipient: string, text: string): Promise<Sent> {
    this.sent.push(`${recipient}: ${text}`);
    return Promise.resolve({ id: "", notice: this.notice, delivered: this.outcome() });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    yield* this.received;
    await this.#end.promise;
  }

  close(): Promise<void> {
    this.#end.resolve();
    return Promise.resolve();
  }
}

/** Runs a chat with a client and a screen. Returns a function that ends it. */
export function talk(client: FakeClient, screen: FakeScreen): () => Promise<number> {
  const talking = new Chat(client as unknown as P2pClient, screen).run();
  return () => {
    screen.type("/quit");
    return within("the end", talking);
  };
}
