/**
 * A message of the chat page, and its conversation. Only types and pure functions.
 *
 * @module
 */

/**
 * What is known of a message:
 *
 * - `waiting`: no server has confirmed it;
 * - `accepted`: the network stores it;
 * - `delivered`: the recipient's client has it;
 * - `failed`: the network did not take it, or gave it up;
 * - `received`: somebody else has sent it.
 */
export type MessageState = "waiting" | "accepted" | "delivered" | "failed" | "received";

/** A message that was sent or received. */
export interface ChatMessage {
  /** Its id, a UUID: the same in the network. */
  readonly id: string;
  /** The name of the user who has signed in. */
  readonly account: string;
  /** The name of the other side. */
  readonly peer: string;
  /** The text. */
  readonly text: string;
  /** When it was sent or arrived: milliseconds since 1970. No two of an account are the same. */
  readonly at: number;
  /** What is known of it. */
  state: MessageState;
  /** Why it has failed, or what the server says about it. */
  remark?: string;
}

/** The messages with one other user. */
export interface Conversation {
  /** The name of the other user. */
  readonly peer: string;
  /** The messages, the oldest first. */
  readonly messages: ChatMessage[];
  /** How many messages have arrived while another conversation was open. */
  unread: number;
  /** What was typed and not sent. */
  draft: string;
}

/** When something happened last in a conversation: milliseconds since 1970. */
export function lastAt({ messages }: Conversation): number {
  return messages.at(-1)?.at ?? Infinity;
}
