/**
 * Opens connections to addresses, with a deadline and with errors that name the address. Does not know what
 * is sent on them.
 *
 * @module
 */
import { type Address, formatAddress, parseAddress } from "../codec/names/address.ts";
import { ErrorCode, NetlabError } from "../codec/errors.ts";
import { FrameConnection, type FrameConnectionOptions } from "./frame_connection.ts";

/** The time limit for opening a connection: milliseconds. */
const CONNECT_MS = 5_000;

/**
 * Opens a TCP connection to `address`, of the form `host:port`.
 *
 * @param stop Cancels the attempt.
 * @param options Options of the connection.
 * @throws {unknown} The reason of `stop` when it is aborted.
 * @throws {TypeError} When `address` is not an address.
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when the connection fails,
 *   {@linkcode ErrorCode.TimedOut} when nothing answers within five seconds. The cause is the error of the
 *   system.
 * @throws {Deno.errors.NotCapable} When the program has no permission for that address.
 */
export async function dial(
  address: string,
  stop?: AbortSignal,
  options?: FrameConnectionOptions,
): Promise<FrameConnection> {
  const { hostname, port } = parseAddress(address);
  requirePermission({ hostname, port });
  const deadline = AbortSignal.timeout(CONNECT_MS);
  const signal = stop ? AbortSignal.any([deadline, stop]) : deadline;
  try {
    const conn = await Deno.connect({ hostname, port, signal });
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    return new FrameConnection(conn, options);
  } catch (cause) {
    if (stop?.aborted) throw stop.reason;
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const timedOut = deadline.aborted;
    throw new NetlabError(
      timedOut ? ErrorCode.TimedOut : ErrorCode.ConnectionLost,
      `Cannot reach ${address}: ${timedOut ? "no answer" : reasonOf(cause)}`,
      { cause, fatal: true },
    );
  }
}

/**
 * Throws where Deno would ask the person at the terminal for permission. Its question stops the whole program,
 * and anybody on the network can cause it by naming an address.
 */
function requirePermission(address: Address): void {
  const host = formatAddress(address);
  if (Deno.permissions.querySync({ name: "net", host }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${host}", run again with the --allow-net flag`,
  );
}

/** Describes an error of the system as the end of a sentence: "connection refused". */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "connection refused";
  if (error instanceof Deno.errors.ConnectionReset) return "connection reset";
  if (error instanceof Deno.errors.BrokenPipe) return "connection closed";
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\)/, "");
}
