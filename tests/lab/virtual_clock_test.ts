/**
 * The agenda of the simulator: everything happens at its time, and what is due at one time in the order
 * in which it was put in.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { VirtualClock } from "../../lab/simulator/world/virtual_clock.ts";

Deno.test({
  name: "agenda does everything in order of time, and what is due at one time in order of asking",
  permissions: "none",
  fn() {
    const delays = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
    fc.assert(fc.property(fc.array(delays, { minLength: 1, maxLength: 30 }), (tree) => {
      const agenda = new VirtualClock(100);
      const done: { at: number; order: number; now: number }[] = [];
      let asked = 0;
      const ask = (ms: number) => {
        const [at, order] = [agenda.now + ms, asked++];
        agenda.add(at, () => {
          done.push({ at, order, now: agenda.now });
          // What happens puts in what follows from it, some of it for the same moment.
          for (const further of tree[order] ?? []) ask(further);
        });
      };
      ask(0);
      ask(1);
      for (const end of [100, 101, 103, 200]) {
        agenda.runUntil(end);
        assertEquals(agenda.now, end);
      }
      assertEquals(done.length, asked);
      for (const { at, now } of done) assertEquals(now, at);
      assertEquals(done, [...done].sort((a, b) => a.at - b.at || a.order - b.order));
    }));
  },
});
