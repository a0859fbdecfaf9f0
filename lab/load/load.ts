/**
 * Users who send messages to each other at a steady rate. Some of them leave and come back. Records the
 * history that a checker needs. Of servers, it knows only the addresses.
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

/** The users and the load. */
export interface LoadOptions {
  /** The system that the users belong to. */
  readonly system: ClusterSystem;
  /** The addresses of the servers, `host:port`. Users are spread over them, and must not learn of others. */
  readonly servers: readonly string[];
  /** The number of users: 2 or more. */
  readonly clients: number;
  /** How many durable messages all users together send per second. */
  readonly perSecond: number;
  /**
   * The time between two moves of a user to another server: milliseconds.
   *
   * @default {no moves}
   */
  readonly switchEveryMs?: number | undefined;
  /** Whether every third user leaves and comes back again and again. */
  readonly absences: boolean;
  /**
   * How rtt users measure and choose their servers.
   *
   * @default {the defaults of the rtt client}
   */
  readonly choice?: RoundsOptions;
  /** Called with the name of an rtt user and what it measured and decided in a round. */
  readonly onRound?: (user: string, round: Round) => void;
  /** The seed of all random decisions: who writes to whom, and when users are away. */
  readonly seed: number;
}

/** Counts of users and durable messages. */
export interface LoadCounts {
  /** Messages that were given to the network. */
  sent: number;
  /** Messages that the network accepted. */
  accepted: number;
  /** Messages that the network refused. */
  refused: number;
  /** Messages that got no answer in time. */
  unanswered: number;
  /** How often a recipient saw a message. */
  seen: number;
  /** How often a user moved to another server on request. */
  switches: number;
  /** How often a user left for a while. */
  absences: number;
  /** Users who are away now. */
  away: number;
  /** Users who are not away, and have no server now. */
  offline: number;
}

/** How long to wait for the answer to a message: milliseconds. */
const ANSWER_MS = 15_000;
/** The interval at which messages are sent: milliseconds. */
const TICK_MS = 10;
/** How many messages of a user may be in flight on average. At this number the network is at its limit. */
const MAX_IN_FLIGHT = 50;
/** If nothing was answered or seen for this long, no more messages will arrive: milliseconds. */
const QUIET_MS = 15_000;
/** {@linkcode QUIET_MS} if only ephemeral messages are missing, as some may be lost: milliseconds. */
const POSTS_QUIET_MS = 1_000;

/** One of this many users leaves and comes back. */
const ABSENT_EVERY = 3;

/** With one of this many durable messages, the user also posts ephemeral ones to the same recipient. */
const POST_EVERY = 5;
/** How many ephemeral messages are posted in a row. They leave in one frame. */
const POSTS = 5;
/** The texts of ephemeral messages start with this, to tell them from durable ones. */
const POST = "post ";

/** With these codes the message may have been accepted. With all others it was refused. */
const NO_ANSWER: ReadonlySet<number> = new Set([
  ErrorCode.TimedOut,
  ErrorCode.Closed,
  ErrorCode.ConnectionLost,
  ErrorCode.Replaced,
  ErrorCode.NotStored,
]);

/** One of the users. */
interface User {
  readonly client: P2pClient;
  readonly servers: readonly string[];
  /** The absences of a user who leaves and comes back. */
  readonly absences: Absences | undefined;
  /** The move to another server that is going on. */
  switching: Promise<void> | undefined;
}

/** Users who send messages to each other. */
export class Load implements AsyncDisposable {
  /** The events so far, in order. */
  readonly history: HistoryEvent[] = [];
  /** Users whom the network disconnected for good, each with the reason. */
  readonly thrownOut: string[] = [];
  /** The present counts. */
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
  readonly #absences = new AsyncDisposableStack();
  readonly #away = new Set<string>();
  readonly #offline = new Set<string>();
  readonly #sequences = new Map<string, number>();
  readonly #inFlight = new Set<Promise<void>>();
  /** The durable messages that were not seen yet and were not refused. */
  readonly #awaited = new Set<string>();
  readonly #awaitedPosts = new Set<string>();
  #posted = 0;
  /** When a message was last answered or seen. */
  #progressAt = 0;

  private constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seeded(options.seed, 1);
  }

  /**
   * Connects the users, and waits until each server knows all of them. Ephemeral messages to unknown users
   * would be lost.
   *
   * @throws {Error} When a user cannot connect, or a server does not know all users in time.
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
   * Sends messages at the given rate. Some users leave and come back meanwhile. All are back at the end.
   *
   * @param end When to end: after a number of durable messages, or after a time in milliseconds.
   * @param stop Ends the run early.
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
      // Messages that could not be sent in time are skipped. Sending them later would cause a burst.
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
   * Waits until every durable message has an answer, and all accepted messages were seen. Gives up when
   * nothing was answered or seen for 15 seconds, or for one second if only ephemeral messages are missing.
   *
   * @param stop Ends the wait early.
   */
  async settle(stop: AbortSignal): Promise<void> {
    this.#progressAt = performance.now();
    const isDone = () => this.#inFlight.size === 0 && this.#awaited.size === 0;
    const quietMs = () => {
      if (!isDone()) return QUIET_MS;
      return this.#awaitedPosts.size === 0 ? 0 : POSTS_QUIET_MS;
    };
    while (!stop.aborted && performance.now() - this.#progressAt < quietMs()) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** Records that a server, link or route changes. Ephemeral messages may be lost or late from now on. */
  changed(): void {
    this.#record({ kind: "changed", at: performance.now() });
  }

  /** Closes all clients. */
  async close(): Promise<void> {
    await Promise.all(this.#users.map(({ client }) => client.close()));
    await Promise.all(this.#inFlight);
    await this.#absences.disposeAsync();
  }

  /** Calls {@linkcode Load.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #room(): number {
    return this.#users.length * MAX_IN_FLIGHT - this.#inFlight.size;
  }

  async #join(number: number): Promise<void> {
    const { system, seed, choice, onRound } = this.#options;
    const leaves = this.#options.absences && number % ABSENT_EVERY === ABSENT_EVERY - 1;
    const absences = leaves
      ? this.#absences.use(await Absences.of(this.#options.servers, seed, number))
      : undefined;
    const servers = absences?.addresses ?? this.#options.servers;
    const name = `user-${number + 1}`;
    // Users start at different servers, and know all of them.
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
          // A status that was in flight when the user left may still say "connected".
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
          at: this.#progressAt = performance.now(),
          id,
          sender,
          recipient: client.name,
        });
      }
    } catch {
      // The network disconnected the user for good. `onStatus` recorded why.
    }
  }

  /** Waits until the server of each user knows all users. */
  async #known(): Promise<void> {
    const deadline = performance.now() + QUIET_MS;
    for (const { client } of this.#users) {
      while ((await client.users()).length < this.#users.length) {
        if (performance.now() > deadline) {
          throw new Error(
            `Cannot start the load: the server of ${client.name} does not know all users`,
          );
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

  /** Moves a random user to another server, unless that user is moving already. */
  #switchOne(): void {
    const user = pick(this.#random, this.#users);
    const { client, servers } = user;
    const others = servers.filter((server) => server !== client.server);
    if (others.length === 0 || client.server === undefined || user.switching) return;
    user.switching = client.moveTo(pick(this.#random, others)).then(
      () => void this.counts.switches++,
      () => {}, // that server is down: the user stays
    ).then(() => void (user.switching = undefined));
  }

  #sendOne(): void {
    const count = this.#users.length;
    let number = Math.floor(this.#random() * count);
    // A user who is away cannot send. The first user is never away.
    while (this.#users[number]!.absences?.away) number = (number + 1) % count;
    const sender = this.#users[number]!.client;
    const step = 1 + Math.floor(this.#random() * (count - 1));
    const recipient = this.#users[(number + step) % count]!.client.name;
    const id = String(++this.counts.sent);
    this.#awaited.add(id);
    this.#recordSent("sent", id, sender.name, recipient);
    const sending = sender.send(recipient, id).then(
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

  /** Posts several ephemeral messages in a row. */
  #postSome(sender: P2pClient, recipient: string): void {
    for (let count = 0; count < POSTS; count++) {
      const id = `${POST}${++this.#posted}`;
      this.#awaitedPosts.add(id);
      this.#recordSent("posted", id, sender.name, recipient);
      void sender.post(recipient, id);
    }
  }

  #recordSent(kind: SentEvent["kind"], id: string, sender: string, recipient: string): void {
    const pair = `${kind} ${sender} ${recipient}`;
    const sequence = (this.#sequences.get(pair) ?? 0) + 1;
    this.#sequences.set(pair, sequence);
    this.#record({ kind, at: performance.now(), id, sender, recipient, sequence });
  }

  #answered(id: string, kind: "accepted" | "refused"): void {
    this.counts[kind]++;
    this.#record({ kind, at: this.#progressAt = performance.now(), id });
  }

  #record(event: HistoryEvent): void {
    this.history.push(event);
  }
}
