/**
 * As many messages as a server accepts: pairs send within a window, and every delivery is counted.
 *
 * @module
 */
import type { Load, Result } from "../load.ts";
import { cpuSeconds, Poll } from "./libc.ts";
import { residentBytes } from "./memory.ts";
import { Crowd, inbox, type Pair, take, takeAnswers } from "./users.ts";

/** Milliseconds to wait for an event before the clock is read again. */
const WAIT_MS = 20;

/** Measures messages per second. */
export function measureRate(load: Load<"rate">): Result {
  const crowd = new Crowd(load);
  const add = () => crowd.addPair(load.window);
  const pairs = Array.from({ length: load.pairs }, add);
  const stalled = Array.from({ length: load.stalled }, add);
  const result = measureTraffic(load, pairs, load.window, pairs.length, stalled);
  return { ...result, residentBytes: residentBytes(load.pids) };
}

/**
 * Lets pairs write to each other.
 *
 * @param window Messages that a pair may have in flight.
 * @param active Pairs that have messages in flight at the same time. If there are more, they take turns.
 * @param stalled Further pairs, whose receivers do not read.
 */
export function measureTraffic(
  { pids, warmMs, ms, lostMs }: Pick<Load, "pids" | "warmMs" | "ms" | "lostMs">,
  pairs: readonly Pair[],
  window: number,
  active: number,
  stalled: readonly Pair[] = [],
): Required<Pick<Result, "rate" | "sent" | "serverCpu" | "generatorCpu">> {
  using loop = new Loop(pairs, window, active, stalled);
  loop.run(warmMs);
  const usage = startUsage(pids);
  const before = loop.arrived;
  loop.run(ms);
  const { seconds, ...shares } = usage();
  const rate = (loop.arrived - before) / seconds;
  return { rate, sent: loop.finish(lostMs), ...shares };
}

/** Starts to measure the time, and the shares of a core that servers and generator use. */
export function startUsage(pids: readonly number[]) {
  const start = performance.now();
  const server = cpuSeconds(pids);
  const own = cpuSeconds([Deno.pid]);
  return () => {
    const seconds = (performance.now() - start) / 1_000;
    return {
      seconds,
      serverCpu: (cpuSeconds(pids) - server) / seconds,
      generatorCpu: (cpuSeconds([Deno.pid]) - own) / seconds,
    };
  };
}

/** The messages of one pair. */
class Flow {
  readonly pair: Pair;
  readonly index: number;
  sent = 0;
  arrived = 0;
  /** Whether it is in the queue of pairs that may send. */
  queued = false;
  readonly #window: number;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** How many of the bytes are sent. */
  #at = 0;

  constructor(pair: Pair, index: number, window: number) {
    this.pair = pair;
    this.index = index;
    this.#window = window;
  }

  /** Whether the kernel has everything that was to be sent. */
  get idle(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether a batch is half sent, or the window has room for a good part of the next one. */
  get ready(): boolean {
    const { messages } = this.pair.batch;
    return !this.idle || this.#room >= Math.max(1, Math.min(messages, this.#window >> 2));
  }

  get #room(): number {
    return this.#window - (this.sent - this.arrived);
  }

  /** Sends the rest of the batch, or the next one with at most `limit` messages. */
  send(limit: number): void {
    const { batch, sender } = this.pair;
    if (this.idle) {
      const count = Math.min(batch.messages, this.#room, limit);
      this.#bytes = batch.next(count);
      this.#at = 0;
      this.sent += count;
    }
    this.#at += sender.send(this.#bytes.subarray(this.#at));
  }
}

/** Sends for the pairs that may send, and counts what arrives. */
class Loop implements Disposable {
  /** Messages that have arrived. */
  arrived = 0;
  readonly #poll = new Poll();
  readonly #flows: readonly Flow[];
  readonly #stalled: readonly Flow[];
  readonly #takesTurns: boolean;
  #queue: Flow[] = [];
  #next = 0;
  #answered = 0;
  #sending = true;

  constructor(pairs: readonly Pair[], window: number, active: number, stalled: readonly Pair[]) {
    this.#flows = pairs.map((pair, index) => new Flow(pair, index, window));
    this.#stalled = stalled.map((pair) => new Flow(pair, 0, Infinity));
    this.#takesTurns = active < pairs.length;
    for (const [index, { sender, receiver }] of pairs.entries()) {
      this.#poll.add(sender, index * 2);
      if (receiver) this.#poll.add(receiver, index * 2 + 1);
    }
    for (let i = 0; i < Math.min(active, pairs.length); i++) this.#giveTurn();
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
  }

  /** Continues for `ms` milliseconds. */
  run(ms: number): void {
    const end = performance.now() + ms;
    while (performance.now() < end) this.#step();
  }

  /**
   * Waits until everything that was sent has arrived and is answered.
   *
   * @param lostMs Milliseconds without progress after which the rest is lost.
   * @returns The number of messages sent.
   * @throws {Error} When messages or answers are missing, or there are too many.
   */
  finish(lostMs: number): number {
    this.#sending = false;
    const sent = this.#flows.reduce((sum, flow) => sum + flow.sent, 0);
    const { answers, answersPerMessage } = this.#flows[0]!.pair;
    const expected = answers ? sent * answersPerMessage : 0;
    let progress = -1;
    let progressAt = 0;
    while (this.arrived < sent || this.#answered < expected) {
      this.#step();
      if (this.arrived + this.#answered > progress) {
        progress = this.arrived + this.#answered;
        progressAt = performance.now();
      } else if (performance.now() - progressAt > lostMs) {
        throw new Error(
          this.arrived < sent
            ? `${sent - this.arrived} of ${sent} messages are lost`
            : `${expected - this.#answered} answers to ${sent} messages are missing`,
        );
      }
    }
    if (this.arrived > sent || this.#flows.some(({ pair }) => !pair.counter.whole)) {
      throw new Error("More arrived than was sent: duplicates, or bytes that are not a message");
    }
    return sent;
  }

  #step(): void {
    const flows = this.#queue;
    this.#queue = [];
    for (const flow of flows) {
      flow.queued = false;
      if (!flow.ready || (flow.idle && !this.#sending)) continue;
      flow.send(this.#takesTurns ? 1 : Infinity);
      if (!flow.idle) this.#poll.wantsToSend(flow.pair.sender, flow.index * 2, true);
      else if (!this.#takesTurns && flow.ready) this.#enqueue(flow);
    }
    // The senders to receivers that do not read continue, whatever the server answers.
    for (const flow of this.#stalled) {
      flow.send(Infinity);
      flow.pair.sender.receive(inbox);
    }
    const busy = this.#queue.length > 0 || this.#stalled.length > 0;
    const count = this.#poll.wait(busy ? 0 : WAIT_MS);
    for (let i = 0; i < count; i++) {
      const { key, canReceive, canSend } = this.#poll.ready(i);
      const flow = this.#flows[key >> 1]!;
      if (canSend) {
        this.#poll.wantsToSend(flow.pair.sender, key, false);
        this.#enqueue(flow);
      }
      if (canReceive) this.#receive(flow, (key & 1) === 1);
    }
  }

  #receive(flow: Flow, isReceiver: boolean): void {
    if (flow.pair.receiver && !isReceiver) {
      this.#answered += takeAnswers(flow.pair);
      return;
    }
    const count = Math.max(0, take(flow.pair));
    flow.arrived += count;
    this.arrived += count;
    if (!this.#takesTurns) {
      if (flow.ready) this.#enqueue(flow);
    } else if (this.#sending) {
      for (let i = 0; i < count; i++) this.#giveTurn();
    }
  }

  /** Lets the next pair send that has nothing in flight. */
  #giveTurn(): void {
    for (;;) {
      const flow = this.#flows[this.#next]!;
      this.#next = (this.#next + 1) % this.#flows.length;
      if (!flow.queued && flow.ready) return this.#enqueue(flow);
    }
  }

  #enqueue(flow: Flow): void {
    if (flow.queued) return;
    flow.queued = true;
    this.#queue.push(flow);
  }
}
