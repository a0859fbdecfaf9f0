/**
 * Judges why a client could not use servers, and says it in one error. Must not know connections.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol/codec";
import { isTokenError } from "./own_token.ts";

/**
 * Returns the error of an attempt to connect to these servers when all have failed.
 *
 * @param failures Why; empty when the attempt was given up.
 */
export function unreachable(servers: readonly string[], failures: readonly unknown[]): unknown {
  if (failures.length === 1) return failures[0];
  const tried = servers.join(", ");
  if (failures.length === 0) {
    const message = `Cannot move to ${tried}: the current server was lost before`;
    return new NetlabError(ErrorCode.ConnectionLost, message, { fatal: true });
  }
  // A person can correct these mistakes: a missing permission or token, or a certificate that is not trusted.
  const other = failures.find((error) => !(error instanceof NetlabError)) ??
    failures.find((error) =>
      isTokenError(error) || (error as NetlabError).code === ErrorCode.TlsFailed
    );
  return other ?? new NetlabError(
    ErrorCode.ConnectionLost,
    `Cannot reach any server: tried ${tried}; start one first`,
    { cause: new AggregateError(failures), fatal: true },
  );
}

/** Refusals that no other server would judge differently. */
const FINAL: ReadonlySet<number> = new Set([
  ErrorCode.NameTaken,
  ErrorCode.NameInvalid,
  ErrorCode.NameProtected,
  ErrorCode.Replaced,
  ErrorCode.TokenForOtherNetwork,
  ErrorCode.TokenForOtherName,
  ErrorCode.TokenRevoked,
  ErrorCode.NotPermitted,
  ErrorCode.TokenUnsigned,
  ErrorCode.TokenAlgorithm,
  ErrorCode.TokenIncomplete,
  ErrorCode.TokenTooLong,
]);

/** Refusals that another token, or the same one at another time, would not get. */
const FINAL_WITH_THIS_TOKEN: ReadonlySet<number> = new Set([
  ErrorCode.TokenExpired,
  ErrorCode.TokenInvalid,
  ErrorCode.TokenRequired,
]);

/**
 * Returns whether retrying is useless: the name is taken, protected or invalid, another connection replaced this one, or the
 * token is of no use.
 *
 * @param isRenewable Whether the client may have another token the next time.
 */
export function isFinal(error: unknown, isRenewable: boolean): boolean {
  if (!(error instanceof NetlabError)) return false;
  const { code } = error;
  return FINAL.has(code) ||
    (!isRenewable && FINAL_WITH_THIS_TOKEN.has(code));
}

/** Returns whether a server did not answer in time. */
export function isTimeout(error: unknown): error is NetlabError {
  return error instanceof NetlabError && error.code === ErrorCode.TimedOut;
}
