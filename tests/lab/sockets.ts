/**
 * Minimal parties on both sides of a proxy: a server and a client.
 *
 * @module
 */
import { FaultProxy, type FaultProxyOptions } from "@netlab/lab";

/** A server that accepts connections, and a proxy in front of it. */
export class ProxiedTarget implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #stack = new AsyncDisposableStack();

  private constructor(listener: Deno.TcpListener, readonly proxy: FaultProxy) {
    this.#listener = listener;
    this.#stack.defer(() => listener.close());
    this.#stack.use(proxy);
  }

  static async start(options: Omit<FaultProxyOptions, "target"> = {}): Promise<ProxiedTarget> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const target = `127.0.0.1:${listener.addr.port}`;
    return new ProxiedTarget(listener, await FaultProxy.start({ target, ...options }));
  }

  /** A connection through the proxy that the target has not accepted yet. */
  async knock(): Promise<Party> {
    const port = Number(this.proxy.address.split(":")[1]);
    return this.#stack.use(new Party(await Deno.connect({ hostname: "127.0.0.1", port })));
  }

  /** The next connection that the target accepts. */
  async accept(): Promise<Party> {
    return this.#stack.use(new Party(await this.#listener.accept()));
  }

  /** A connection through the proxy, both ends of it; one byte went through. */
  async connect(): Promise<{ client: Party; target: Party }> {
    const client = await this.knock();
    const target = await this.accept();
    await client.write("!");
    await target.read();
    return { client, target };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** One end of a connection. */
export class Party implements Disposable {
  constructor(readonly conn: Deno.TcpConn) {
    conn.setNoDelay(true);
  }

  /** Writes all of it. */
  async write(bytes: Uint8Array | string): Promise<void> {
    let rest = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** What one read brings; `""` at the end. */
  async read(): Promise<string> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.conn.read(buffer);
    return new TextDecoder("latin1").decode(buffer.subarray(0, count ?? 0));
  }

  /** So many bytes, or less when the connection ends, and how many reads that took. */
  async readBytes(count: number): Promise<{ bytes: Uint8Array; reads: number }> {
    const bytes = new Uint8Array(count);
    let at = 0;
    let reads = 0;
    while (at < count) {
      const read = await this.conn.read(bytes.subarray(at));
      if (read === null) break;
      at += read;
      reads++;
    }
    return { bytes: bytes.subarray(0, at), reads };
  }

  /** How many bytes come until the other side resets the connection. */
  async readToReset(): Promise<number> {
    const buffer = new Uint8Array(64 * 1024);
    let total = 0;
    try {
      for (;;) {
        const count = await this.conn.read(buffer);
        if (count === null) throw new Error("the connection ended without a reset");
        total += count;
      }
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) return total;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

/** Creates bytes that depend on their position. */
export function pattern(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
}
