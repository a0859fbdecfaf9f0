/**
 * A WebSocket as the connection of bytes that frames are read from. Owns when the socket is read, so that a sender
 * waits as on TCP, and how much of a message is in memory. Does not know what the bytes mean.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { ByteConnection } from "@netlab/protocol/connection";
import websocket from "websocket-driver";

/** The part of a driver of `websocket-driver` that is used. It reads and writes the frames of RFC 6455. */
interface Driver extends EventEmitter {
  readonly io: EventEmitter & { write(chunk: Uint8Array): boolean };
  start(): boolean;
  binary(bytes: Uint8Array): boolean;
  ping(): boolean;
  close(reason?: string, code?: number): boolean;
}

/** The longest message that is read: bytes. Pages send shorter ones. */
const MAX_MESSAGE_BYTES = 128 * 1024;
/** The most bytes that may arrive without a whole message: what is not the content of a message is little. */
const MAX_PARTIAL_BYTES = 2 * MAX_MESSAGE_BYTES;
/** The code with which a WebSocket is closed that has sent text (RFC 6455). */
const UNSUPPORTED_DATA = 1003;

/** One WebSocket that a page has opened. */
export class SocketBytes implements ByteConnection {
  /** Resolves when the socket is closed. */
  readonly ended: Promise<void>;
  /** Whether nobody on the way can read it. */
  readonly isEncrypted: boolean;
  readonly #socket: Socket;
  readonly #driver: Driver;
  /** What has arrived and was not read, the oldest first. */
  readonly #chunks: Uint8Array[] = [];
  /** How much of the first chunk was read: bytes. */
  #offset = 0;
  /** How much has arrived since the last whole message: bytes. */
  #partialBytes = 0;
  #isOver = false;
  #error: Error | undefined;
  /** Continues the read that waits. */
  #arrived: (() => void) | undefined;
  /** Called when the system has taken what was written last. */
  #written: ((error?: Error | null) => void) | undefined;
  #isAlive = true;

  /**
   * Answers the request for a WebSocket, and takes over its socket.
   *
   * @param head What has arrived behind the request.
   * @param isEncrypted Whether nobody on the way can read it.
   */
  constructor(request: IncomingMessage, socket: Socket, head: Uint8Array, isEncrypted: boolean) {
    this.isEncrypted = isEncrypted;
    this.#socket = socket;
    const options = { maxLength: MAX_MESSAGE_BYTES, requireMasking: true, allowDrafts: false };
    const driver = this.#driver = websocket.http(request, options) as Driver;
    driver.io.on("data", (bytes: Uint8Array) => {
      const written = this.#written;
      this.#written = undefined;
      socket.write(bytes, written);
    });
    driver.on("message", ({ data }: { data: Buffer | string }) => this.#message(data));
    driver.on("error", (error: Error) => this.#error ??= error);
    driver.on("close", () => {
      this.#isOver = true;
      socket.end();
      this.#wake();
    });
    driver.on("pong", () => this.#isAlive = true);
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.pause();
    socket.on("data", (chunk: Uint8Array) => this.#data(chunk));
    socket.on("error", (error) => this.#error ??= error);
    socket.on("end", () => socket.destroy());
    this.ended = new Promise((resolve) =>
      socket.on("close", () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      })
    );
    driver.start();
    if (head.length > 0) this.#data(head);
  }

  /** Reads what the page has sent, as {@linkcode ByteConnection} does. */
  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      if (this.#error) throw this.#error;
      if (this.#isOver) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#arrived = resolve;
      this.#socket.resume();
      await promise;
    }
    const chunk = this.#chunks[0]!;
    const part = chunk.subarray(this.#offset, this.#offset + buffer.length);
    buffer.set(part);
    this.#offset += part.length;
    if (this.#offset === chunk.length) {
      this.#chunks.shift();
      this.#offset = 0;
    }
    return part.length;
  }

  /** Sends bytes in one message. Resolves when the system has taken them. */
  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#written = (error) => error ? reject(error) : resolve(bytes.length);
      if (!this.#driver.binary(asBuffer(bytes))) reject(new Error("the WebSocket is closed"));
    });
  }

  /** Tells the page that nothing follows. */
  closeWrite(): Promise<void> {
    this.#driver.close("", 1000);
    // The answer of the page is read like the end of a stream.
    this.#socket.resume();
    return Promise.resolve();
  }

  /** Closes the socket. */
  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
    this.#wake();
  }

  /** Asks the browser whether it is there. Returns whether it has answered since the last time. */
  ping(): boolean {
    // The answer of a browser waits while this side does not read.
    const isAlive = this.#isAlive || this.#arrived === undefined;
    this.#isAlive = false;
    this.#driver.ping();
    return isAlive;
  }

  #data(chunk: Uint8Array): void {
    this.#partialBytes += chunk.length;
    this.#driver.io.write(chunk);
    if (this.#partialBytes <= MAX_PARTIAL_BYTES) return;
    this.#error ??= new Error("the other side sends no messages but much else");
    this.close();
  }

  #message(data: Buffer | string): void {
    this.#partialBytes = 0;
    if (typeof data === "string") {
      const reason = "only binary messages carry frames";
      this.#error ??= new Error(`the page has sent text: ${reason}`);
      this.#driver.close(reason, UNSUPPORTED_DATA);
      return this.#wake();
    }
    if (data.length === 0) return;
    this.#chunks.push(data);
    this.#socket.pause();
    this.#wake();
  }

  #wake(): void {
    this.#arrived?.();
    this.#arrived = undefined;
  }
}

/** Returns the same bytes as the type that the driver copies from. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length);
}
