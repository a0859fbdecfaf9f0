/**
 * Judges why a client could not use servers, and says it in one error. Must not know connections.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";

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
  // A missing permission is a mistake that the person can correct, and so is a certificate that is not trusted.
  const other = failures.find((error) => !(error instanceof NetlabError)) ??
    failures.find((error) => (error as NetlabError).code === ErrorCode.TlsFailed);
  return other ?? new NetlabError(
    ErrorCode.ConnectionLost,
    `Cannot reach any server: tried ${tried}; start one first`,
    { cause: new AggregateError(failures), fatal: true },
  );
}

/** Returns whether retrying is useless: the name is taken or invalid, or another connection replaced this one. */
export function isFinal(error: unknown): boolean {
  return error instanceof NetlabError &&
    (error.code === ErrorCode.NameTaken || error.code === ErrorCode.NameInvalid ||
      error.code === ErrorCode.Replaced);
}

/** Returns whether a server did not answer in time. */
export function isTimeout(error: unknown): error is NetlabError {
  return error instanceof NetlabError && error.code === ErrorCode.TimedOut;
}
