/**
 * Sockets, epoll and CPU clocks of Linux, called through FFI: with a promise for each read the generator
 * would be slower than the servers. It does not read error numbers: a broken connection shows as its end
 * or as silence.
 *
 * @module
 */

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  clock_getcpuclockid: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
}).symbols;

const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SHUT_WR = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLOUT = 0x4;
/** Events with which reading does not block: EPOLLIN, EPOLLERR and EPOLLHUP. */
const READABLE = 0x19;
/** `struct epoll_event` is packed on x86-64 only. */
const EVENT_BYTES = Deno.build.arch === "x86_64" ? 12 : 16;
const KEY_AT = EVENT_BYTES - 8;
const MAX_EVENTS = 128;

/** A TCP connection to 127.0.0.1. Only connecting blocks. */
export class Socket {
  /** The file descriptor. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Connects to a port.
   *
   * @param waitMs How long to try again while nothing listens there: milliseconds.
   * @throws {Error} When nothing listens there.
   */
  static connect(port: number, waitMs = 0): Socket {
    const address = new Uint8Array(16);
    address.set([AF_INET, 0, port >>> 8, port, 127, 0, 0, 1]);
    for (const deadline = performance.now() + waitMs;;) {
      const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
      if (fd < 0) {
        throw new Error("Cannot create a socket: raise the limit of open files (ulimit -n)");
      }
      libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Uint8Array.of(1, 0, 0, 0), 4);
      if (libc.connect(fd, address, address.length) === 0) return new Socket(fd);
      libc.close(fd);
      if (performance.now() > deadline) {
        throw new Error(`Cannot connect to 127.0.0.1:${port}: is the server running?`);
      }
    }
  }

  /** Sends as many bytes as the kernel accepts now, and returns their number. */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    return Math.max(0, libc.send(this.fd, bytes, BigInt(bytes.length), flags));
  }

  /** Receives bytes and returns their number: 0 at the end of the connection, -1 if there are none. */
  receive(buffer: Uint8Array<ArrayBuffer>): number {
    return libc.recv(this.fd, buffer, BigInt(buffer.length), MSG_DONTWAIT);
  }

  /** Ends the writing half. */
  end(): void {
    libc.shutdown(this.fd, SHUT_WR);
  }

  /** Closes the connection. */
  close(): void {
    libc.close(this.fd);
  }
}

/** Waits for many sockets at once. Each has a key that the caller chooses. */
export class Poll implements Disposable {
  readonly #fd = libc.epoll_create1(0);
  readonly #events = new Uint8Array(MAX_EVENTS * EVENT_BYTES);
  readonly #view = new DataView(this.#events.buffer);

  /** Starts to wait until a socket can be read. */
  add(socket: Socket, key: number): void {
    this.#control(EPOLL_CTL_ADD, socket, key, EPOLLIN);
  }

  /** Sets whether to wait until the socket can be written as well. */
  wantsToSend(socket: Socket, key: number, wants: boolean): void {
    this.#control(EPOLL_CTL_MOD, socket, key, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Closes it: a socket that many polls wait for costs the server more. */
  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }

  /** Waits up to `ms` milliseconds and returns the number of sockets that are ready. */
  wait(ms: number): number {
    return Math.max(0, libc.epoll_wait(this.#fd, this.#events, MAX_EVENTS, ms));
  }

  /** The key of one of the sockets that {@linkcode Poll.wait} found, and what is possible with it. */
  ready(index: number): { key: number; canReceive: boolean; canSend: boolean } {
    const at = index * EVENT_BYTES;
    const flags = this.#view.getUint32(at, true);
    const key = this.#view.getUint32(at + KEY_AT, true);
    return { key, canReceive: (flags & READABLE) !== 0, canSend: (flags & EPOLLOUT) !== 0 };
  }

  #control(what: number, socket: Socket, key: number, flags: number): void {
    const event = new DataView(new ArrayBuffer(EVENT_BYTES));
    event.setUint32(0, flags, true);
    event.setUint32(KEY_AT, key, true);
    libc.epoll_ctl(this.#fd, what, socket.fd, new Uint8Array(event.buffer));
  }
}

const clock = new Int32Array(1);
/** `struct timespec` on a 64-bit system: seconds and nanoseconds. */
const time = new BigInt64Array(2);

/** CPU time that processes have used: seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  let seconds = 0;
  for (const pid of pids) {
    const failed = libc.clock_getcpuclockid(pid, clock) || libc.clock_gettime(clock[0]!, time);
    if (failed) throw new Error(`Cannot read the CPU time of process ${pid}: does it still run?`);
    seconds += Number(time[0]) + Number(time[1]) / 1e9;
  }
  return seconds;
}
