/**
 * Clients and servers of plain text over sockets, for the tests of basic.
 *
 * @module
 */
import type { Address } from "@netlab/basic";
import { Acceptor } from "@netlab/protocol";
import { createServer, type Server } from "node:net";

/** Longer than any answer takes, and shorter than the endless timeouts of some tests: milliseconds. */
const READ_DEADLINE_MS = 60_000;

/** A connection that writes and reads text, as `nc` does. */
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

  /** Reads the next text, or "" at the end. Closes the connection when nothing comes in time. */
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

  /** Reads everything until the other side ends. */
  async readAll(): Promise<string> {
    let all = "";
    for (let part = await this.read(); part !== ""; part = await this.read()) all += part;
    return all;
  }

  /** Ends its half of the connection. */
  async end(): Promise<void> {
    await this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    this.#conn[Symbol.dispose]();
  }
}

/** What a server does with a connection. `testEnds` resolves when the test ends. */
export type Script = (socket: TextSocket, testEnds: Promise<void>) => Promise<void>;

/** A server that runs a script for each connection, and then closes it. */
export class ScriptedServer implements AsyncDisposable {
  readonly address: Address;
  readonly #acceptor: Acceptor<Deno.TcpConn>;
  readonly #testEnds = Promise.withResolvers<void>();
  readonly #scripts: Promise<void>[] = [];

  constructor(script: Script) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = { hostname: "127.0.0.1", port: listener.addr.port };
    const run = async (conn: Deno.TcpConn) => {
      using socket = new TextSocket(conn);
      await script(socket, this.#testEnds.promise);
    };
    this.#acceptor = new Acceptor(listener, {
      accepted: (conn) => void this.#scripts.push(run(conn)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#testEnds.resolve();
    await this.#acceptor.close();
    await Promise.all(this.#scripts);
  }
}

/** A server that resets its first connections when they send something, and answers later ones. */
export class ResettingServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(resets: number): Promise<ResettingServer> {
    const server = createServer((socket) => {
      socket.on("data", () => resets-- > 0 ? socket.resetAndDestroy() : socket.end("world\n"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new ResettingServer(server);
  }

  get address(): Address {
    const { port } = this.#server.address() as { port: number };
    return { hostname: "127.0.0.1", port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
