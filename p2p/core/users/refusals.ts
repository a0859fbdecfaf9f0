/**
 * The errors that tell a user why a name cannot be had or kept. Owns their wording, and which of them end the
 * connection.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";

/** The connection is registered as `party`: the name of a user, or "a server". */
export function registeredAlready(name: string, party: string): NetlabError {
  return new NetlabError(
    ErrorCode.AlreadyRegistered,
    `Cannot register as ${name}: this connection is registered as ${party}`,
  );
}

/** The server at `address` takes no new users. */
export function leaving(name: string, address: string): NetlabError {
  return new NetlabError(
    ErrorCode.ServerClosing,
    `Cannot register as ${name}: the server ${address} is leaving`,
  );
}

/**
 * The name is taken at the server `where`. A session may choose another name on the same connection. The
 * connection of a legacy client cannot, so the error is fatal for it.
 */
export function taken(
  name: string,
  where: string,
  fatal: boolean,
  what = "the name",
): NetlabError {
  return new NetlabError(
    ErrorCode.NameTaken,
    `Cannot register as ${name}: ${what} is taken by a user on ${where}; choose another`,
    { fatal },
  );
}

/**
 * The name is protected by a secret, which the user did not prove to know. The error is fatal for a legacy client,
 * as that of {@linkcode taken}.
 */
export function isProtected(name: string, fatal = false): NetlabError {
  return new NetlabError(
    ErrorCode.NameProtected,
    `Cannot use the name ${name}: it is protected by a secret, and yours is missing or wrong; choose another name`,
    { fatal },
  );
}

/** The server protects as many names as it may. */
export function tooManyProtected(name: string): NetlabError {
  return new NetlabError(
    ErrorCode.StorageFull,
    `Cannot protect the name ${name}: this server protects as many names as it may; try another server`,
  );
}

/** The session has registered on another connection. */
export function replaced(name: string): NetlabError {
  return new NetlabError(
    ErrorCode.Replaced,
    `Cannot go on as ${name}: the session has registered on another connection`,
    { fatal: true },
  );
}
