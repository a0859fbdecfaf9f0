/**
 * The history of a run, event by event, as its users saw it. A checker reads nothing else.
 *
 * @module
 */

/** A user gave a message to the network. */
export interface SentEvent {
  /** `sent` for a durable message, `posted` for an ephemeral one. */
  readonly kind: "sent" | "posted";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
  /** The id of the message, unique in the run. */
  readonly id: string;
  /** The name of the sender. */
  readonly sender: string;
  /** The name of the recipient. */
  readonly recipient: string;
  /** Grows with each message of this kind from this sender to this recipient. */
  readonly sequence: number;
}

/** The network told the sender that it has stored a durable message, or that it will not deliver it. */
export interface AnsweredEvent {
  /** What the network answered. */
  readonly kind: "accepted" | "refused";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
  /** The id of the message. */
  readonly id: string;
}

/** The program of a recipient received a message. */
export interface SeenEvent {
  /** The kind of this event. */
  readonly kind: "seen";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
  /** The id of the message. */
  readonly id: string;
  /** The name of the user who received it. */
  readonly recipient: string;
  /** The name of the sender that the recipient was told. */
  readonly sender: string;
}

/** The connection of a user to the network changed. */
export interface UserEvent {
  /**
   * - `disconnected`: the user lost the connection. Order is guaranteed only while a sender is connected.
   * - `moved`: the user is at another server and did not lose the connection.
   * - `left`: the user is away until the next `returned`. A message does not age while its recipient is away.
   */
  readonly kind: "disconnected" | "moved" | "left" | "returned";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
  /** The name of the user. */
  readonly user: string;
}

/**
 * A server, link or route changed, or is about to. Ephemeral messages that are posted from then on may be
 * lost, or be overtaken on another route.
 */
export interface ChangeEvent {
  /** The kind of this event. */
  readonly kind: "changed";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
}

/** A disk damaged a message, perhaps the only copy. It need not be seen any more. */
export interface DamagedEvent {
  /** The kind of this event. */
  readonly kind: "damaged";
  /** When: milliseconds on the clock of the run. */
  readonly at: number;
  /** The id of the message. */
  readonly id: string;
}

/** Something that happened in a run. */
export type HistoryEvent =
  | SentEvent
  | AnsweredEvent
  | SeenEvent
  | UserEvent
  | ChangeEvent
  | DamagedEvent;
