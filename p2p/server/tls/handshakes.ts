/**
 * The TLS handshakes that clients have not finished. Owns their number and their deadline: a handshake costs more than
 * anything else that a stranger can ask for. Does not know what comes after it.
 *
 * @module
 */
import {
  ErrorCode,
  FrameWriter,
  isLoopbackHost,
  NetlabError,
  parseHost,
  type TlsConnection,
  type TlsTerminator,
  writeError,
} from "@netlab/protocol";
import { LIMITS } from "../../core/limits.ts";

/** How long a client may take for its handshake: milliseconds. */
const HANDSHAKE_MS = 5_000;
/** The first byte of every TLS connection. */
const HANDSHAKE_RECORD = 0x16;
/** How much is read before TLS begins: bytes. */
const FIRST_BYTES = 512;

/** What handshakes need, and who receives their results. */
export interface HandshakesHost {
  /** Returns the TLS with the certificate that is in use now. */
  terminator(): TlsTerminator;
  /** A client has finished its handshake. */
  opened(connection: TlsConnection, hostname: string): void;
  /** A handshake has failed. The connection is closed. */
  failed(error: unknown, hostname: string): void;
}

/** The open handshakes of a server. */
export class Handshakes {
  readonly #host: HandshakesHost;
  /** The connections, and when each began: milliseconds of `performance.now()`. The oldest is the first. */
  readonly #open = new Map<Handshake, number>();
  readonly #running = new Set<Promise<void>>();

  /** Starts without handshakes. */
  constructor(host: HandshakesHost) {
    this.#host = host;
  }

  /**
   * Begins a handshake. When too many are open, or too many of one host, the oldest of them ends: its client is slow or
   * hostile.
   */
  begin(conn: Deno.TcpConn): void {
    const host = parseHost(conn.remoteAddr.hostname) ?? conn.remoteAddr.hostname;
    const handshake: Handshake = { conn, host: isLoopbackHost(host) ? undefined : host };
    if (handshake.host !== undefined) this.#makeRoomFor(handshake.host);
    if (this.#open.size >= LIMITS.handshakes.default) this.#end(this.#open.keys().next().value!);
    this.#open.set(handshake, performance.now());
    const running = this.#run(handshake).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #makeRoomFor(host: string): void {
    let count = 0;
    let oldest: Handshake | undefined;
    for (const handshake of this.#open.keys()) {
      if (handshake.host !== host) continue;
      oldest ??= handshake;
      count++;
    }
    if (count >= LIMITS.handshakesPerHost.default) this.#end(oldest!);
  }

  /** Ends the handshakes that take too long. Call it several times a second. */
  tick(): void {
    const oldest = performance.now() - HANDSHAKE_MS;
    for (const [handshake, startedAt] of this.#open) {
      if (startedAt > oldest) return;
      this.#end(handshake);
    }
  }

  /** Ends all handshakes. */
  async close(): Promise<void> {
    for (const handshake of this.#open.keys()) this.#end(handshake);
    await Promise.all(this.#running);
  }

  async #run(handshake: Handshake): Promise<void> {
    const { conn } = handshake;
    const { hostname } = conn.remoteAddr;
    try {
      const first = new Uint8Array(FIRST_BYTES);
      const count = await conn.read(first);
      if (count === null) throw new Deno.errors.UnexpectedEof("The client has left");
      if (first[0] !== HANDSHAKE_RECORD) {
        await conn.write(NO_TLS_FRAME);
        throw NO_TLS;
      }
      // The certificate may have been replaced since the client has connected.
      handshake.tls = await this.#host.terminator().wrap(conn, first.subarray(0, count));
      if (!this.#open.has(handshake)) throw new Deno.errors.Interrupted("The handshake was ended");
      await handshake.tls.handshake();
      if (this.#open.delete(handshake)) this.#host.opened(handshake.tls, hostname);
    } catch (error) {
      const { tls } = handshake;
      if (this.#end(handshake)) this.#host.failed(error, hostname);
      else tls?.close();
      await tls?.ended;
    }
  }

  #end(handshake: Handshake): boolean {
    const isOpen = this.#open.delete(handshake);
    const { conn, tls } = handshake;
    if (isOpen && tls) tls.close();
    else if (isOpen) conn.close();
    return isOpen;
  }
}

interface Handshake {
  readonly conn: Deno.TcpConn;
  /** The host of the client; `undefined` for programs of this machine, which are not limited. */
  readonly host: string | undefined;
  tls?: TlsConnection;
}

/** The error of a client that does not use TLS. */
const NO_TLS = new NetlabError(
  ErrorCode.TlsFailed,
  "Cannot use this connection: the server requires TLS; begin its address with tls://",
  { fatal: true },
);
const out = new FrameWriter();
writeError(out, NO_TLS);
const NO_TLS_FRAME = out.take().slice();
