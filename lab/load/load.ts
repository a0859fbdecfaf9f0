/**
 * Users who write to each other at a steady rate, some of whom come and go, and the history of what they
 * saw. Owns the clients and the pace; knows nothing of servers but their addresses, nor of who breaks
 * what meanwhile.
 *
 * @module
 */
import { ErrorCode, NetlabError } from "@netlab/protocol";
import { P2pClient } from "@netlab/p2p/client";
import type { RoundsOptions } from "@netlab/rtt";
import { type Round, RttClient } from "@netlab/rtt/client";
import { Absences } from "./absences.ts";
import type { HistoryEvent, SentEvent } from "../checker/history.ts";
import { pick, type Random, seeded } from "../random.ts";
import type { ClusterSystem } from "../cluster/server_start.ts";

/** Who writes how much. */
export interface LoadOptions {
  /** The system that the users belong to. */
  readonly system: ClusterSystem;
  /** The addresses of the servers, over which users are spread; they are to learn of no others. */
  readonly servers: readonly string[];
  /** How many users: 2 or more. */
  readonly clients: number;
  /** How many messages a second, all together. */
  readonly perSecond: number;
  /** A user is moved to another server every so often: milliseconds; never when left out. */
  readonly switchEveryMs?: number | undefined;
  /** Whether one of three users comes and goes. */
  readonly absences: boolean;
  /** How rtt users measure and choose their servers; as they do by default when left out. */
  readonly choice?: RoundsOptions;
  /** Hears what rtt users measured and decided. */
  readonly onRound?: (user: string, round: Round) => void;
  /** What chance starts from: who writes to whom, and when users are away. */
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
  /** How often a user left for a while. */
  absences: number;
  /** Users who are away at the moment. */
  away: number;
  /** Users who are not away, and without a server at the moment. */
  offline: number;
}

/** How long a message may go without an answer: milliseconds. */
const ANSWER_MS = 15_000;
/** The pace is kept at this interval: milliseconds. */
const TICK_MS = 10;
/** No more than this many messages of a user are under way at once: the network is at its limit. */
const MAX_IN_FLIGHT = 50;
/** When nothing moved for this long, nothing more will come: milliseconds. */
const QUIET_MS = 15_000;

/** Of posts, of which some may be lost: milliseconds. */
const POSTS_QUIET_MS = 1_000;

/** One of so many users comes and goes. */
const COMES_AND_GOES = 3;

/** With one of so many messages go posts to the same user: so many in a row, which leave in one frame. */
const POST_EVERY = 5;
const POSTS = 5;
/** So that what was posted is told from what was sent. */
const POST = "post ";

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

/** One of the users. */
interface User {
  readonly client: P2pClient;
  readonly servers: readonly string[];
  /** Of one who comes and goes. */
  readonly absences: Absences | undefined;
  switching: Promise<void> | undefined;
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
    absences: 0,
    away: 0,
    offline: 0,
  };
  readonly #options: LoadOptions;
  readonly #random: Random;
  readonly #users: User[] = [];
  readonly #ways = new AsyncDisposableStack();
  readonly #away = new Set<string>();
  readonly #offline = new Set<string>();
  readonly #sequences = new Map<string, number>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #awaited = new Set<string>();
  readonly #awaitedPosts = new Set<string>();
  #posted = 0;
  /** When a message was answered or seen last. */
  #movedAt = 0;

  private constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seeded(options.seed, 1);
  }

  /**
   * Connects the users, and waits until each server knows all of them: what is posted to others is lost.
   *
   * @throws {Error} As `P2pClient.connect`, or when a server does not know them all in time.
   */
  static async connect(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    try {
      for (let user = 0; user < options.clients; user += 1) await load.#join(user);
      await load.#known();
      return load;
    } catch (error) {
      await load.close();
      throw error;
    }
  }

  /**
   * Writes at the given pace until so many messages were sent, so long passed, or `stop` aborts. Users
   * come and go meanwhile, and all are there in the end.
   */
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
    for (const { absences, client } of this.#users) absences?.begin(() => this.#left(client.name));
    await done.promise;
    clearInterval(timer);
    for (const { absences } of this.#users) absences?.end();
    await Promise.all(this.#users.map(({ switching }) => switching));
  }

  /**
   * Waits until every message has an answer and all accepted ones were seen, or nothing more comes: 15 s
   * without an answer, and without one more message seen; a second if only posts are missing.
   */
  async settle(stop: AbortSignal): Promise<void> {
    this.#movedAt = performance.now();
    const isDone = () => this.#inFlight.size === 0 && this.#awaited.size === 0;
    const quietMs = () => {
      if (!isDone()) return QUIET_MS;
      return this.#awaitedPosts.size === 0 ? 0 : POSTS_QUIET_MS;
    };
    while (!stop.aborted && performance.now() - this.#movedAt < quietMs()) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** Something about servers, links or ways changes: what is posted from now on may be lost, or come late. */
  changed(): void {
    this.#record({ kind: "changed", at: performance.now() });
  }

  /** Signs the users off. */
  async close(): Promise<void> {
    await Promise.all(this.#users.map(({ client }) => client.close()));
    await Promise.all(this.#inFlight);
    await this.#ways.disposeAsync();
  }

  /** The same as {@linkcode Load.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #room(): number {
    return this.#users.length * MAX_IN_FLIGHT - this.#inFlight.size;
  }

  async #join(number: number): Promise<void> {
    const { system, seed, choice, onRound } = this.#options;
    const comesAndGoes = this.#options.absences && number % COMES_AND_GOES === COMES_AND_GOES - 1;
    const absences = comesAndGoes
      ? this.#ways.use(await Absences.of(this.#options.servers, seed, number))
      : undefined;
    const servers = absences?.addresses ?? this.#options.servers;
    const name = `user-${number + 1}`;
    // Each begins with another server, and knows them all.
    const first = number % servers.length;
    let server: string | undefined;
    const client = await (system === "rtt" ? RttClient : P2pClient).connect({
      name,
      servers: [...servers.slice(first), ...servers.slice(0, first)],
      sendTimeoutMs: ANSWER_MS,
      ...choice,
      ...onRound && { onRound: (round: Round) => onRound(name, round) },
      onStatus: (status) => {
        if (status.state === "reconnecting") {
          server = undefined;
          this.#record({ kind: "disconnected", at: performance.now(), user: name });
          this.#offline.add(name);
        } else {
          this.#offline.delete(name);
          if (status.state === "connected") {
            if (server !== undefined) {
              this.#record({ kind: "moved", at: performance.now(), user: name });
            }
            server = status.server;
          }
          // What was under way when the user left may say that they are connected.
          if (!absences?.away && this.#away.delete(name)) {
            this.#record({ kind: "returned", at: performance.now(), user: name });
          }
          if (status.state === "closed" && status.error) {
            this.thrownOut.push(`${name}: ${status.error.message}`);
          }
        }
        this.#countUsers();
      },
    });
    this.#users.push({ client, servers, absences, switching: undefined });
    void this.#read(client);
  }

  async #read(client: P2pClient): Promise<void> {
    try {
      for await (const { sender, text: id } of client) {
        if (id.startsWith(POST)) this.#awaitedPosts.delete(id);
        else {
          this.counts.seen++;
          this.#awaited.delete(id);
        }
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

  /** Waits until the server of each user knows all users. */
  async #known(): Promise<void> {
    const deadline = performance.now() + QUIET_MS;
    for (const { client } of this.#users) {
      while ((await client.users()).length < this.#users.length) {
        if (performance.now() > deadline) {
          throw new Error(`Cannot begin: the server of ${client.name} does not know all users`);
        }
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
    }
  }

  #left(user: string): void {
    this.counts.absences++;
    this.#away.add(user);
    this.#record({ kind: "left", at: performance.now(), user });
    this.#countUsers();
  }

  #countUsers(): void {
    this.counts.away = this.#away.size;
    this.counts.offline = this.#offline.difference(this.#away).size;
  }

  /** Moves some user who is not on the move to some other server. */
  #switchOne(): void {
    const user = pick(this.#random, this.#users);
    const { client, servers } = user;
    const others = servers.filter((server) => server !== client.server);
    if (others.length === 0 || client.server === undefined || user.switching) return;
    user.switching = client.moveTo(pick(this.#random, others)).then(
      () => void this.counts.switches++,
      () => {}, // that server is away: the user stays
    ).then(() => void (user.switching = undefined));
  }

  #sendOne(): void {
    const count = this.#users.length;
    let number = Math.floor(this.#random() * count);
    // Who is away has nobody to give a message to; the first user never is.
    while (this.#users[number]!.absences?.away) number = (number + 1) % count;
    const sender = this.#users[number]!.client;
    const step = 1 + Math.floor(this.#random() * (count - 1));
    const recipient = this.#users[(number + step) % count]!.client.name;
    const id = String(++this.counts.sent);
    this.#awaited.add(id);
    this.#localDelivery("sent", id, sender.name, recipient);
    const sending = accepted(sender, recipient, id).then(
      () => this.#answered(id, "accepted"),
      (error) => {
        this.#awaited.delete(id);
        if (error instanceof NetlabError && !NO_ANSWER.has(error.code)) {
          this.#answered(id, "refused");
        } else this.counts.unanswered++;
      },
    ).then(() => void this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
    if (this.counts.sent % POST_EVERY === 0) this.#postSome(sender, recipient);
  }

  /** Posts some in a row. */
  #postSome(sender: P2pClient, recipient: string): void {
    for (let count = 0; count < POSTS; count++) {
      const id = `${POST}${++this.#posted}`;
      this.#awaitedPosts.add(id);
      this.#localDelivery("posted", id, sender.name, recipient);
      void sender.post(recipient, id);
    }
  }

  #localDelivery(kind: SentEvent["kind"], id: string, sender: string, recipient: string): void {
    const pair = `${kind} ${sender} ${recipient}`;
    const sequence = (this.#sequences.get(pair) ?? 0) + 1;
    this.#sequences.set(pair, sequence);
    this.#record({ kind, at: performance.now(), id, sender, recipient, sequence });
  }

  #answered(id: string, kind: "accepted" | "refused"): void {
    this.counts[kind]++;
    this.#record({ kind, at: this.#movedAt = performance.now(), id });
  }

  #record(event: HistoryEvent): void {
    this.history.push(event);
  }
}
