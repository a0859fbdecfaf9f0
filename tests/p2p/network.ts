/**
 * Helpers for tests of messaging over real sockets: waiting with a deadline, readers that collect the
 * messages of a client, and raw connections that misbehave.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  Capability,
  type Frame,
  FrameConnection,
  FrameType,
  Information,
  type Message,
  NetlabError,
  NIL_UUID,
  readError,
  readSessionRegistration,
  writeInformationResponse,
  writeSessionRegistration,
  writeSessionWelcome,
} from "@netlab/protocol";
import type { P2pClient } from "@netlab/p2p/client";
import { DEADLINE_MS } from "../processes.ts";

export { processTest, socketTest, storageTest } from "../kinds.ts";

const POLL_MS = 5;

/** The longest time between two looks that counts: milliseconds. A busy machine does not run the process meanwhile. */
const MAX_COUNTED_MS = 50;

/** A limit on waiting. Only time in which this process runs counts. */
class Deadline {
  #leftMs: number;
  #before = performance.now();
  readonly #error: Error;

  constructor(what: string, ms: number) {
    this.#leftMs = ms;
    this.#error = new Error(`Not within ${ms} ms: ${what}`);
  }

  /** Throws when the time is over. Called every few milliseconds. */
  check(): void {
    const now = performance.now();
    this.#leftMs -= Math.min(now - this.#before, MAX_COUNTED_MS);
    this.#before = now;
    if (this.#leftMs < 0) throw this.#error;
  }
}

/**
 * Calls `look` repeatedly until it returns something true, and returns that.
 *
 * @param deadlineMs How long to look: milliseconds in which this process runs.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  for (const deadline = new Deadline(what, deadlineMs);;) {
    const seen = await look();
    if (seen) return seen;
    deadline.check();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Starts something on a port that was in use until now, or that was found to be free by listening on it.
 * For a moment the system may still hold it: a program that is started by another test at that time has
 * this process's sockets until it runs.
 */
export function onPort<T extends object>(start: () => T | Promise<T>): Promise<T> {
  return eventually("the port is free", async () => {
    try {
      return await start();
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return undefined;
      throw error;
    }
  }) as Promise<T>;
}

/**
 * Waits for `promise`, up to a limit.
 *
 * @param deadlineMs How long to wait: milliseconds in which this process runs.
 */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const deadline = new Deadline(what, deadlineMs);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    try {
      deadline.check();
    } catch (error) {
      reject(error);
    }
  }, POLL_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearInterval(timer);
  }
}

/** Asserts that `work` fails with a netlab error with that code, and returns the error. */
export async function assertFails(work: Promise<unknown>, code: number): Promise<NetlabError> {
  const error = await within("a failure", work.then(() => undefined, (error) => error));
  assert(error !== undefined, `It succeeded; error ${code} was expected`);
  assertInstanceOf(error, NetlabError);
  assertEquals(error.code, code, error.message);
  return error;
}

/** Reads and takes the next message to a client. */
export async function nextMessage(client: P2pClient): Promise<Message> {
  const messages = client[Symbol.asyncIterator]();
  try {
    const { value } = await within("a message", messages.next());
    assert(value, "The messages have ended");
    client.take(value);
    return value;
  } finally {
    await messages.return!();
  }
}

/** Reads all messages to a client until the client is closed. */
export class Inbox {
  /** The messages so far. */
  readonly messages: Message[] = [];
  /** Resolves when the client is closed; fails when its session was ended. */
  readonly ended: Promise<void>;

  constructor(client: P2pClient) {
    this.ended = this.#read(client);
    this.ended.catch(() => {});
  }

  /** `sender: text` of every message, in the order in which they came. */
  get lines(): string[] {
    return this.messages.map(({ sender, text }) => `${sender}: ${text}`);
  }

  /** The texts from one sender, in the order in which they came. */
  from(sender: string): string[] {
    return this.messages.filter((each) => each.sender === sender).map(({ text }) => text);
  }

  async #read(client: P2pClient): Promise<void> {
    for await (const message of client) this.messages.push(message);
  }
}

/** A party that writes any frames and collects the answers. */
export class RawParty implements AsyncDisposable {
  /** The frames that have arrived and were not read yet. */
  readonly frames: Frame[] = [];
  /** Resolves when the other side has ended the connection. */
  readonly ended: Promise<void>;
  readonly #connection: FrameConnection;

  constructor(conn: Deno.TcpConn, onFrame?: (party: RawParty, frame: Frame) => void) {
    conn.setNoDelay(true);
    this.#connection = new FrameConnection(conn, { lingerMs: 200 });
    this.ended = this.#connection.run({
      frame: (frame) => {
        this.frames.push(frame.copy());
        onFrame?.(this, frame);
      },
    }).catch(() => {}); // a reset is an end as well
  }

  /** Connects to a server. */
  static async connect(server: { port: number }): Promise<RawParty> {
    return new RawParty(await Deno.connect({ hostname: "127.0.0.1", port: server.port }));
  }

  /** Connects, and registers as a session. */
  static async register(
    server: { port: number },
    name: string,
    session: string = crypto.randomUUID(),
    abilities = 0,
  ): Promise<RawParty> {
    const party = await RawParty.connect(server);
    writeSessionRegistration(party.out, { name, session, abilities });
    await party.next(FrameType.Registration);
    return party;
  }

  /** The frames to the server. */
  get out(): FrameConnection["out"] {
    return this.#connection.out;
  }

  /** Writes a frame, or part of one, byte by byte as given. */
  send(...bytes: (number | string)[]): void {
    const encoder = new TextEncoder();
    this.out.raw(
      Uint8Array.from(bytes.flatMap((b) => typeof b === "string" ? [...encoder.encode(b)] : [b])),
    );
  }

  /** Reads nothing any more. */
  pause(): void {
    this.#connection.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#connection.resume();
  }

  /** Sends the written frames, and then ends its half of the connection. */
  end(): void {
    void this.#connection.end();
  }

  /** The next frame of that type; those before it stay. */
  async next(type: number): Promise<Frame> {
    return await eventually(`a frame of type ${type}`, () => {
      const at = this.frames.findIndex((frame) => frame.type === type);
      return at < 0 ? undefined : this.frames.splice(at, 1)[0];
    }) as Frame;
  }

  /** The next error. */
  async nextError(): Promise<NetlabError> {
    return readError(await this.next(FrameType.Error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.abort();
    await this.ended;
  }
}

/** A listener that accepts connections and never sends anything. */
export class SilentServer implements AsyncDisposable {
  /** Its address. */
  readonly address: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #connections: Deno.TcpConn[] = [];

  constructor() {
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  /** How many connections there were. */
  get connections(): number {
    return this.#connections.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) this.#connections.push(connection);
  }
}

/** A listener whose queue is full, so that the system drops further connections to it. */
export class FullServer implements AsyncDisposable {
  /** Its address. */
  readonly address: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  readonly #end = new AbortController();
  readonly #connecting: Promise<Deno.TcpConn | undefined>[];

  private constructor() {
    const { port } = this.#listener.addr;
    this.address = `127.0.0.1:${port}`;
    const { signal } = this.#end;
    this.#connecting = Array.from(
      { length: 8 },
      () => Deno.connect({ hostname: "127.0.0.1", port, signal }).catch(() => undefined),
    );
  }

  /** Fills the queue of a new listener. */
  static async fill(): Promise<FullServer> {
    const server = new FullServer();
    // At least one of these is accepted, and by then all have been tried.
    await Promise.any(server.#connecting);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const connecting of this.#connecting) (await connecting)?.close();
    this.#listener.close();
  }
}

/**
 * A server that accepts users and answers information requests. It passes all other frames to a function of
 * the test, and also the information requests of the kind `unanswered`.
 */
export class ScriptedServer implements AsyncDisposable {
  /** Its address. */
  readonly address: string;
  readonly #listener: Deno.TcpListener;
  readonly #parties: RawParty[] = [];
  readonly #accepting: Promise<void>;

  constructor(
    onFrame: (party: RawParty, frame: Frame) => void = () => {},
    capabilities: readonly string[] = [Capability.Session],
    unanswered?: number,
    onRegistration: (frame: Frame) => void = () => {},
  ) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept((party, frame) => {
      if (frame.type === FrameType.InformationRequest && frame.subtype !== unanswered) {
        writeInformationResponse(
          party.out,
          frame.subtype,
          frame.subtype === Information.Capabilities ? capabilities : [],
        );
      } else if (frame.type === FrameType.Registration) {
        onRegistration(frame);
        const { name } = readSessionRegistration(frame.payload);
        writeSessionWelcome(party.out, { server: NIL_UUID, address: this.address, name });
      } else onFrame(party, frame);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const party of this.#parties) await party[Symbol.asyncDispose]();
    await this.#accepting;
  }

  async #accept(onFrame: (party: RawParty, frame: Frame) => void): Promise<void> {
    for await (const conn of this.#listener) this.#parties.push(new RawParty(conn, onFrame));
  }
}
