/**
 * All conversations of a user: in which one a message is, what was seen, and which one is open. Does not know how
 * messages are sent or stored.
 *
 * @module
 */
import { Changes } from "../../common/view.ts";
import { type ChatMessage, type Conversation, lastAt } from "./message.ts";

/** The conversations of one user. */
export class Conversations extends Changes {
  readonly #byPeer = new Map<string, Conversation>();
  readonly #byId = new Map<string, ChatMessage>();
  #open: string | undefined;
  #lastAt = 0;
  /** The last message that arrived while nobody looked at its conversation. */
  lastUnseen: ChatMessage | undefined;

  /** The conversations, the one with the latest message first. */
  get list(): Conversation[] {
    return [...this.#byPeer.values()].sort((a, b) => lastAt(b) - lastAt(a));
  }

  /** The conversation that is open. */
  get open(): Conversation | undefined {
    return this.#open === undefined ? undefined : this.#byPeer.get(this.#open);
  }

  /** How many messages were not seen, in all conversations. */
  get unread(): number {
    return this.list.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Opens the conversation with a user, or none. */
  select(peer: string | undefined): void {
    const before = this.open;
    // A conversation without a word is not kept.
    if (before && before.messages.length === 0 && before.draft === "" && before.peer !== peer) {
      this.#byPeer.delete(before.peer);
    }
    this.#open = peer;
    if (peer !== undefined) this.with(peer).unread = 0;
    this.tell();
  }

  /** Returns the conversation with a user, which begins now if there was none. */
  with(peer: string): Conversation {
    let conversation = this.#byPeer.get(peer);
    if (!conversation) {
      conversation = { peer, messages: [], unread: 0, draft: "" };
      this.#byPeer.set(peer, conversation);
    }
    return conversation;
  }

  /** Returns the message with this id. */
  find(id: string): ChatMessage | undefined {
    return this.#byId.get(id);
  }

  /** Returns the time for a new message, after that of all others: milliseconds since 1970. */
  now(): number {
    return this.#lastAt = Math.max(Date.now(), this.#lastAt + 0.01);
  }

  /** Adds a message, the latest of its conversation. */
  add(message: ChatMessage, isSeen: boolean): void {
    this.#byId.set(message.id, message);
    this.#lastAt = Math.max(this.#lastAt, message.at);
    const conversation = this.with(message.peer);
    conversation.messages.push(message);
    if (!isSeen) {
      conversation.unread++;
      this.lastUnseen = message;
    }
    this.tell();
  }
}
