/**
 * The registration of a session at a netlab server. Owns what the server learns of the session's key and of the secret
 * that protects the name. `handshake.ts` owns the frames.
 *
 * @module
 */
import { Capability, readServerId } from "@netlab/protocol/codec";
import type { NameSecret } from "../name_secret.ts";
import type { Handshake } from "./handshake.ts";

/** A user who registers. */
export interface RegisteringUser {
  /** The user's name. */
  readonly name: string;
  /** The session's key: a UUID. */
  readonly key: string;
  /** The secret that protects the name, if there is one. */
  readonly secret?: NameSecret | undefined;
}

/**
 * Registers a session. Throws the errors of {@linkcode Handshake}.
 *
 * @param capabilities What the server says it can do.
 * @returns Whether the user has proved the secret, so that the server takes records about the name.
 */
export async function registerSession(
  handshake: Handshake,
  capabilities: ReadonlySet<string>,
  { name, key, secret }: RegisteringUser,
): Promise<boolean> {
  // An older server tells every other server what it gets.
  const hasKeys = capabilities.has(Capability.Key);
  const server = capabilities.has(Capability.Secret) ? readServerId(capabilities) : undefined;
  const isProtected = secret !== undefined && server !== undefined;
  const id = hasKeys && !isProtected ? undefined : await sessionIdOf(key);
  const session = hasKeys ? key : id!;
  if (!isProtected) await handshake.register({ name, session });
  else {
    await handshake.register({ name, session, signature: secret.registration(server, id!) });
  }
  return isProtected;
}

/** Returns the id under which servers know the session with this key. */
async function sessionIdOf(key: string): Promise<string> {
  // Few clients need it.
  return (await import("@netlab/protocol/session-id")).sessionIdOf(key);
}
