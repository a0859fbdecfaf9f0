/**
 * The end of a user's connection to a server: signing off, and waiting until the server has read everything. Owns
 * how long each step may take.
 *
 * @module
 */
import { DisconnectKind, writeDisconnect } from "@netlab/protocol/codec";
import type { FrameConnection } from "@netlab/protocol/connection";

/** How long to wait until other servers know of a move, if the server does not confirm it: milliseconds. */
const MOVE_MS = 500;
/** How long to wait for the server to read what is pending and to close the connection: milliseconds. */
const LEAVE_MS = 5_000;
/** How long to wait for the server to close the connection when nothing is pending: milliseconds. */
const LEAVE_IDLE_MS = 1_000;
/** How long to wait for a legacy server, which has nothing left to deliver: milliseconds. */
const LEAVE_LEGACY_MS = 250;

/** How a user signs off. */
export interface SignOff {
  /** The user's name. */
  readonly name: string;
  /** Whether the session has moved to another server. */
  readonly moves: boolean;
  /** Whether the server is a legacy one. */
  readonly legacy: boolean;
  /** Whether the server confirms that a user signs off, by closing the connection. */
  readonly readsDisconnect: boolean;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<unknown>;
  /** Ends the connection at once. */
  giveUp(): void;
}

/** Signs a user off and ends the connection. What the server has already sent still arrives. */
export async function signOff(
  connection: FrameConnection,
  { name, moves, legacy, readsDisconnect, ended, giveUp }: SignOff,
): Promise<void> {
  const wasIdle = !connection.isWriting;
  if (legacy) {
    // The legacy RTT server needs this to forget the user; the legacy p2p server ignores it.
    writeDisconnect(connection.out, name, DisconnectKind.Leave);
  } else if (readsDisconnect) {
    writeDisconnect(connection.out, name, moves ? DisconnectKind.Move : DisconnectKind.Leave);
  } else if (moves) {
    const timer = Promise.withResolvers<void>();
    const id = setTimeout(timer.resolve, MOVE_MS);
    await Promise.race([timer.promise, ended]);
    clearTimeout(id);
  }
  // If the server has stopped reading, the connection cannot be closed in the normal way.
  let timer = setTimeout(giveUp, wasIdle && !moves ? LEAVE_IDLE_MS : LEAVE_MS);
  if (!moves || !readsDisconnect) await connection.end();
  if (legacy) {
    clearTimeout(timer);
    timer = setTimeout(giveUp, LEAVE_LEGACY_MS);
  }
  await ended;
  clearTimeout(timer);
}
