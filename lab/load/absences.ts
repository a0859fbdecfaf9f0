/**
 * One user's ways to the servers, closed for a while and open again, at times that are drawn from one
 * seed: somebody whose network comes and goes, while their program runs on. Owns these ways and when
 * they are closed; knows nothing of messages.
 *
 * @module
 */
import { FaultProxy } from "../proxy/fault_proxy.ts";
import { between, type Random, seeded } from "../random.ts";

/** How long a user is there, and away, each time: milliseconds, least and most. */
const THERE_MS = [500, 3_000] as const;
const AWAY_MS = [500, 4_000] as const;

/** The absences of one user. */
export class Absences implements AsyncDisposable {
  readonly #ways: readonly FaultProxy[];
  readonly #random: Random;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #away = false;

  private constructor(ways: readonly FaultProxy[], random: Random) {
    this.#ways = ways;
    this.#random = random;
  }

  /**
   * Opens a way to each of these servers. The user is there until {@linkcode Absences.begin}.
   *
   * @param seed What chance starts from.
   * @param user The number of the user: each has other times.
   */
  static async of(servers: readonly string[], seed: number, user: number): Promise<Absences> {
    const ways = await Promise.all(servers.map((target) => FaultProxy.start({ target, seed })));
    return new Absences(ways, seeded(seed, 4, user));
  }

  /** Where the user reaches the servers, in their order. */
  get addresses(): string[] {
    return this.#ways.map(({ address }) => address);
  }

  /** Whether the user is away. */
  get away(): boolean {
    return this.#away;
  }

  /** From now on the user leaves and comes back; `onLeft` hears of each time that they leave. */
  begin(onLeft: () => void): void {
    // Some are away from the first moment.
    if (this.#random() < 0.5) this.#leave(onLeft);
    else this.#stay(onLeft);
  }

  /** The user comes back, and stays. */
  end(): void {
    clearTimeout(this.#timer);
    this.#return();
  }

  /** Closes the ways for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#ways.map((way) => way.close()));
  }

  #stay(onLeft: () => void): void {
    this.#timer = setTimeout(() => this.#leave(onLeft), between(this.#random, ...THERE_MS));
  }

  #leave(onLeft: () => void): void {
    this.#away = true;
    onLeft();
    for (const way of this.#ways) {
      way.partition();
      way.cut();
    }
    this.#timer = setTimeout(() => {
      this.#return();
      this.#stay(onLeft);
    }, between(this.#random, ...AWAY_MS));
  }

  #return(): void {
    this.#away = false;
    for (const way of this.#ways) way.heal();
  }
}
