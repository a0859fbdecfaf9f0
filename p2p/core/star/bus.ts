/**
 * What a star of servers needs from what is in its middle, such as NATS: frames to other servers, heartbeats, and a table with revisions that
 * all servers see. Tests implement it in memory. Knows neither users nor connections.
 *
 * @module
 */

/** What became of a change of the table. */
export type Written =
  /** It was made: the revision of the entry. */
  | { readonly revision: number }
  /** The entry has another revision. */
  | "conflict"
  /** The table cannot be reached. The change may be made later all the same. */
  | "failed";

/** An entry of the table. */
export interface Entry {
  /** Its value; `undefined` if it was deleted. */
  readonly value: Uint8Array | undefined;
  /** Its revision: it grows with each change of the table. 0 if there never was such an entry. */
  readonly revision: number;
}

/** Sends to other servers, and changes the table. Results come later, as events do. */
export interface Bus {
  /**
   * Sends whole frames to a server, by its id. They are copied.
   *
   * @returns Whether more may be sent. If not, `ready` is called later.
   */
  send(server: string, frames: Uint8Array): boolean;
  /** Tells all servers that this one is alive, and how often it has lost the bus. */
  beat(): void;
  /** Tells all servers that this one leaves. */
  leave(): void;
  /**
   * Changes an entry if it has this revision.
   *
   * @param value The new value; `undefined` deletes the entry.
   * @param revision The revision that the entry must have; 0 if there must be no value, -1 if any
   *   revision will do.
   */
  write(
    key: string,
    value: Uint8Array | undefined,
    revision: number,
    done: (written: Written) => void,
  ): void;
  /** Reads an entry. `undefined` means that the table cannot be reached. */
  read(key: string, done: (entry: Entry | undefined) => void): void;
}

/** What happens on the bus. */
export interface BusEvents {
  /** Whole frames of another server have arrived. They may be modified. */
  frames(from: string, frames: Uint8Array): void;
  /**
   * Another server is alive.
   *
   * @param losses How often it has lost the bus. Frames to it may have been lost with it.
   */
  beat(from: string, losses: number): void;
  /** The bus is lost for now: nobody can be reached, and frames may be lost. */
  lost(): void;
  /** Another server has left. */
  left(from: string): void;
  /** An entry of the table was changed, by this server or another one, or was there at the beginning. */
  changed(key: string, entry: Entry): void;
  /** More may be sent. */
  ready(): void;
}
