/**
 * A WebSocket of the browser as the connection of bytes that frames are read from. Owns how it is opened and how much
 * may wait in it. Does not know what the bytes mean.
 *
 * @module
 */
import { ErrorCode, isLoopbackHost, NetlabError } from "@netlab/protocol/codec";
import type { SocketClass } from "./socket_frame.ts";
import type { ByteConnection } from "@netlab/protocol/connection";

/** The time limit for opening a connection: milliseconds. */
const CONNECT_MS = 5_000;
/** How many bytes may wait in the browser before the next ones are written. */
const MAX_BUFFERED_BYTES = 64 * 1024;
/** How often a writer looks whether they have left: milliseconds. A browser does not tell. */
const LOOK_MS = 20;
/** The most bytes that may have arrived and not been read: a browser cannot stop reading. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;
/** The longest message: bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** An open WebSocket. */
export class SocketBytes implements ByteConnection {
  readonly #socket: WebSocket;
  /** What has arrived and was not read, the oldest first. */
  readonly #chunks: Uint8Array[] = [];
  /** How much of the first chunk was read: bytes. */
  #offset = 0;
  #unread = 0;
  #isOver = false;
  #error: NetlabError | undefined;
  /** Continues the read that waits. */
  #arrived: (() => void) | undefined;
  /** Whether nobody on the way can read it: it is encrypted, or does not leave the machine. */
  readonly isEncrypted: boolean;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const { protocol, hostname } = new URL(socket.url);
    this.isEncrypted = protocol === "wss:" || isLoopbackHost(hostname);
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#add(new Uint8Array(data));
    socket.onclose = () => {
      this.#isOver = true;
      this.#wake();
    };
  }

  /**
   * Opens the WebSocket of a server.
   *
   * @param origin The origin of its pages, such as `http://127.0.0.1:8080`.
   * @param Socket The class of the WebSocket.
   * @throws {NetlabError} {@linkcode ErrorCode.ConnectionLost} when it cannot be reached,
   *   {@linkcode ErrorCode.TimedOut} when nothing answers within five seconds.
   * @throws {unknown} The reason of `stop` when it aborts.
   */
  static async open(
    origin: string,
    stop: AbortSignal,
    Socket: SocketClass = WebSocket,
  ): Promise<SocketBytes> {
    stop.throwIfAborted();
    const socket = new Socket(`${origin.replace(/^http/, "ws")}/connection`);
    socket.binaryType = "arraybuffer";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (code: number, why: string) =>
      reject(new NetlabError(code, `Cannot reach ${origin}: ${why}`, { fatal: true }));
    const onStop = () => reject(stop.reason);
    stop.addEventListener("abort", onStop);
    const timer = setTimeout(() => fail(ErrorCode.TimedOut, "no answer"), CONNECT_MS);
    socket.onopen = () => resolve();
    // A browser does not tell a page why.
    socket.onerror = () =>
      fail(ErrorCode.ConnectionLost, "it does not answer, or refuses this page");
    try {
      await promise;
      return new SocketBytes(socket);
    } catch (error) {
      socket.close();
      throw error;
    } finally {
      clearTimeout(timer);
      stop.removeEventListener("abort", onStop);
      socket.onopen = socket.onerror = null;
    }
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#error) throw this.#error;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => this.#arrived = resolve);
    }
    const chunk = this.#chunks[0]!;
    const part = chunk.subarray(this.#offset, this.#offset + buffer.length);
    buffer.set(part);
    this.#offset += part.length;
    this.#unread -= part.length;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return part.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, MAX_MESSAGE_BYTES);
    this.#socket.send(part as Uint8Array<ArrayBuffer>);
    while (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES && !this.#isOver) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return part.length;
  }

  closeWrite(): Promise<void> {
    // Sends what waits before. What the server has sent meanwhile is lost, as a browser closes both halves.
    this.#socket.close(1000);
    return Promise.resolve();
  }

  close(): void {
    this.#isOver = true;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#wake();
  }

  #add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#unread += chunk.length;
    if (this.#unread > MAX_UNREAD_BYTES) {
      const message =
        `Cannot keep the connection: more than ${MAX_UNREAD_BYTES} bytes wait for this page`;
      this.#error = new NetlabError(ErrorCode.TooSlow, message, { fatal: true });
      this.#chunks.length = 0;
      this.#socket.close();
    }
    this.#wake();
  }

  #wake(): void {
    this.#arrived?.();
    this.#arrived = undefined;
  }
}
