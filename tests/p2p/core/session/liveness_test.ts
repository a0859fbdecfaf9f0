import { assert, assertEquals } from "@std/assert";
import { Liveness } from "../../../../p2p/core/session/liveness.ts";
import { pureTest as test } from "../../../kinds.ts";

const TICK_MS = 250;

/** A server that is looked at every 250 ms, in virtual time. */
class Watched {
  now = 0;
  heardAt = 0;
  isWaiting = false;
  users: number | undefined = 1;
  /** Whether the server answers. */
  alive = true;
  asked = 0;
  readonly liveness = new Liveness(0);

  look(): string | undefined {
    this.now += TICK_MS;
    const verdict = this.liveness.look(this.now, this);
    if (verdict === "ask") this.asked++;
    if (this.alive && verdict === "ask") this.heardAt = this.now + 1;
    return verdict;
  }

  run(ms: number): (string | undefined)[] {
    return Array.from({ length: ms / TICK_MS }, () => this.look());
  }

  /** The time until the server counts as gone. */
  untilGone(): number {
    const from = this.now;
    while (this.look() !== "gone") assert(this.now - from < 60_000);
    return this.now - from;
  }
}

test("server that vanishes is gone within 2 to 3.5 s, idle or not", () => {
  for (const isWaiting of [false, true]) {
    for (let ms = 0; ms < 5_000; ms += TICK_MS) {
      const server = new Watched();
      server.isWaiting = isWaiting;
      server.run(ms);
      server.alive = false;
      const goneMs = server.untilGone();
      assert(goneMs >= 2_000 && goneMs <= 3_500, `${goneMs} ms`);
    }
  }
});

test("server that pauses for 1.5 s is never gone, at whatever moment", () => {
  for (let ms = 0; ms < 5_000; ms += TICK_MS) {
    const server = new Watched();
    server.run(ms);
    server.alive = false;
    const during = server.run(1_500);
    server.alive = true;
    server.heardAt = server.now;
    assert(![...during, ...server.run(10_000)].includes("gone"));
  }
});

test("server that owes an answer for a second is late", () => {
  const server = new Watched();
  server.isWaiting = true;
  server.alive = false;
  assertEquals(server.run(2_750), [
    undefined,
    "ask",
    ...Array(3).fill(undefined),
    ...Array(4).fill("late"),
    "gone",
    // The caller has ended the connection.
    "gone",
  ]);
});

test("server that sends something need not be asked", () => {
  const server = new Watched();
  for (let i = 0; i < 100; i++) {
    server.heardAt = server.now;
    assertEquals(server.look(), undefined);
  }
});

test("all idle users of a server together ask it about a thousand times a second at most", () => {
  for (const users of [1, 10, 100, 1_000, 10_000, 14_000]) {
    const server = new Watched();
    server.users = users;
    server.run(600_000);
    const perSecond = users * server.asked / 600;
    assert(perSecond <= 1_000, `${users} users ask ${perSecond} times a second`);
    assert(server.asked >= 600 / 15.5);
  }
});

test("busy server of many users is noticed to be gone as fast while messages wait for it", () => {
  const server = new Watched();
  server.users = 10_000;
  server.run(3_000);
  server.alive = false;
  server.isWaiting = true;
  assert(server.untilGone() <= 3_500);
});

test("server is asked again, and not gone, when this program was asleep", () => {
  const server = new Watched();
  server.alive = false;
  server.run(2_000);
  server.now += 3_600_000;
  assertEquals(server.look(), "ask");
  assertEquals(server.run(1_750).includes("gone"), false);
});

test("server that reads a backlog slowly is given 15 s", () => {
  const server = new Watched();
  server.run(2_000);
  server.alive = false;
  for (let i = 0; i < 20; i++) {
    server.liveness.advanced(server.now);
    assert(!server.run(5_000).includes("gone"));
  }
  server.liveness.advanced(server.now);
  assertEquals(server.untilGone(), 15_000);
});
