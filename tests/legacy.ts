/**
 * Stand-ins for the original Python programs, which netlab calls legacy. They are exactly as strict as
 * the originals: frames of types 0 to 5 and plain text, an echo reply without a payload, no receipt for
 * anything, and names that stay after their connections have ended. Works on bytes alone, so that an
 * error in netlab's own codec cannot hide here.
 *
 * @module
 */
import { concat } from "@std/bytes";
import { eventually } from "./p2p/network.ts";

const HOST = "127.0.0.1";
const HEADER_BYTES = 6;
const encoder = new TextEncoder();

/** A frame as those programs write it: type, subtype, length, two zeros, payload. */
export function legacyFrame(type: number, subtype: number, payload = ""): Uint8Array {
  const bytes = encoder.encode(payload);
  return Uint8Array.from([type, subtype, bytes.length >> 8, bytes.length & 255, 0, 0, ...bytes]);
}

type OnFrame = (type: number, subtype: number, payload: string) => void;

/** The original client takes this much text at a time, and shows each piece as one message: bytes. */
const CLIENT_READ_BYTES = 1_024;

/** A connection of a legacy program: it reads frames, or text after `onText`. */
class LegacyConnection {
  readonly ended: Promise<void>;
  /** Reads text from now on. */
  onText: ((text: string) => void) | undefined;
  readonly #conn: Deno.TcpConn;
  readonly #onFrame: OnFrame;
  readonly #lingers: boolean;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(conn: Deno.TcpConn, onFrame: OnFrame = () => {}, lingers = false) {
    this.#conn = conn;
    this.#lingers = lingers;
    this.#onFrame = onFrame;
    conn.setNoDelay(true);
    this.ended = this.#read();
  }

  static async open(port: number, onFrame?: OnFrame): Promise<LegacyConnection> {
    return new LegacyConnection(await Deno.connect({ hostname: HOST, port }), onFrame);
  }

  write(bytes: Uint8Array | string): void {
    let rest = typeof bytes === "string" ? encoder.encode(bytes) : bytes;
    this.#writing = this.#writing.then(async () => {
      while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
    }).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#writing;
    this.drop();
    await this.ended;
  }

  drop(): void {
    try {
      this.#conn.close();
    } catch {
      // It was closed before.
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const text = new TextDecoder();
    const room = () => this.onText ? buffer.subarray(0, CLIENT_READ_BYTES) : buffer;
    let rest = new Uint8Array(0);
    try {
      for (;;) {
        const count = await this.#conn.read(room());
        if (count === null) break;
        const bytes = concat([rest, buffer.subarray(0, count)]);
        // An answer to a question is a frame, and plain text never begins with a byte that low.
        if (this.onText && bytes[0]! > 9) this.onText(text.decode(bytes, { stream: true }));
        rest = this.onText && bytes[0]! > 9 ? new Uint8Array(0) : this.#frames(bytes);
      }
    } catch {
      // A broken connection counts as ended.
    }
    if (!this.#lingers) this.drop();
  }

  #frames(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    for (;;) {
      const length = HEADER_BYTES + (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0));
      if (bytes.length < HEADER_BYTES || bytes.length < length) return bytes;
      const payload = new TextDecoder().decode(bytes.subarray(HEADER_BYTES, length));
      this.#onFrame(bytes[0]!, bytes[1]!, payload);
      bytes = bytes.slice(length);
    }
  }
}

/** Options of a {@linkcode LegacyServer}. */
export interface LegacyServerOptions {
  /** The port to listen on; 0 is any free port. */
  port?: number;
  /** The ports to which it announces itself, once, in place of the five default ones. */
  siblings?: number[];
  /**
   * Whether it is the RTT server, which answers echoes and forgets a user who signs off. The p2p server
   * ignores both.
   */
  echoes?: boolean;
  /** Whether it leaves its end of a connection open until the next one comes, as Python does with a variable. */
  lingers?: boolean;
}

/** A legacy server. */
export class LegacyServer implements AsyncDisposable {
  /** The port on which it listens. */
  readonly port: number;
  /** Its users, with the last connection of each. Those whose connections have ended are still here. */
  readonly users: Map<string, LegacyConnection> = new Map();
  /** How often it was asked for its users. */
  listings = 0;
  /** The ports of the servers it knows, itself among them. */
  readonly known: Set<number>;
  /** Frames of types that it does not know: it ignores them. */
  readonly ignored: number[] = [];
  readonly #listener: Deno.TcpListener;
  readonly #echoes: boolean;
  readonly #lingers: boolean;
  /** Connections whose other side has ended, and that are still open here. */
  readonly #lingering = new Set<LegacyConnection>();
  readonly #seen = new Set<string>();
  readonly #open = new Set<LegacyConnection>();
  readonly #sending = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;

  constructor(
    { port = 0, siblings = [], echoes = false, lingers = false }: LegacyServerOptions = {},
  ) {
    this.#lingers = lingers;
    this.#listener = Deno.listen({ hostname: HOST, port });
    this.port = this.#listener.addr.port;
    this.known = new Set([this.port]);
    this.#echoes = echoes;
    this.#accepting = this.#accept();
    for (const sibling of siblings) this.#sendOnce(sibling, legacyFrame(1, 1, String(this.port)));
  }

  /** Its address, `host:port`. */
  get address(): string {
    return `${HOST}:${this.port}`;
  }

  /** Closes everything without signing off. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) connection.drop();
    await Promise.all([...this.#open].map(({ ended }) => ended));
    this.#endLingering();
    await Promise.all(this.#sending);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const connection = new LegacyConnection(
        conn,
        (type, subtype, payload) => this.#frame(connection, type, subtype, payload),
        this.#lingers,
      );
      this.#endLingering();
      this.#open.add(connection);
      void connection.ended.then(() => {
        this.#open.delete(connection);
        if (this.#lingers) this.#lingering.add(connection);
      });
    }
  }

  #endLingering(): void {
    for (const connection of this.#lingering) connection.drop();
    this.#lingering.clear();
  }

  #frame(from: LegacyConnection, type: number, subtype: number, payload: string): void {
    if (type === 0) {
      if (subtype === 1) this.listings++;
      const answers = [[...this.known].map((port) => `${HOST}:${port}`), [...this.users.keys()]];
      from.write(legacyFrame(1, subtype, (answers[subtype] ?? []).join("\0")));
    } else if (type === 1 && subtype === 1) this.#learn(Number(payload));
    else if (type === 2 && subtype === 1) this.users.set(payload, from);
    else if (type === 3 && subtype === 0) this.#message(payload);
    else if (type === 4 && this.#echoes) from.write(legacyFrame(4, 0));
    else if (type === 5 && this.#echoes) this.users.delete(payload);
    else this.ignored.push(type);
  }

  #learn(port: number): void {
    if (this.known.has(port)) return;
    this.known.add(port);
    for (const each of this.known) this.#sendOnce(port, legacyFrame(1, 1, String(each)));
  }

  #message(payload: string): void {
    const [id, sender, recipient, ...text] = payload.split("\0");
    if (this.#seen.has(id!)) return;
    this.#seen.add(id!);
    const user = this.users.get(recipient!);
    // The server does not notice that this connection has ended.
    if (user) return user.write(`${sender}: ${text.join("\0")}`);
    for (const port of this.known) this.#sendOnce(port, legacyFrame(3, 0, payload));
  }

  /** Opens a connection for one frame, and closes it. A failure is ignored. */
  #sendOnce(port: number, frame: Uint8Array): void {
    const sending = (async () => {
      try {
        const connection = await LegacyConnection.open(port);
        connection.write(frame);
        await connection.close();
      } catch {
        // No server listens there.
      }
    })().finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }
}

/** A legacy client: it registers, writes messages, and reads plain text. */
export class LegacyClient implements AsyncDisposable {
  /** All text that arrived. */
  text = "";
  /** The text of each read, which the original client shows as one message. */
  readonly shown: string[] = [];
  /** Answers to its questions, and echoes: type, subtype and payload. */
  readonly answers: [type: number, subtype: number, payload: string][] = [];
  /** The port of its server. */
  port = 0;
  #connection: LegacyConnection | undefined;

  constructor(readonly name: string) {}

  /** A client that is registered at a server. */
  static async connect(name: string, { port }: { port: number }): Promise<LegacyClient> {
    const client = new LegacyClient(name);
    await client.register(port);
    return client;
  }

  /**
   * Does what the original RTT client does: registers, asks for the servers, takes the time of one
   * echo to each over a connection of its own, signs off, and registers at the fastest.
   */
  static async connectToFastest(
    name: string,
    { port }: { port: number },
  ): Promise<{ client: LegacyClient; times: Map<number, number> }> {
    const client = await LegacyClient.connect(name, { port });
    const servers = await client.ask(0);
    const times = new Map<number, number>();
    for (const server of servers) {
      const port = Number(server.split(":")[1]);
      const echo = Promise.withResolvers<void>();
      const connection = await LegacyConnection.open(port, (type) => type === 4 && echo.resolve());
      const start = performance.now();
      connection.write(legacyFrame(4, 0));
      await echo.promise;
      times.set(port, performance.now() - start);
      await connection.close();
    }
    const [fastest] = [...times].sort(([, a], [, b]) => a - b)[0]!;
    client.#connection!.write(legacyFrame(5, 0, name));
    await client.#connection!.close();
    await client.register(fastest);
    return { client, times };
  }

  /** Registers at the server on that port. */
  async register(port: number): Promise<void> {
    this.port = port;
    this.#connection = await LegacyConnection.open(port, (...answer) => {
      this.answers.push(answer);
    });
    this.#connection.onText = (text) => {
      this.text += text;
      this.shown.push(text);
    };
    this.#connection.write(legacyFrame(2, 1, this.name));
  }

  /** Sends a message. There is no receipt. */
  send(recipient: string, text: string, id: string = crypto.randomUUID()): void {
    this.#connection!.write(legacyFrame(3, 0, `${id}\0${this.name}\0${recipient}\0${text}`));
  }

  /** The items of an information response. */
  async ask(subtype: number): Promise<string[]> {
    this.#connection!.write(legacyFrame(0, subtype));
    const found = (answer: [number, number, string]) => answer[0] === 1 && answer[1] === subtype;
    await eventually(`an answer to 0/${subtype}`, () => this.answers.some(found));
    const [answer] = this.answers.splice(this.answers.findIndex(found), 1);
    return answer![2] === "" ? [] : answer![2].split("\0");
  }

  /** Signs off. */
  signOff(): void {
    this.#connection!.write(legacyFrame(5, 0, this.name));
  }

  /** Waits for text. */
  async sees(text: string): Promise<void> {
    await eventually(
      `${this.name} sees "${text}", not only "${this.text}"`,
      () => this.text.includes(text),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.close();
  }
}

/**
 * A basic server. It reads once, answers `world` if it read exactly `hello`, and closes. It does not
 * answer anything else.
 */
export class LegacyBasicServer implements AsyncDisposable {
  /** Its address. */
  readonly address: { hostname: string; port: number };
  /** The text of each read. */
  readonly heard: string[] = [];
  readonly #listener: Deno.TcpListener;
  readonly #accepting: Promise<void>;

  constructor(port = 0) {
    this.#listener = Deno.listen({ hostname: HOST, port });
    this.address = { hostname: HOST, port: this.#listener.addr.port };
    this.#accepting = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      try {
        const buffer = new Uint8Array(1_024);
        const count = await conn.read(buffer) ?? 0;
        const said = new TextDecoder().decode(buffer.subarray(0, count));
        this.heard.push(said);
        if (said === "hello") await conn.write(encoder.encode("world"));
      } catch {
        // The client has gone.
      } finally {
        conn.close();
      }
    }
  }
}
