import { assert, assertEquals } from "@std/assert";
import { PIECE_UNITS, Turns, type Worker } from "../../protocol/transport/turns.ts";
import { mustWait } from "../../protocol/transport/reply_gate.ts";
import { BufferTotal, FrameType, FrameWriter } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

/** An event loop without other events, in which each piece of work takes half a millisecond. */
class Loop {
  now = 0;
  /** The names of the workers, in the order in which they worked, and a bar for each other event. */
  readonly log: string[] = [];
  readonly turns: Turns;
  #tasks: { at: number; run: () => void }[] = [];

  constructor() {
    this.turns = new Turns({
      now: () => this.now,
      later: (run) => void this.#tasks.push({ at: this.now, run }),
      after: (ms, run) => {
        const task = { at: this.now + ms, run };
        this.#tasks.push(task);
        return () => void (this.#tasks = this.#tasks.filter((other) => other !== task));
      },
      atTurnEnd: (run) => void this.#tasks.push({ at: this.now, run }),
    });
  }

  worker(
    name: string,
    pieces: number,
    isStranger = false,
    charged = 0,
  ): Worker & { pieces: number } {
    const worker = {
      recentUnits: 0,
      recentCharged: 0,
      recentSince: 0,
      isStranger,
      isLink: false,
      pieces,
      work: () => {
        this.log.push(name);
        this.now += 0.5;
        this.turns.spent(PIECE_UNITS, charged, worker);
        return --worker.pieces > 0;
      },
    };
    return worker;
  }

  /** Runs what is due until nothing is left, or until a time. */
  run(until = Infinity): void {
    while (this.#tasks.length > 0) {
      this.#tasks.sort((a, b) => a.at - b.at);
      if (this.#tasks[0]!.at > until) return;
      const { at, run } = this.#tasks.shift()!;
      this.now = Math.max(this.now, at);
      this.log.push("|");
      run();
    }
  }
}

test("connections that send more than is handled at once take turns", () => {
  const loop = new Loop();
  const [a, b] = [loop.worker("a", 6), loop.worker("b", 6)];
  loop.turns.wait(a);
  loop.turns.wait(b);
  loop.run();
  const worked = loop.log.filter((entry) => entry !== "|").join("");
  assertEquals(worked, "ababababab" + "ab");
  // Other events come after about a millisecond.
  for (const turn of loop.log.join("").split("|")) assert(turn.length <= 3, turn);
});

test("a connection that sends little goes before those that send much, which still go on", () => {
  const loop = new Loop();
  const heavy = loop.worker("h", 40);
  heavy.recentUnits = 1_000;
  loop.turns.wait(heavy);
  loop.run(3);
  loop.log.length = 0;
  const light = Array.from({ length: 12 }, () => loop.worker("l", 1));
  for (const each of light) loop.turns.wait(each);
  loop.run(loop.now + 4);
  const [first, second] = loop.log.join("").split("|").filter((turn) => turn !== "");
  assertEquals([first, second], ["llh", "llh"]);
});

test("strangers who cause much work get a quarter of the time, and what others leave", () => {
  const loop = new Loop();
  const strangers = ["x", "y"].map((name) => loop.worker(name, 1_000, true));
  for (const stranger of strangers) {
    stranger.recentUnits = 1_000;
    loop.turns.wait(stranger);
  }
  loop.run(80);
  const pieces = loop.log.filter((entry) => entry === "x" || entry === "y").length;
  assert(pieces >= 36 && pieces <= 44, `${pieces} pieces of half a millisecond in 80`);
  assert(Math.abs(strangers[0]!.pieces - strangers[1]!.pieces) <= 1);
  assert(!loop.turns.mayWork(strangers[0]!), "what they send now waits as well");
  assert(loop.turns.mayWork(loop.worker("a user", 1)));
  // Nothing is left of those who have gone.
  for (const stranger of strangers) loop.turns.leave(stranger);
  loop.log.length = 0;
  loop.run();
  assertEquals(loop.log.filter((entry) => entry !== "|"), []);
});

/** How many pieces of half a millisecond the worker `x` does in 80 ms, beside a user who sends messages. */
function piecesBesideUser(x: Partial<Worker>, charged: number): number {
  const loop = new Loop();
  const user = loop.worker("u", 1_000);
  const other = Object.assign(loop.worker("x", 1_000, false, charged), x);
  for (const worker of [user, other]) {
    worker.recentUnits = 1_000;
    loop.turns.wait(worker);
  }
  loop.run(80);
  return loop.log.filter((entry) => entry === "x").length;
}

test("users whose work delivers nothing get a quarter of the time, and servers half of it", () => {
  const recentCharged = 1_000;
  const user = piecesBesideUser({ recentCharged }, PIECE_UNITS);
  assert(user >= 20 && user <= 44, `${user} pieces of half a millisecond in 80`);
  const server = piecesBesideUser({ isLink: true, recentCharged }, PIECE_UNITS);
  assert(server > user && server <= 88, `${server} pieces of half a millisecond in 80`);
  const fair = piecesBesideUser({}, 0);
  assert(fair >= 60, `${fair} pieces of 160 of a user who sends as many messages`);
});

test("a crowd of strangers who cause little work each gets half of the time", () => {
  const loop = new Loop();
  const strangers = Array.from({ length: 200 }, (_, n) => loop.worker(`s${n}`, 1, true));
  let direct = 0;
  for (const stranger of strangers) {
    if (!loop.turns.mayWork(stranger)) loop.turns.wait(stranger);
    else if (++direct) stranger.work();
  }
  assert(direct < 40, `${direct} strangers of 200 went first`);
  assert(loop.turns.mayWork(loop.worker("a user", 1)));
  const start = loop.now;
  loop.run();
  const tookMs = loop.now - start;
  const workMs = (strangers.length - direct) / 2;
  assert(tookMs > 1.7 * workMs && tookMs < 2.5 * workMs, `${tookMs} ms for ${workMs} ms of work`);
});

test("frames wait while one byte more of replies waits than may", () => {
  const replier = { maxReplyBytes: () => 20_000 };
  assertEquals([mustWait(replier, 20_000), mustWait(replier, 20_001)], [false, true]);
  assertEquals([mustWait({}, 1_000_000), mustWait({ isReplying: () => true }, 0)], [false, true]);
});

test("buffers of many writers are counted together, and one byte more than the limit is noticed", () => {
  let excesses = 0;
  const total = new BufferTotal(4_096, () => excesses++);
  const writers = Array.from({ length: 3 }, () => new FrameWriter({ total }));
  for (const out of writers) out.frame(FrameType.Echo, 0, new Uint8Array(1_000));
  assertEquals([total.bytes, excesses], [3_072, 0]);
  new FrameWriter({ total }).frame(FrameType.Echo, 0, new Uint8Array(1_000));
  assertEquals([total.bytes, excesses], [4_096, 0]);
  new FrameWriter({ total }).frame(FrameType.Echo, 0);
  assert(total.bytes > 4_096 && excesses === 1);

  const before = total.bytes;
  const [first, second] = writers as [FrameWriter, FrameWriter];
  const taken = first.take();
  assertEquals(total.bytes, before, "taken bytes count until they are sent");
  first.recycle(taken);
  assertEquals([first.bufferBytes, total.bytes], [0, before - 1_024]);
  second.take();
  second.leave();
  assertEquals([second.bufferBytes, total.bytes], [0, before - 2_048]);
});
