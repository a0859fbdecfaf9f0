import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { pureTest } from "../../../kinds.ts";
import { DueTimes } from "../../../../p2p/core/mailbox/due_times.ts";

const STEP_MS = 100;

pureTest("due times report every item once, never too early, and less than a step too late", () => {
  const change = fc.record({
    item: fc.nat(20),
    at: fc.option(fc.nat(5_000), { nil: undefined }),
    waitMs: fc.nat(400),
  });
  fc.assert(fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
    const due = new DueTimes<number>(STEP_MS);
    const expected = new Map<number, number>();
    let now = 0;
    for (const { item, at, waitMs } of changes) {
      if (at === undefined) {
        due.delete(item);
        expected.delete(item);
      } else {
        due.set(item, now + at);
        expected.set(item, now + at);
      }
      assertEquals(due.has(item), at !== undefined);
      now += waitMs;
      for (const item of due.take(now)) {
        const at = expected.get(item);
        assert(at !== undefined && at <= now, `${item} is reported at ${now}, due at ${at}`);
        expected.delete(item);
      }
      for (const at of expected.values()) assert(at + STEP_MS > now, `due at ${at}, now ${now}`);
      assertEquals([...due.items].sort(), [...expected.keys()].sort());
    }
  }));
});
