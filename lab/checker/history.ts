/**
 * What happened in a run, event by event, as its users saw it: what a checker is given. Pure data.
 *
 * @module
 */

/** A user handed a message to the network: `sent` it, so that it is kept, or `posted` it, so that nobody does. */
export interface SentEvent {
  /** What happened. */
  readonly kind: "sent" | "posted";
  /** When: milliseconds, by the one clock of the run. */
  readonly at: number;
  /** The message: each has an id of its own. */
  readonly id: string;
  /** Who sent it. */
  readonly sender: string;
  /** Whom it is for. */
  readonly recipient: string;
  /** Its place among those of this kind from this sender to this recipient, ascending. */
  readonly sequence: number;
}

/** The network told the sender that it has a message safe, or that it will not deliver it. */
export interface AnsweredEvent {
  /** What happened. */
  readonly kind: "accepted" | "refused";
  /** When: milliseconds. */
  readonly at: number;
  /** The message. */
  readonly id: string;
}

/** A user was given a message. */
export interface SeenEvent {
  /** What happened. */
  readonly kind: "seen";
  /** When: milliseconds. */
  readonly at: number;
  /** The message. */
  readonly id: string;
  /** Who saw it. */
  readonly recipient: string;
  /** Who sent it, by what the recipient was told. */
  readonly sender: string;
}

/**
 * Where a user stands has changed. One who is `disconnected` has lost the connection to the network; one
 * who `moved` is at another server and did not lose it; one who `left` is away until they `returned`. Order
 * is promised only while a sender is connected, and time counts only while a recipient is there.
 */
export interface UserEvent {
  /** What happened. */
  readonly kind: "disconnected" | "moved" | "left" | "returned";
  /** When: milliseconds. */
  readonly at: number;
  /** Whom it is about. */
  readonly user: string;
}

/**
 * Something about the servers or their links has changed, or is about to: what is posted from then on may
 * be lost, or be overtaken on another way.
 */
export interface ChangeEvent {
  /** What happened. */
  readonly kind: "changed";
  /** When: milliseconds. */
  readonly at: number;
}

/** Something that happened in a run. */
export type HistoryEvent = SentEvent | AnsweredEvent | SeenEvent | UserEvent | ChangeEvent;
