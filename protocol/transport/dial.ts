/**
 * Opens connections to addresses, with or without TLS, with a deadline and with errors that name the address.
 * Does not know what is sent on them.
 *
 * @module
 */
import { type Address, formatAddress, parseAddress } from "../codec/names/address.ts";
import { ErrorCode, NetlabError } from "../codec/errors.ts";
import { FrameConnection, type FrameConnectionOptions } from "./frame_connection.ts";
import { type HostReach, mayName, reachOf } from "../codec/names/reach.ts";
import { lookup } from "node:dns/promises";
import type { TrustFile } from "./tls/trust_file.ts";
import { startTls } from "./tls/tls_tunnel.ts";
import { whyTlsFailed } from "./tls/tls_errors.ts";
import { reasonOf } from "./system_errors.ts";

/** The time limit for opening a connection: milliseconds. */
const CONNECT_MS = 5_000;

/** Options of {@linkcode dial}, and of the connection. */
export interface DialOptions extends FrameConnectionOptions {
  /**
   * From where the party that has named the address can be reached. An address that it may not name is not
   * connected to, nor a host name that leads to one.
   *
   * @default {the person or program that started this one has named it, who may name all}
   */
  readonly namedBy?: HostReach | undefined;
  /**
   * The certificate authorities that are trusted besides the public ones.
   *
   * @default {none}
   */
  readonly trust?: TrustFile | undefined;
}

/**
 * Opens a connection to `address`: TCP to `host:port`, TLS to `tls://host:port`. The certificate of the server
 * must be valid for that host.
 *
 * @param stop Cancels the attempt.
 * @param options Who has named the address, and options of the connection.
 * @throws {unknown} The reason of `stop` when it is aborted.
 * @throws {TypeError} When `address` is not an address.
 * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when the connection fails,
 *   {@linkcode ErrorCode.TimedOut} when nothing answers within five seconds, {@linkcode ErrorCode.TlsFailed} when
 *   the certificate of the server is not accepted, or when the server does not use TLS. The cause is the error of
 *   the system. {@linkcode ErrorCode.ConnectionLost} also when the party that has named the address may not do so.
 * @throws {Deno.errors.NotCapable} When the program has no permission for that address.
 */
export async function dial(
  address: string,
  stop?: AbortSignal,
  { namedBy, trust, ...options }: DialOptions = {},
): Promise<FrameConnection> {
  const { hostname, port, tls = false } = parseAddress(address);
  requirePermission({ hostname, port });
  const deadline = AbortSignal.timeout(CONNECT_MS);
  const signal = stop ? AbortSignal.any([deadline, stop]) : deadline;
  const check = (host: string) => checkNamer(address, host, namedBy);
  try {
    check(hostname);
    if (namedBy !== undefined && reachOf(hostname) === "name") {
      for (const ip of await resolve(hostname, signal)) check(ip);
    }
    const caCerts = tls ? await trust?.certificates() ?? [] : [];
    const tcp = await connect(hostname, port, signal);
    const { hostname: ip } = tcp.remoteAddr;
    try {
      // The name may lead to another address than a moment ago.
      check(ip);
    } catch (error) {
      tcp.close();
      throw error;
    }
    const conn = tls ? await startTls(tcp, hostname, caCerts, signal) : tcp;
    return new FrameConnection(conn, { ...options, ip });
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

/** Returns the IP addresses of a host name, if they can be found. Otherwise, connecting says why not. */
async function resolve(name: string, stop: AbortSignal): Promise<string[]> {
  const { promise, resolve: giveUp } = Promise.withResolvers<[]>();
  const onStop = () => giveUp([]);
  stop.addEventListener("abort", onStop);
  const found = lookup(name, { all: true }).catch(() => []);
  const addresses = await Promise.race([found, promise]);
  stop.removeEventListener("abort", onStop);
  return addresses.map(({ address }) => address);
}

/** Throws if the party that has named an address may not name `host`, to which it leads. */
function checkNamer(address: string, host: string, namedBy: HostReach | undefined): void {
  if (namedBy === undefined || mayName(namedBy, host)) return;
  throw new NetlabError(
    ErrorCode.ConnectionLost,
    `Cannot connect to ${address}: who named it can be reached from elsewhere, where ${host} is unknown`,
    { fatal: true },
  );
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
