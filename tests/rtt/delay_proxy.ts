/**
 * A proxy that forwards bytes after a delay, to make a server far away. Must not know frames.
 *
 * @module
 */

const HOST = "127.0.0.1";

/** Forwards bytes in both directions after a delay. */
export class DelayProxy implements AsyncDisposable {
  /** Its address, `host:port`. */
  readonly address: string;
  /** The delay in each direction: milliseconds. */
  delayMs: number;
  /** The port of the server that it forwards to. */
  target = 0;
  readonly #listener: Deno.TcpListener;
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #work = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
    this.#listener = Deno.listen({ hostname: HOST, port: 0 });
    this.address = `${HOST}:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
    this.#conns.clear();
    await this.#accepting;
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const work = this.#connect(near).finally(() => this.#work.delete(work));
      this.#work.add(work);
    }
  }

  async #connect(near: Deno.TcpConn): Promise<void> {
    this.#conns.add(near);
    const far = await Deno.connect({ hostname: HOST, port: this.target });
    this.#conns.add(far);
    await Promise.all([this.#pass(near, far), this.#pass(far, near)]);
    for (const conn of [near, far]) if (this.#conns.delete(conn)) conn.close();
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        await new Promise((resolve) => setTimeout(resolve, this.delayMs));
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
      await to.closeWrite();
    } catch {
      // A broken connection has ended, too.
    }
  }
}
