/**
 * Pairs of loopback sockets for tests, a wrapper that watches one, and waiting with a deadline.
 *
 * @module
 */
import { concat } from "@std/bytes";
import { type ByteConnection, startTls, type TlsConnection, TlsTerminator } from "@netlab/protocol";
import { cert, key } from "./tls_fixture.ts";

const HOST = "127.0.0.1";
const granted = Deno.permissions.querySync({ name: "net", host: HOST }).state === "granted";

/** A test that opens local sockets. Ignored without the permission. */
export function socketTest(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    ignore: !granted,
    permissions: { net: [HOST] },
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

/** Two ends of one TCP connection. */
export async function tcpPair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  return await Promise.all([Deno.connect({ hostname: HOST, port }), listener.accept()]);
}

/** Two ends of one TLS connection, after the handshake. */
export async function tlsPair(): Promise<[TlsConnection, TlsConnection]> {
  const terminator = new TlsTerminator({ cert, key });
  const [a, b] = await tcpPair();
  const { signal } = new AbortController();
  const pair = await Promise.all([
    startTls(a, HOST, [cert], signal),
    terminator.wrap(b, new Uint8Array(0)).then(async (connection) => {
      await connection.handshake();
      return connection;
    }),
  ]);
  await terminator.close();
  return pair;
}

/** A socket that counts its calls. */
export class Watched implements ByteConnection {
  readonly #conn: ByteConnection;
  /** How many reads were started. */
  reads = 0;
  /** The size of the whole buffer of the last read. */
  bufferBytes = 0;
  /** How many bytes each write got. */
  readonly writes: number[] = [];
  /** How often the writing half was closed, and the connection. */
  readonly ends = { writing: 0, both: 0 };
  /** The largest number of writes in progress at the same time. */
  writesAtOnce = 0;
  #writing = 0;

  constructor(conn: ByteConnection) {
    this.#conn = conn;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    this.reads++;
    this.bufferBytes = buffer.buffer.byteLength;
    return this.#conn.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes.push(bytes.length);
    this.writesAtOnce = Math.max(this.writesAtOnce, ++this.#writing);
    try {
      return await this.#conn.write(bytes);
    } finally {
      this.#writing--;
    }
  }

  closeWrite(): Promise<void> {
    this.ends.writing++;
    return this.#conn.closeWrite();
  }

  close(): void {
    this.ends.both++;
    this.#conn.close();
  }
}

/** Waits for `promise`, with a deadline. `what` names it in the error. */
export async function within<T>(promise: Promise<T>, what: string, ms = 10_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads all bytes until the other side ends. */
export async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    chunks.push(buffer.slice(0, count));
  }
  return concat(chunks);
}

/** Writes all of `bytes`. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
