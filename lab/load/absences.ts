/**
 * Takes one user off the network and back again at random times, as if the network of their machine
 * failed while their program runs on. Knows nothing of messages.
 *
 * @module
 */
import { FaultProxy } from "../proxy/fault_proxy.ts";
import { between, type Random, seeded } from "../random.ts";

/** How long a user is connected each time: milliseconds, shortest and longest. */
const CONNECTED_MS = [500, 3_000] as const;
/** How long a user is away each time: milliseconds, shortest and longest. */
const AWAY_MS = [500, 4_000] as const;

/** The absences of one user, who reaches all servers through proxies. */
export class Absences implements AsyncDisposable {
  readonly #proxies: readonly FaultProxy[];
  readonly #random: Random;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #away = false;

  private constructor(proxies: readonly FaultProxy[], random: Random) {
    this.#proxies = proxies;
    this.#random = random;
  }

  /**
   * Starts a proxy in front of each server. The user stays connected until {@linkcode Absences.begin}.
   *
   * @param servers The addresses of the servers, `host:port`.
   * @param seed The seed of all random decisions.
   * @param user The number of the user. Users with different numbers are away at different times.
   */
  static async of(servers: readonly string[], seed: number, user: number): Promise<Absences> {
    const proxies = await Promise.all(servers.map((target) => FaultProxy.start({ target, seed })));
    return new Absences(proxies, seeded(seed, 4, user));
  }

  /** The addresses of the proxies, `host:port`, in the order of the servers. */
  get addresses(): string[] {
    return this.#proxies.map(({ address }) => address);
  }

  /** Whether the user is away now. */
  get away(): boolean {
    return this.#away;
  }

  /** Lets the user leave and come back from now on. Calls `onLeft` each time that the user leaves. */
  begin(onLeft: () => void): void {
    // Half of the users are away at once.
    if (this.#random() < 0.5) this.#leave(onLeft);
    else this.#stay(onLeft);
  }

  /** Brings the user back for good. */
  end(): void {
    clearTimeout(this.#timer);
    this.#return();
  }

  /** Closes the proxies. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  #stay(onLeft: () => void): void {
    this.#timer = setTimeout(() => this.#leave(onLeft), between(this.#random, ...CONNECTED_MS));
  }

  #leave(onLeft: () => void): void {
    this.#away = true;
    onLeft();
    for (const proxy of this.#proxies) {
      proxy.partition();
      proxy.cut();
    }
    this.#timer = setTimeout(() => {
      this.#return();
      this.#stay(onLeft);
    }, between(this.#random, ...AWAY_MS));
  }

  #return(): void {
    this.#away = false;
    for (const proxy of this.#proxies) proxy.heal();
  }
}
