/**
 * A user of the chat page: registers with the shipped client, sends, receives, and keeps what must survive when the
 * page is loaded again. Draws nothing.
 *
 * @module
 */
import "../../common/connection/set_immediate.ts";
import { type ClientStatus, type Message, P2pClient, randomUuid } from "@netlab/p2p/client";
import type { Servers } from "../../common/connection/servers.ts";
import { Changes } from "../../common/view.ts";
import { Conversations } from "./conversations.ts";
import type { ChatMessage } from "./message.ts";
import { Directory } from "./directory.ts";
import { People } from "./people.ts";
import { MessageStore } from "./message_store.ts";

/** How long a message may wait for a server: it waits until there is one. Milliseconds. */
const SEND_MS = 30 * 24 * 3_600_000;

/** Who signs in. */
export interface Account {
  /** The name of the user. */
  readonly name: string;
  /** The token, on a network with keys; empty without one. */
  readonly token: string;
}

/** A user who has signed in. */
export class Chat extends Changes {
  /** The name of the user, as the network knows it. */
  readonly name: string;
  readonly conversations = new Conversations();
  readonly people: People;
  /** The state of the connection. */
  status: ClientStatus;
  /** Whether messages survive when the page is loaded again. */
  readonly isKeeping: boolean;
  readonly #client: P2pClient;
  readonly #store: MessageStore | undefined;

  private constructor(
    client: P2pClient,
    status: ClientStatus,
    store: MessageStore | undefined,
  ) {
    super();
    this.#client = client;
    this.name = client.name;
    this.status = status;
    this.#store = store;
    this.isKeeping = store !== undefined;
    const directory = new Directory(client);
    this.people = new People(() => directory.read());
  }

  /**
   * Registers a user, and sends what an earlier page could not confirm. Throws the errors of `P2pClient.connect`.
   */
  static async signIn({ name, token }: Account, servers: Servers): Promise<Chat> {
    let status: ClientStatus = { state: "reconnecting", reason: "" };
    let changed = (next: ClientStatus) => {
      status = next;
    };
    const client = await P2pClient.connect({
      name,
      servers: [servers.own],
      dial: servers.dial,
      // The page may know servers of which the client has not heard.
      rank: (known) => Promise.resolve(servers.order(known)),
      sendTimeoutMs: SEND_MS,
      ...token !== "" && { token },
      onStatus: (next) => changed(next),
    });
    // Some browsers store nothing in private windows.
    const store = await MessageStore.open(client.name).catch(() => undefined);
    const chat = new Chat(client, status, store);
    changed = (next) => chat.#changed(next);
    await chat.#load();
    void chat.#receive();
    return chat;
  }

  /** Sends a message. What becomes of it is shown in its conversation. */
  async send(peer: string, text: string): Promise<void> {
    const message: ChatMessage = {
      id: randomUuid(),
      account: this.name,
      peer,
      text,
      at: this.conversations.now(),
      state: "waiting",
    };
    this.conversations.add(message, true);
    // If the page ends after this, the next one sends it again.
    await this.#keep(message);
    await this.#send(message);
  }

  /** Sends a message again that has failed. */
  async retry(message: ChatMessage): Promise<void> {
    await this.#set(message, "waiting");
    await this.#send(message);
  }

  /** Signs off, and forgets the messages in this browser. */
  async signOut(): Promise<void> {
    this.people.close();
    await this.#client.close();
    await this.#store?.clear().catch(() => {});
    this.#store?.close();
  }

  /** Signs off. The messages stay in this browser. */
  async leave(): Promise<void> {
    this.people.close();
    await this.#client.close();
    this.#store?.close();
  }

  /** Shows the messages of the last page, and goes on with those that were not delivered. */
  async #load(): Promise<void> {
    for (const message of await this.#store?.all() ?? []) {
      this.conversations.add(message, true);
      if (message.state === "waiting") void this.#send(message);
      else if (message.state === "accepted") {
        void this.#follow(message, this.#client.follow(message.peer, message.id));
      }
    }
  }

  async #send(message: ChatMessage): Promise<void> {
    const { id, peer, text } = message;
    try {
      const { delivered, notice } = await this.#client.send(peer, text, { id });
      await this.#set(message, "accepted", notice?.message);
      await this.#follow(message, delivered);
    } catch (error) {
      // The page may end before the server has answered.
      if (this.status.state !== "closed") await this.#set(message, "failed", reasonOf(error));
    }
  }

  async #follow(message: ChatMessage, delivered: Promise<unknown>): Promise<void> {
    try {
      await delivered;
      await this.#set(message, "delivered");
    } catch (error) {
      if (this.status.state !== "closed") await this.#set(message, "failed", reasonOf(error));
    }
  }

  async #receive(): Promise<void> {
    try {
      for await (const message of this.#client) {
        // The next round tells the network that it needs no other copy, so the message must be kept before.
        await this.#received(message);
      }
    } catch {
      // The status says why.
    }
  }

  async #received({ id, sender, text }: Message): Promise<void> {
    // An earlier page may have shown it, whose answer was lost. A message to oneself is shown where it was sent.
    if (this.conversations.find(id)) return;
    const message: ChatMessage = {
      id,
      account: this.name,
      peer: sender,
      text,
      at: this.conversations.now(),
      state: "received",
    };
    await this.#keep(message);
    this.conversations.add(message, document.visibilityState === "visible" && this.#isOpen(sender));
  }

  #isOpen(peer: string): boolean {
    return this.conversations.open?.peer === peer;
  }

  async #set(message: ChatMessage, state: ChatMessage["state"], remark?: string): Promise<void> {
    message.state = state;
    delete message.remark;
    if (remark !== undefined) message.remark = remark;
    this.conversations.tell();
    await this.#keep(message);
  }

  /** A full disk must not end the chat: the message is then only on this page. */
  async #keep(message: ChatMessage): Promise<void> {
    await this.#store?.put(message).catch(() => {});
  }

  #changed(status: ClientStatus): void {
    this.status = status;
    this.tell();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
