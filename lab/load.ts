/**
 * Users who write to each other at a steady rate, and the history of what they saw. Owns the clients
 * and the pace; knows nothing of servers but their addresses, nor of who breaks what meanwhile.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import type { RoundsOptions } from "@netlab/rtt";
import { type Round, RttClient } from "@netlab/rtt/client";
import type { HistoryEvent } from "./history.ts";
import { pick, type Random, seeded } from "./random.ts";
import type { ClusterSystem } from "./server_start.ts";

/** Who writes how much. */
export interface LoadOptions {
  /** The system that the users belong to. */
  readonly system: ClusterSystem;
  /** The addresses of the servers; users are spread over them. */
  readonly servers: readonly string[];
  /** How many users: 2 or more. */
  readonly clients: number;
  /** How many messages a second, all together. */
  readonly perSecond: number;
  /** A user is moved to another server every so often: milliseconds; never when left out. */
  readonly switchEveryMs?: number | undefined;
  /** How rtt users measure and choose their servers; as they do by default when left out. */
  readonly choice?: RoundsOptions;
  /** Hears what rtt users measured and decided. */
  readonly onRound?: (user: string, round: Round) => void;
  /** What chance starts from: who writes to whom. */
  readonly seed: number;
}

/** How it stands. */
export interface LoadCounts {
  /** Messages handed to the network. */
  sent: number;
  /** Those it says it has safe. */
  accepted: number;
  /** Those it says it will not deliver. */
  refused: number;
  /** Those that got no answer in time. */
  unanswered: number;
  /** How often a recipient was given one. */
  seen: number;
  /** How often a user moved to another server because it was told to. */
  switches: number;
  /** Users without a server at the moment. */
  offline: number;
}

/** How long a message may go without an answer: milliseconds. */
const ANSWER_MS = 15_000;
/** The pace is kept at this interval: milliseconds. */
const TICK_MS = 10;
/** No more than this many messages of a user are under way at once: the network is at its limit. */
const MAX_UNDER_WAY = 50;
/** When nothing moved for this long, nothing more will come: milliseconds. */
const QUIET_MS = 15_000;

/** What these mean is that nobody knows: the message may have got there. Other codes say that it did not. */
const NO_ANSWER: ReadonlySet<number> = new Set([
  ErrorCode.TimedOut,
  ErrorCode.Closed,
  ErrorCode.ConnectionLost,
  ErrorCode.Replaced,
]);

/**
 * Resolves when the network has the message safe: the one place that knows what a client's word is
 * worth.
 */
async function accepted(client: P2pClient, recipient: string, text: string): Promise<void> {
  await client.send(recipient, text);
}

/** Users who write to each other. */
export class Load implements AsyncDisposable {
  /** What happened so far. */
  readonly history: HistoryEvent[] = [];
  /** Users who were thrown out for good, and why. */
  readonly thrownOut: string[] = [];
  /** How it stands. */
  readonly counts: LoadCounts = {
    sent: 0,
    accepted: 0,
    refused: 0,
    unanswered: 0,
    seen: 0,
    switches: 0,
    offline: 0,
  };
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #clients: P2pClient[] = [];
  readonly #offline = new Set<string>();
  readonly #sequences = new Map<string, number>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #awaited = new Set<string>();
  readonly #switching = new Map<P2pClient, Promise<void>>();
  /** When a message was answered or seen last. */
  #movedAt = 0;

  private constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seeded(options.seed, 1);
  }

  /** Connects the users. Errors are those of `P2pClient.connect`. */
  static async connect(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    try {
      for (let user = 0; user < options.clients; user += 1) await load.#join(user);
      return load;
    } catch (error) {
      await load.close();
      throw error;
    }
  }

  /** Writes at the given pace until so many messages were sent, so long passed, or `stop` aborts. */
  async run(end: { messages?: number; ms?: number }, stop: AbortSignal): Promise<void> {
    const { messages = Infinity, ms = Infinity } = end;
    const start = performance.now();
    const done = Promise.withResolvers<void>();
    let last = start;
    let due = 0;
    let dueSwitches = 0;
    const { switchEveryMs = Infinity } = this.#options;
    const tick = () => {
      const now = performance.now();
      if (stop.aborted || now - start >= ms || this.counts.sent >= messages) return done.resolve();
      // What could not be sent at its time is not made up for: a burst would be another load.
      due = Math.min(due % 1 + this.#options.perSecond * (now - last) / 1_000, this.#room);
      dueSwitches += (now - last) / switchEveryMs;
      for (; dueSwitches >= 1; dueSwitches--) this.#switchOne();
      last = now;
      const most = Math.min(Math.floor(due), messages - this.counts.sent);
      for (let count = 0; count < most; count++) this.#sendOne();
    };
    const timer = setInterval(tick, TICK_MS);
    await done.promise;
    clearInterval(timer);
    await Promise.all(this.#switching.values());
  }

  /**
   * Waits until every message has an answer and all accepted ones were seen, or nothing more comes: 15 s
   * without an answer, and without one more message seen.
   */
  async settle(stop: AbortSignal): Promise<void> {
    this.#movedAt = performance.now();
    const isDone = () => this.#underWay.size === 0 && this.#awaited.size === 0;
    while (!stop.aborted && !isDone() && performance.now() - this.#movedAt < QUIET_MS) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** Signs the users off. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#underWay);
  }

  /** The same as {@linkcode Load.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #room(): number {
    return this.#clients.length * MAX_UNDER_WAY - this.#underWay.size;
  }

  async #join(number: number): Promise<void> {
    const { system, servers, choice, onRound } = this.#options;
    const name = `user-${number + 1}`;
    // Each begins with another server, and knows them all.
    const first = number % servers.length;
    const client = await (system === "rtt" ? RttClient : P2pClient).connect({
      name,
      servers: [...servers.slice(first), ...servers.slice(0, first)],
      sendTimeoutMs: ANSWER_MS,
      ...choice,
      ...onRound && { onRound: (round: Round) => onRound(name, round) },
      onStatus: (status) => {
        if (status.state === "reconnecting") {
          this.#record({ kind: "disconnected", at: performance.now(), user: name });
          this.#offline.add(name);
        } else {
          this.#offline.delete(name);
          if (status.state === "closed" && status.error) {
            this.thrownOut.push(`${name}: ${status.error.message}`);
          }
        }
        this.counts.offline = this.#offline.size;
      },
    });
    this.#clients.push(client);
    void this.#read(client);
  }

  async #read(client: P2pClient): Promise<void> {
    try {
      for await (const { sender, text: id } of client) {
        this.counts.seen++;
        this.#awaited.delete(id);
        this.#record({
          kind: "seen",
          at: this.#movedAt = performance.now(),
          id,
          sender,
          recipient: client.name,
        });
      }
    } catch {
      // Thrown out: the client's status said why.
    }
  }

  /** Moves some user who is not on the move to some other server. */
  #switchOne(): void {
    const client = pick(this.#random, this.#clients);
    const others = this.#options.servers.filter((server) => server !== client.server);
    if (others.length === 0 || client.server === undefined || this.#switching.has(client)) return;
    const switching = client.moveTo(pick(this.#random, others)).then(
      () => void this.counts.switches++,
      () => {}, // that server is away: the user stays
    ).then(() => void this.#switching.delete(client));
    this.#switching.set(client, switching);
  }

  #sendOne(): void {
    const sender = pick(this.#random, this.#clients);
    const others = this.#clients.length - 1;
    const step = 1 + Math.floor(this.#random() * others);
    const recipient =
      this.#clients[(this.#clients.indexOf(sender) + step) % this.#clients.length]!.name;
    const pair = `${sender.name} ${recipient}`;
    const sequence = (this.#sequences.get(pair) ?? 0) + 1;
    this.#sequences.set(pair, sequence);
    const id = String(++this.counts.sent);
    this.#awaited.add(id);
    this.#record({
      kind: "sent",
      at: performance.now(),
      id,
      sender: sender.name,
      recipient,
      sequence,
    });
    const sending = accepted(sender, recipient, id).then(
      () => this.#answered(id, "accepted"),
      (error) => {
        this.#awaited.delete(id);
        if (error instanceof NetlabError && !NO_ANSWER.has(error.code)) {
          this.#answered(id, "refused");
        } else this.counts.unanswered++;
      },
    ).then(() => void this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  #answered(id: string, kind: "accepted" | "refused"): void {
    this.counts[kind]++;
    this.#record({ kind, at: this.#movedAt = performance.now(), id });
  }

  #record(event: HistoryEvent): void {
    this.history.push(event);
  }
}
