/**
 * The virtual clock of the simulator: tasks run at their times, and those for the same time in the order in
 * which they were scheduled.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { VirtualClock } from "@netlab/lab/simulator";

Deno.test({
  name:
    "virtual clock runs tasks in order of time, and those for the same time in order of scheduling",
  permissions: "none",
  fn() {
    const delays = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
    fc.assert(fc.property(fc.array(delays, { minLength: 1, maxLength: 30 }), (tree) => {
      const clock = new VirtualClock(100);
      const done: { at: number; order: number; now: number }[] = [];
      let asked = 0;
      const ask = (ms: number) => {
        const [at, order] = [clock.now + ms, asked++];
        clock.schedule(at, () => {
          done.push({ at, order, now: clock.now });
          // Tasks schedule further tasks, some of them for the same time.
          for (const further of tree[order] ?? []) ask(further);
        });
      };
      ask(0);
      ask(1);
      for (const end of [100, 101, 103, 200]) {
        clock.runUntil(end);
        assertEquals(clock.now, end);
      }
      assertEquals(done.length, asked);
      for (const { at, now } of done) assertEquals(now, at);
      assertEquals(done, [...done].sort((a, b) => a.at - b.at || a.order - b.order));
    }));
  },
});
