import { assertEquals, assertRejects } from "@std/assert";
import { unlessAborted } from "@netlab/terminal";
import { pureTest as test } from "../kinds.ts";

const reason = new Error("told to stop");

test("unlessAborted gives what the work gives, or throws what it throws", async () => {
  const { signal } = new AbortController();
  assertEquals(await unlessAborted(Promise.resolve(7), signal), 7);
  const failure = Promise.reject(new Error("no luck"));
  await assertRejects(() => unlessAborted(failure, signal), Error, "no luck");
});

test("unlessAborted throws the signal's reason, and forgets the work", async () => {
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
