/**
 * What a message costs, or a user who joins or leaves, while ever more users are there: on one server,
 * one number of users behind the other, so that what makes a difference is their number.
 *
 * @module
 */
import type { Cost, CrowdLoad, CrowdResult } from "../load.ts";
import { cpuSeconds, type Socket } from "./libc.ts";
import { measureTraffic } from "./rate.ts";
import { connectPair, connectUser, inbox, type Pair, probe, SilentUsers, until } from "./users.ts";

/** Pairs that have a message under way at the same time: the server always has something to do. */
const ACTIVE = 4;
/** Users who join one after the other, and leave so, in one measurement. */
const COMERS = 1_000;
/**
 * Users come and go so many times as long as other loads get warm before any of them counts: some 20,000
 * have to, until the server has compiled all of their way.
 */
const FIRST_WARM = 10;
/** The same whenever others have joined meanwhile. */
const WARM = 2;

/** Lets ever more users join, and measures each time. */
export function measureCrowd(load: CrowdLoad): CrowdResult {
  const crowd = load.what === "messages" ? new Writers(load) : new Comers(load);
  const result: { [what: string]: Cost[] } = {};
  for (const users of load.users) {
    crowd.growTo(users);
    for (const [what, cost] of Object.entries(crowd.measure())) (result[what] ??= []).push(cost);
  }
  return result;
}

/** Users who are there. */
abstract class Crowd {
  protected readonly load: CrowdLoad;
  readonly #silent: SilentUsers;
  #there = 0;

  constructor(load: CrowdLoad) {
    this.load = load;
    this.#silent = new SilentUsers(load);
  }

  /** Lets users join until so many are there. */
  growTo(users: number): void {
    while (this.#there < users) {
      const sockets = this.grow();
      this.#silent.add(...sockets);
      this.#there += sockets.length;
    }
  }

  /** What things cost now. */
  abstract measure(): { [what in keyof CrowdResult]: Cost };

  /** Lets some users join. */
  protected abstract grow(): Socket[];
}

/** Users in pairs, who write when they are to. */
class Writers extends Crowd {
  readonly #pairs: Pair[] = [];

  protected override grow(): Socket[] {
    const pair = connectPair(this.load, this.#pairs.length, 1);
    probe(pair);
    this.#pairs.push(pair);
    return pair.receiver ? [pair.sender, pair.receiver] : [pair.sender];
  }

  override measure(): { few: Cost; all: Cost } {
    return { few: this.#write(this.#pairs.slice(0, ACTIVE)), all: this.#write(this.#pairs) };
  }

  /** Each writes again when its message has arrived, and all others have had their turn. */
  #write(pairs: readonly Pair[]): Cost {
    const { ms, warmMs, users, pids, lostMs } = this.load;
    const load = { pids, lostMs, warmMs, ms: ms / users.length };
    const { rate, serverCpu } = measureTraffic(load, pairs, { window: 1, active: ACTIVE });
    return { cpu: serverCpu / rate * 1e6, clock: 1e6 / rate };
  }
}

/** Users who do nothing, while others come and go. */
class Comers extends Crowd {
  #names = 0;
  #warmTimes = FIRST_WARM;

  protected override grow(): Socket[] {
    return [this.#join()];
  }

  override measure(): { join: Cost; leave: Cost } {
    const warmUntil = performance.now() + this.load.warmMs * this.#warmTimes;
    this.#warmTimes = WARM;
    while (performance.now() < warmUntil) this.#comeAndGo();
    return this.#comeAndGo();
  }

  /**
   * Lets users join one after the other, each when the server has answered the one before it; and then
   * leave so: each ends its half of the connection, and has left when the server has ended the other.
   */
  #comeAndGo(): { join: Cost; leave: Cost } {
    const comers: Socket[] = [];
    const join = this.#costOfEach(() => {
      for (let i = 0; i < COMERS; i++) comers.push(this.#join());
    });
    const leave = this.#costOfEach(() => {
      for (const socket of comers) {
        socket.end();
        until("the server ends the connection too", () => socket.receive(inbox) === 0);
        socket.close();
      }
    });
    return { join, leave };
  }

  #join(): Socket {
    const number = String(this.#names++).padStart(6, "0");
    return connectUser(this.load, `i${this.load.tag}${number}`);
  }

  #costOfEach(work: () => void): Cost {
    const { pids } = this.load;
    const before = cpuSeconds(pids);
    const start = performance.now();
    work();
    const clock = (performance.now() - start) * 1_000 / COMERS;
    return { cpu: (cpuSeconds(pids) - before) * 1e6 / COMERS, clock };
  }
}
