/**
 * Opens connections to addresses, with or without TLS, with a deadline and with errors that name the address.
 * Does not know what is sent on them.
 *
 * @module
 */
import { type Address, formatAddress, parseAddress } from "../codec/names/address.ts";
import { ErrorCode, NetlabError } from "../codec/errors.ts";
import { FrameConnection, type FrameConnectionOptions } from "./frame_connection.ts";
import type { TrustFile } from "./tls/trust_file.ts";
import { startTls } from "./tls/tls_tunnel.ts";
import { whyTlsFailed } from "./tls/tls_errors.ts";

/** The time limit for opening a connection: milliseconds. */
const CONNECT_MS = 5_000;

/** Options of {@linkcode dial}. */
export interface DialOptions extends FrameConnectionOptions {
  /**
   * The certificate authorities that are trusted besides the public ones.
   *
   * @default {none}
   */
  trust?: TrustFile | undefined;
}

/**
 * Opens a connection to `address`: TCP to `host:port`, TLS to `tls://host:port`. The certificate of the server
 * must be valid for that host.
 *
 * @param stop Cancels the attempt.
 * @param options Options of the connection.
 * @throws {unknown} The reason of `stop` when it is aborted.
 * @throws {TypeError} When `address` is not an address.
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when the connection fails,
 *   {@linkcode ErrorCode.TimedOut} when nothing answers within five seconds, {@linkcode ErrorCode.TlsFailed} when
 *   the certificate of the server is not accepted, or when the server does not use TLS. The cause is the error of
 *   the system.
 * @throws {Deno.errors.NotCapable} When the program has no permission for that address.
 */
export async function dial(
  address: string,
  stop?: AbortSignal,
  { trust, ...options }: DialOptions = {},
): Promise<FrameConnection> {
  const { hostname, port, tls = false } = parseAddress(address);
  requirePermission({ hostname, port });
  const deadline = AbortSignal.timeout(CONNECT_MS);
  const signal = stop ? AbortSignal.any([deadline, stop]) : deadline;
  try {
    const caCerts = tls ? await trust?.certificates() ?? [] : [];
    const tcp = await connect(hostname, port, signal);
    const conn = tls ? await startTls(tcp, hostname, caCerts, signal) : tcp;
    return new FrameConnection(conn, options);
  } catch (cause) {
    if (stop?.aborted) throw stop.reason;
    if (cause instanceof Deno.errors.NotCapable || cause instanceof NetlabError) throw cause;
    const timedOut = deadline.aborted;
    const whyTls = tls && !timedOut ? whyTlsFailed(cause) : undefined;
    const code = whyTls !== undefined
      ? ErrorCode.TlsFailed
      : timedOut
      ? ErrorCode.TimedOut
      : ErrorCode.ConnectionLost;
    const why = whyTls ?? (timedOut ? "no answer" : reasonOf(cause));
    throw new NetlabError(code, `Cannot reach ${address}: ${why}`, { cause, fatal: true });
  }
}

async function connect(hostname: string, port: number, signal: AbortSignal): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname, port, signal });
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
  return conn;
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
  // A program that is killed does not end TLS in the normal way.
  if (error instanceof Deno.errors.UnexpectedEof) return "connection closed";
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/ \(os error \d+\)/, "");
}
