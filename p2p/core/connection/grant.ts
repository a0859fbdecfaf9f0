/**
 * What a token says about the party at the other end of a connection. Does not know how a token is checked.
 *
 * @module
 */

/** What a party may do on a network with keys. */
export const ROLES = ["user", "server", "observer"] as const;

/** One of {@linkcode ROLES}. */
export type Role = typeof ROLES[number];

/** The claims of a token that was checked. */
export interface Grant {
  /** Who the party is: the name of a user, or what a server or an observer is called. */
  readonly subject: string;
  /** What the party may do. */
  readonly role: Role;
  /** When the token expires: milliseconds since 1970. */
  readonly expiresAt: number;
  /** The id of the token; `undefined` if it has none. */
  readonly id: string | undefined;
  /** The thumbprint of the server's key to which it is bound, see `keyThumbprint` of the codec; `undefined` if to none. */
  readonly boundTo: string | undefined;
  /** The key that has signed it. Only the checker of tokens knows what this is. */
  readonly key: unknown;
}
