/**
 * Users that move from server to server while all write: one test for every kind of server and client.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { P2pClient, P2pClientOptions } from "@netlab/p2p/client";
import type { P2pServer, P2pServerOptions } from "@netlab/p2p/server";
import { eventually, Inbox, within } from "./network.ts";

/** Messages of one writer that are in flight, by default. */
const IN_FLIGHT = 64;

/** How to start the servers and clients of a kind. */
export interface Kind {
  listen(options: P2pServerOptions): Promise<Pick<P2pServer, "address" | "users" | "close">>;
  connect(options: P2pClientOptions): Promise<P2pClient>;
}

/** Writes numbers to another user, as fast as they are accepted, until it is stopped. */
export class Writer {
  /** How many numbers were sent. */
  sent = 0;
  /** How many were confirmed. */
  confirmed = 0;
  #stopped = false;
  readonly #writing: Promise<unknown>;

  constructor(client: P2pClient, recipient: string, inFlight: number = IN_FLIGHT) {
    const write = async () => {
      while (!this.#stopped) {
        await client.send(recipient, `${this.sent++}`);
        this.confirmed++;
      }
    };
    this.#writing = Promise.all(Array.from({ length: inFlight }, write));
    this.#writing.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }
}

/**
 * Two users on three servers write to each other while one of them, or both, move `moves` times, and a
 * third user writes to both. No message may be lost, repeated or out of order.
 */
export async function checkMoves(
  { listen, connect }: Kind,
  { moves, bothMove }: { moves: number; bothMove: boolean },
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const started = async <T extends { close(): Promise<void> }>(starting: Promise<T>) => {
    const one = await starting;
    stack.defer(() => one.close());
    return one;
  };
  const a = await started(listen({}));
  const b = await started(listen({ peers: [a.address] }));
  const c = await started(listen({ peers: [a.address, b.address] }));
  const servers = [a, b, c];
  const join = (name: string, server: typeof a) =>
    started(connect({ name, servers: [server.address] }));
  const alice = await join("Alice", a);
  const bob = await join("Bob", b);
  const carol = await join("Carol", c);
  await eventually("all know all", () => servers.every((each) => each.users().length === 3));

  const atAlice = new Inbox(alice);
  const atBob = new Inbox(bob);
  const toBob = new Writer(alice, "Bob");
  const toAlice = new Writer(bob, "Alice");
  const alsoToAlice = new Writer(carol, "Alice");
  const alsoToBob = new Writer(carol, "Bob");
  const writers = [toBob, toAlice, alsoToAlice, alsoToBob];
  for (let move = 1; move <= moves; move++) {
    await within(`move ${move}`, alice.moveTo(servers[move % 3]!.address));
    if (bothMove) await within(`move ${move}`, bob.moveTo(servers[(move + move % 2) % 3]!.address));
    // Writing must go on between two moves, or there would be no load.
    const before = writers.map(({ confirmed }) => confirmed);
    await eventually(
      "messages went through",
      () => writers.every(({ confirmed }, index) => confirmed > before[index]!),
    );
  }
  await within("the last receipts", Promise.all(writers.map((writer) => writer.stop())));

  const expected = (writer: Writer) => Array.from({ length: writer.sent }, (_, n) => `${n}`);
  await eventually(
    "all has come",
    () =>
      atAlice.messages.length >= toAlice.sent + alsoToAlice.sent &&
      atBob.messages.length >= toBob.sent + alsoToBob.sent,
  );
  assertSame(atBob.from("Alice"), expected(toBob));
  assertSame(atAlice.from("Bob"), expected(toAlice));
  assertSame(atAlice.from("Carol"), expected(alsoToAlice));
  assertSame(atBob.from("Carol"), expected(alsoToBob));
  assert(toBob.sent > moves);
}

/** Reports only the first differences: thousands of lines would not help. */
function assertSame(actual: string[], expected: string[]): void {
  const at = actual.findIndex((text, index) => text !== expected[index]);
  if (at >= 0) assertEquals(actual.slice(at, at + 8), expected.slice(at, at + 8), `from ${at} on`);
  assertEquals(actual.length, expected.length);
}
