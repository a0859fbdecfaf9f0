/**
 * As many messages as go through: pairs that send as fast as the server takes, within a window, while
 * every delivery is counted. Owns the loop, and what comes of one.
 *
 * @module
 */
import type { RateLoad, RateResult } from "../load.ts";
import { cpuSeconds, Poll } from "./libc.ts";
import { residentBytes } from "./memory.ts";
import { connectPair, inbox, type Pair, probe, receive, sendAll, SilentUsers } from "./users.ts";

/** How long to wait for something to happen before the clock is looked at again: milliseconds. */
const WAIT_MS = 20;
/** Messages that are encoded ahead of time, at most. */
const MAX_BATCH = 65_536;

/** How pairs write to each other. */
interface Traffic {
  /** Messages of a pair that may be under way. */
  readonly window: number;
  /** Pairs that have messages under way at the same time; when there are more pairs, they take turns. */
  readonly active: number;
}

/** Loads a server, and says how many messages a second arrived. */
export function measureRate(load: RateLoad): RateResult {
  const most = Math.min(load.window, MAX_BATCH);
  const silent = new SilentUsers(load);
  const connect = (index: number) => {
    const pair = connectPair(load, index, most);
    probe(pair);
    silent.add(pair.sender, pair.receiver);
    return pair;
  };
  const pairs = range(0, load.pairs).map(connect);
  const stalled = range(load.pairs, load.stalled).map(connect);
  const { window } = load;
  const result = measureTraffic(load, pairs, { window, active: pairs.length }, stalled);
  return { ...result, residentBytes: residentBytes(load.pids) };
}

/** Lets pairs write, the receivers of the `stalled` among them not read, and says what came of it. */
export function measureTraffic(
  load: Pick<RateLoad, "pids" | "warmMs" | "ms" | "lostMs">,
  pairs: readonly Pair[],
  { window, active }: Traffic,
  stalled: readonly Pair[] = [],
): Omit<RateResult, "residentBytes"> {
  using loop = new Loop(
    load.lostMs,
    pairs.map((pair, index) => new Flow(pair, index, window)),
    active,
    stalled.map((pair, index) => new Flow(pair, pairs.length + index, Infinity)),
  );
  loop.run(load.warmMs);
  const before = loop.arrived;
  const serverBefore = cpuSeconds(load.pids);
  const ownBefore = cpuSeconds([Deno.pid]);
  const ms = loop.run(load.ms);
  const arrived = loop.arrived - before;
  const serverCpu = (cpuSeconds(load.pids) - serverBefore) / ms * 1_000;
  const generatorCpu = (cpuSeconds([Deno.pid]) - ownBefore) / ms * 1_000;
  return { rate: arrived / ms * 1_000, sent: loop.finish(), serverCpu, generatorCpu };
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

/** One pair's messages on their way. */
class Flow {
  readonly pair: Pair;
  readonly index: number;
  sent = 0;
  arrived = 0;
  /** Whether it waits in the queue of those that may send. */
  queued = false;
  readonly #window: number;
  /** What is being sent, and how much of it has gone. */
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #at = 0;

  constructor(pair: Pair, index: number, window: number) {
    this.pair = pair;
    this.index = index;
    this.#window = window;
  }

  /** Whether everything that was begun has been handed to the kernel. */
  get idle(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether there is something to send: the rest of a batch, or a window that is open for the next. */
  get ready(): boolean {
    const { messages } = this.pair.batch;
    return !this.idle || this.#free >= Math.max(1, Math.min(messages, this.#window >> 2));
  }

  /** Sends the rest of a batch, or the next one; at most `limit` messages. */
  send(limit: number): void {
    const { batch, sender } = this.pair;
    if (this.idle) {
      const count = Math.min(batch.messages, this.#free, limit);
      this.#bytes = batch.next(count);
      this.#at = 0;
      this.sent += count;
    }
    this.#at += sender.send(this.#bytes.subarray(this.#at));
  }

  get #free(): number {
    return this.#window - (this.sent - this.arrived);
  }
}

/** Sends for those who may, counts what came, and so on. */
class Loop implements Disposable {
  /** Messages that came through. */
  arrived = 0;
  readonly #lostMs: number;
  readonly #poll = new Poll();
  readonly #flows: readonly Flow[];
  readonly #stalled: readonly Flow[];
  /** Whether pairs take turns: there are more of them than may be active. */
  readonly #takesTurns: boolean;
  #queue: Flow[] = [];
  #leaving: Flow[] = [];
  #turn = 0;
  #answered = 0;
  #sending = true;

  constructor(lostMs: number, flows: readonly Flow[], active: number, stalled: readonly Flow[]) {
    this.#lostMs = lostMs;
    this.#flows = flows;
    this.#stalled = stalled;
    this.#takesTurns = active < flows.length;
    for (const { pair, index } of flows) {
      this.#poll.add(pair.sender, index * 2);
      if (pair.receiver) this.#poll.add(pair.receiver, index * 2 + 1);
    }
    for (let i = 0; i < Math.min(active, flows.length); i++) this.#giveTurn();
  }

  [Symbol.dispose](): void {
    this.#poll[Symbol.dispose]();
  }

  /** Goes on for so long; how long it was: milliseconds. */
  run(ms: number): number {
    const start = performance.now();
    let now = start;
    for (; now - start < ms; now = performance.now()) this.#step();
    return now - start;
  }

  /**
   * Sends nothing new, and waits for all that was sent, and for the answers to it.
   *
   * @returns How many messages were sent in all.
   * @throws {Error} When one, or an answer, is lost.
   */
  finish(): number {
    this.#sending = false;
    const sent = this.#flows.reduce((sum, flow) => sum + flow.sent, 0);
    const { answers, answersPerMessage } = this.#flows[0]!.pair;
    const expected = answers ? sent * answersPerMessage : 0;
    let progress = this.arrived + this.#answered;
    let progressAt = performance.now();
    while (this.arrived < sent || this.#answered < expected) {
      this.#step();
      if (this.arrived + this.#answered > progress) {
        progress = this.arrived + this.#answered;
        progressAt = performance.now();
      } else if (performance.now() - progressAt > this.#lostMs) {
        throw new Error(
          this.arrived < sent
            ? `${sent - this.arrived} of ${sent} messages are lost`
            : `${expected - this.#answered} answers to ${sent} messages are missing`,
        );
      }
    }
    if (this.arrived > sent || this.#flows.some(({ pair }) => !pair.counter.whole)) {
      throw new Error("More came than was sent: messages twice, or what is no message");
    }
    return sent;
  }

  #step(): void {
    [this.#queue, this.#leaving] = [this.#leaving, this.#queue];
    for (const flow of this.#leaving) {
      flow.queued = false;
      if (!flow.ready || (flow.idle && !this.#sending)) continue;
      flow.send(this.#takesTurns ? 1 : Infinity);
      if (!flow.idle) this.#poll.wantsToSend(flow.pair.sender, flow.index * 2, true);
      else if (!this.#takesTurns && flow.ready) this.#enqueue(flow);
    }
    this.#leaving.length = 0;
    // Whose receiver does not read goes on writing, whatever the server says to that.
    for (const flow of this.#stalled) {
      flow.send(Infinity);
      flow.pair.sender.receive(inbox);
    }
    const busy = this.#queue.length > 0 || this.#stalled.length > 0;
    const count = this.#poll.wait(busy ? 0 : WAIT_MS);
    for (let i = 0; i < count; i++) {
      const key = this.#poll.key(i);
      const flow = this.#flows[key >> 1]!;
      if (this.#poll.canSend(i)) {
        this.#poll.wantsToSend(flow.pair.sender, key, false);
        this.#enqueue(flow);
      }
      if (this.#poll.canReceive(i)) this.#take(flow, (key & 1) === 1);
    }
  }

  #take(flow: Flow, isReceiver: boolean): void {
    const { sender, receiver, counter, answers } = flow.pair;
    const socket = isReceiver ? receiver! : sender;
    const length = receive(socket);
    if (length < 0) return;
    if (receiver && !isReceiver) {
      this.#answered += answers?.take(inbox, length) ?? 0;
      return;
    }
    const count = counter.take(inbox, length);
    const reply = counter.reply?.();
    if (reply) sendAll(socket, reply);
    flow.arrived += count;
    this.arrived += count;
    if (!this.#takesTurns) {
      if (flow.ready) this.#enqueue(flow);
    } else if (this.#sending) {
      for (let i = 0; i < count; i++) this.#giveTurn();
    }
  }

  /** The next pair that has nothing under way is to send. */
  #giveTurn(): void {
    for (;;) {
      const flow = this.#flows[this.#turn]!;
      this.#turn = (this.#turn + 1) % this.#flows.length;
      if (!flow.queued && flow.ready) return this.#enqueue(flow);
    }
  }

  #enqueue(flow: Flow): void {
    if (flow.queued) return;
    flow.queued = true;
    this.#queue.push(flow);
  }
}
