import { assert, assertEquals } from "@std/assert";
import { Race } from "../../../p2p/client/roaming/race.ts";
import { pureTest as test } from "../../kinds.ts";

/** Attempts that end when the test says so. */
class Attempts {
  readonly started: { address: string; atMs: number; stop: AbortSignal }[] = [];
  readonly failed: string[] = [];
  readonly unused: string[] = [];
  readonly race: Race<string>;
  readonly #pending = new Map<string, PromiseWithResolvers<string>>();

  /** @param onStart Called when an attempt starts. */
  constructor(onStart = (_address: string) => {}) {
    this.race = new Race({
      attempt: (address, stop) => {
        const pending = Promise.withResolvers<string>();
        this.#pending.set(address, pending);
        stop.addEventListener("abort", () => pending.reject(stop.reason));
        this.started.push({ address, atMs: performance.now(), stop });
        onStart(address);
        if (address.startsWith("bad")) pending.reject(new Error(address));
        if (address.startsWith("good")) pending.resolve(address);
        return pending.promise;
      },
      failed: (address) => void this.failed.push(address),
      unused: (result) => void this.unused.push(result),
    });
  }

  get addresses(): string[] {
    return this.started.map(({ address }) => address);
  }

  succeed(address: string): void {
    this.#pending.get(address)!.resolve(address);
  }
}

test("race starts the next attempt after 250 ms, or at once when one fails", async () => {
  const failuresThatWaited: string[] = [];
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const attempts = new Attempts((address) => {
    clearTimeout(waiting);
    if (!address.startsWith("bad")) return;
    waiting = setTimeout(() => failuresThatWaited.push(address));
  });
  const { race, started } = attempts;
  const start = performance.now();
  race.start(["hangs 1", "hangs 2", "bad 1", "bad 2", "good", "hangs 3"]);
  assertEquals(await race.next(), "good");
  assertEquals(attempts.addresses, ["hangs 1", "hangs 2", "bad 1", "bad 2", "good"]);
  assertEquals(attempts.failed, ["bad 1", "bad 2"]);
  const [, second, third] = started.map(({ atMs }) => atMs - start);
  assert(second! >= 250 && third! >= 500, `${second} ms, ${third} ms`);
  // The ones that failed did not delay those after them: no timer ran from one to the next.
  assertEquals(failuresThatWaited, []);
  await race.close();
  assert(started[0]!.stop.aborted);
  assertEquals(attempts.failed.length, 2);
});

test("race passes on each success once, and gives back those that come too late", async () => {
  const attempts = new Attempts();
  const { race } = attempts;
  race.start(["one", "two", "good"]);
  assertEquals(await race.next(), "good");
  attempts.succeed("one");
  assertEquals(await race.next(), "one");
  attempts.succeed("two");
  await race.close();
  assertEquals(attempts.unused, ["two"]);
  assertEquals(await race.next(), undefined);
});

test("race ends when all attempts have failed, and says why", async () => {
  const { race } = new Attempts();
  race.start(["bad 1", "bad 2"]);
  assertEquals(await race.next(), undefined);
  assertEquals(race.failures.map((error) => (error as Error).message), ["bad 1", "bad 2"]);
  await race.close();
});

test("race that is started again goes on with the attempts that run, and tries failed addresses again", async () => {
  const attempts = new Attempts();
  const { race } = attempts;
  race.start(["hangs", "bad"]);
  assertEquals(await race.next(10), undefined);
  race.start(["hangs", "bad"]);
  assertEquals(await race.next(10), undefined);
  assertEquals(attempts.addresses, ["hangs", "bad", "bad"]);
  const next = race.next(60_000);
  attempts.succeed("hangs");
  assertEquals(await next, "hangs");
  await race.close();
});
