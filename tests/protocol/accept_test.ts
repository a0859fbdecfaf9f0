/**
 * The accept loop, with a listener that fails as Deno's does. The errors were recorded with Deno 2.9 on
 * Linux by having accept(2) fail with each number.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { type AcceptHandler, Acceptor, type ConnectionListener } from "@netlab/protocol";
import { socketTest, within } from "./sockets.ts";

/** A pause longer than any test. */
const FOREVER_MS = 600_000;

const { ConnectionAborted, ConnectionReset, NotConnected, PermissionDenied } = Deno.errors;
const coded = (error: Error, code: string) => Object.assign(error, { code });

/** The errors of `accept` when a connection is gone, or a firewall forbids it. */
const LOST: Record<string, Error> = {
  ENOTCONN: coded(
    new NotConnected("Transport endpoint is not connected (os error 107)"),
    "ENOTCONN",
  ),
  ECONNABORTED: coded(
    new ConnectionAborted("Software caused connection abort (os error 103)"),
    "ECONNABORTED",
  ),
  ECONNRESET: coded(
    new ConnectionReset("Connection reset by peer (os error 104)"),
    "ECONNRESET",
  ),
  EPERM: coded(new PermissionDenied("Operation not permitted (os error 1)"), "EPERM"),
};

/** The errors of `accept` when the system has no resources. ENFILE has no code. */
const SHORTAGES: Record<string, Error> = {
  EMFILE: coded(new Error("Too many open files (os error 24)"), "EMFILE"),
  ENFILE: new Error("Too many open files in system (os error 23)"),
  ENOBUFS: coded(new Error("No buffer space available (os error 105)"), "ENOBUFS"),
  ENOMEM: coded(new Error("Cannot allocate memory (os error 12)"), "ENOMEM"),
};

class FakeConn implements Disposable {
  open = true;
  [Symbol.dispose](): void {
    this.open = false;
  }
}

/** Returns connections and errors in turn, then waits until it is disposed. */
class FakeListener implements ConnectionListener<FakeConn> {
  /** How often `accept` was called. */
  calls = 0;
  readonly #events: (Error | FakeConn)[];
  readonly #disposed = Promise.withResolvers<never>();

  constructor(events: (Error | FakeConn)[]) {
    this.#events = events;
    this.#disposed.promise.catch(() => {});
  }

  accept(): Promise<FakeConn> {
    const event = this.#events[this.calls++];
    if (event === undefined) return this.#disposed.promise;
    return event instanceof Error ? Promise.reject(event) : Promise.resolve(event);
  }

  [Symbol.dispose](): void {
    this.#disposed.reject(new Deno.errors.BadResource("Listener has been closed"));
  }
}

/** Records what is reported, and waits for connections. */
class Reports implements AcceptHandler<FakeConn> {
  readonly connections: FakeConn[] = [];
  readonly losses: unknown[] = [];
  readonly shortages: unknown[] = [];
  readonly #expected: number;
  readonly #enough = Promise.withResolvers<void>();

  constructor(expected: number) {
    this.#expected = expected;
    if (expected === 0) this.#enough.resolve();
  }

  /** Resolves when the expected number of connections has been accepted. */
  get enough(): Promise<void> {
    return within(this.#enough.promise, "connection");
  }

  accepted(conn: FakeConn): void {
    this.connections.push(conn);
    if (this.connections.length === this.#expected) this.#enough.resolve();
  }

  lost(error: unknown): void {
    this.losses.push(error);
  }

  exhausted(error: unknown): void {
    this.shortages.push(error);
  }
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name,
    permissions: "none",
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
    fn,
  });
}

for (const [name, error] of Object.entries(LOST)) {
  test(`Acceptor accepts the next connection at once after ${name}`, async () => {
    const [first, second] = [new FakeConn(), new FakeConn()];
    const listener = new FakeListener([first, ...Array<Error>(2_000).fill(error), second]);
    const reports = new Reports(2);
    await using _acceptor = new Acceptor(listener, reports, { pauseMs: FOREVER_MS });
    await reports.enough;
    assertEquals(reports.connections, [first, second]);
    assertEquals([reports.losses.length, reports.shortages.length], [2_000, 0]);
  });
}

for (const [name, error] of Object.entries(SHORTAGES)) {
  test(`Acceptor waits after ${name}, until it is closed`, async () => {
    const listener = new FakeListener([error, new FakeConn()]);
    const reports = new Reports(1);
    const acceptor = new Acceptor(listener, reports, { pauseMs: FOREVER_MS });
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assertEquals(reports.shortages, [error]);
    assertEquals(listener.calls, 1);
    await within(acceptor.close(), "end");
    assertEquals([listener.calls, reports.connections.length, reports.losses.length], [1, 0, 0]);
  });

  test(`Acceptor goes on when ${name} is over, and reports it once`, async () => {
    const listener = new FakeListener([
      error,
      error,
      new FakeConn(),
      error,
      new FakeConn(),
      error,
      error,
      new FakeConn(),
    ]);
    const reports = new Reports(3);
    await using _acceptor = new Acceptor(listener, reports, { pauseMs: 1 });
    await reports.enough;
    assertEquals([reports.shortages, reports.losses], [[error], []]);
  });
}

test("Acceptor leaves time for others when every attempt fails", async () => {
  const attempts = 100_000;
  const listener = new FakeListener(Array<Error>(attempts).fill(LOST.ENOTCONN!));
  await using _acceptor = new Acceptor(listener, { accepted() {} });
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assertLess(listener.calls, attempts);
});

test("Acceptor closes a connection that its handler cannot use, and goes on", async () => {
  const [bad, good] = [new FakeConn(), new FakeConn()];
  const reports = new Reports(1);
  const failure = LOST.ENOTCONN;
  await using _acceptor = new Acceptor(new FakeListener([bad, good]), {
    accepted(conn) {
      if (conn === bad) throw failure;
      reports.accepted(conn);
    },
    lost: (error) => reports.lost(error),
  }, { pauseMs: FOREVER_MS });
  await reports.enough;
  assertEquals([bad.open, good.open], [false, true]);
  assertEquals(reports.losses, [failure]);
});

test("Acceptor reports no connection after it was closed", async () => {
  const conn = new FakeConn();
  const reports = new Reports(0);
  const acceptor = new Acceptor(new FakeListener([conn]), reports);
  // The connection exists, but the loop has not been told.
  await Promise.all([acceptor.close(), acceptor.close()]);
  assertEquals([conn.open, reports.connections.length], [false, 0]);
});

socketTest("Acceptor ends when somebody else closes its listener", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let losses = 0;
  const acceptor = new Acceptor<Deno.TcpConn>(listener, {
    accepted: (conn) => conn.close(),
    lost: () => losses++,
  });
  listener.close();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  await within(acceptor.close(), "end");
  assertEquals(losses, 0);
});

/** Waits for one event loop turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
