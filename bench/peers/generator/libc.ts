/**
 * Sockets, epoll and clocks straight from libc, through FFI: a generator has to be faster than what it
 * measures, and a promise for each read is not. Owns the calls and their constants; Linux alone. What
 * goes wrong with a connection shows as its end, or as nothing coming in: the C library's error numbers
 * are not read.
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
const EPOLLERR = 0x8;
const EPOLLHUP = 0x10;
/** `struct epoll_event` is packed on x86-64 and nowhere else. */
const EVENT_BYTES = Deno.build.arch === "x86_64" ? 12 : 16;
const EVENT_DATA_AT = EVENT_BYTES - 8;
const MAX_EVENTS = 128;

/** A TCP connection to 127.0.0.1 that never waits, save for being made. */
export class Socket {
  /** The file descriptor. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** A connection to a port; `undefined` when nobody listens there. */
  static tryConnect(port: number): Socket | undefined {
    const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) throw new Error("Cannot make a socket: raise the limit of open files (ulimit -n)");
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Uint8Array.of(1, 0, 0, 0), 4);
    const address = Uint8Array.of(
      AF_INET,
      0,
      port >>> 8,
      port,
      127,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );
    if (libc.connect(fd, address, address.length) === 0) return new Socket(fd);
    libc.close(fd);
    return undefined;
  }

  /**
   * A connection to a port.
   *
   * @throws {Error} When nobody listens there.
   */
  static connect(port: number): Socket {
    const socket = Socket.tryConnect(port);
    if (!socket) throw new Error(`Cannot connect to 127.0.0.1:${port}: is the server running?`);
    return socket;
  }

  /** Sends what the kernel takes at the moment: how many bytes, 0 when none. */
  send(bytes: Uint8Array<ArrayBuffer>): number {
    return Math.max(
      0,
      libc.send(this.fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL),
    );
  }

  /** Receives what is there: how many bytes, 0 at the end of the connection, -1 when nothing is. */
  receive(buffer: Uint8Array<ArrayBuffer>): number {
    return libc.recv(this.fd, buffer, BigInt(buffer.length), MSG_DONTWAIT);
  }

  /** Ends the writing half: what still comes in can be received. */
  end(): void {
    libc.shutdown(this.fd, SHUT_WR);
  }

  /** Ends both halves. */
  close(): void {
    libc.close(this.fd);
  }
}

/** Waits for many sockets at once. Each is known by a number that whoever adds it chooses. */
export class Poll implements Disposable {
  readonly #fd = libc.epoll_create1(0);
  readonly #events = new Uint8Array(MAX_EVENTS * EVENT_BYTES);
  readonly #view = new DataView(this.#events.buffer);

  /** Waits for what comes in on a socket. */
  add(socket: Socket, key: number): void {
    this.#control(EPOLL_CTL_ADD, socket, key, EPOLLIN);
  }

  /** Changes whether it is also waited for the moment when more can be sent. */
  wantsToSend(socket: Socket, key: number, wants: boolean): void {
    this.#control(EPOLL_CTL_MOD, socket, key, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Waits for none of them any more: a socket costs its other end more, the more wait for it. */
  [Symbol.dispose](): void {
    libc.close(this.#fd);
  }

  /** Waits up to `ms`, and returns how many sockets something can be done with. */
  wait(ms: number): number {
    return Math.max(0, libc.epoll_wait(this.#fd, this.#events, MAX_EVENTS, ms));
  }

  /** Of the sockets that {@linkcode Poll.wait} found, the key of one. */
  key(index: number): number {
    return this.#view.getUint32(index * EVENT_BYTES + EVENT_DATA_AT, true);
  }

  /** Whether it can be read, or is at its end. */
  canReceive(index: number): boolean {
    return (this.#flags(index) & (EPOLLIN | EPOLLERR | EPOLLHUP)) !== 0;
  }

  /** Whether more can be sent. */
  canSend(index: number): boolean {
    return (this.#flags(index) & EPOLLOUT) !== 0;
  }

  #flags(index: number): number {
    return this.#view.getUint32(index * EVENT_BYTES, true);
  }

  #control(what: number, socket: Socket, key: number, flags: number): void {
    const event = new Uint8Array(EVENT_BYTES);
    const view = new DataView(event.buffer);
    view.setUint32(0, flags, true);
    view.setUint32(EVENT_DATA_AT, key, true);
    libc.epoll_ctl(this.#fd, what, socket.fd, event);
  }
}

const clock = new Int32Array(1);
/** Seconds and nanoseconds, as C has them where words have 64 bits. */
const time = new BigInt64Array(2);

/** CPU time that processes have used, by a clock that counts nanoseconds: seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  let seconds = 0;
  for (const pid of pids) {
    const failed = libc.clock_getcpuclockid(pid, clock) || libc.clock_gettime(clock[0]!, time);
    if (failed) throw new Error(`Cannot tell the CPU time of process ${pid}: does it still run?`);
    seconds += Number(time[0]) + Number(time[1]) / 1e9;
  }
  return seconds;
}
