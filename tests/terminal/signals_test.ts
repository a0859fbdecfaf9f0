import { assertEquals, assertRejects } from "@std/assert";
import { unlessAborted } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

const reason = new Error("told to stop");

test("unlessAborted returns the result of the work, or throws its error", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(Promise.resolve(7), signal), 7);
  const failure = Promise.reject(new Error("no luck"));
  await assertRejects(() => unlessAborted(failure, signal), Error, "no luck");
});

test("unlessAborted throws the reason of the signal, and ignores the work", async () => {
  for (const aborted of [true, false]) {
    const controller = new AbortController();
    if (aborted) controller.abort(reason);
    const { promise, reject } = Promise.withResolvers<never>();
    const waiting = unlessAborted(promise, controller.signal);
    controller.abort(reason);
    assertEquals(await waiting.catch((error) => error), reason);
    reject(new Error("nobody is to hear of this"));
  }
});
