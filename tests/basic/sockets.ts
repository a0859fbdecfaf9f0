/**
 * Clients and servers of plain text over bare sockets, for the tests of basic.
 *
 * @module
 */
import type { Address } from "@netlab/basic";

/** Longer than any answer takes, shorter than a server's patience where a test makes it endless. */
const READ_DEADLINE_MS = 8_000;

/** A connection that writes and reads text. Reading to the end is what `nc` does. */
export class TextSocket implements Disposable {
  readonly #conn: Deno.TcpConn;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  static async connect(address: Address): Promise<TextSocket> {
    return new TextSocket(await Deno.connect(address));
  }

  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** What comes next, or "" at the end. When nothing comes for long, the connection is closed. */
  async read(): Promise<string> {
    const buffer = new Uint8Array(4096);
    const timer = setTimeout(() => this.#conn.close(), READ_DEADLINE_MS);
    try {
      const count = await this.#conn.read(buffer);
      return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Everything until the other side ends. */
  async readAll(): Promise<string> {
    let all = "";
    for (let part = await this.read(); part !== ""; part = await this.read()) all += part;
    return all;
  }

  /** Ends the writing half. */
  async end(): Promise<void> {
    await this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    this.#conn[Symbol.dispose]();
  }
}

/** A server that does to each connection what a test wants, one after the other. */
export class ScriptedServer implements AsyncDisposable {
  readonly address: Address;
  readonly #listener: Deno.TcpListener;
  readonly #done: Promise<void>;

  constructor(script: (socket: TextSocket) => Promise<void>) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = { hostname: "127.0.0.1", port: this.#listener.addr.port };
    this.#done = this.#run(script);
  }

  async #run(script: (socket: TextSocket) => Promise<void>): Promise<void> {
    for await (const conn of this.#listener) {
      using socket = new TextSocket(conn);
      await script(socket);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done;
  }
}
