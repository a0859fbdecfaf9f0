import { assertEquals } from "@std/assert";
import { runSeeds } from "@netlab/lab/simulator";
import { within } from "../p2p/network.ts";

/** A worker that returns each seed, except one at which it computes forever. */
const worker = new URL(
  "data:text/javascript,onmessage = ({ data }) => { while (data === 3); postMessage(data); };",
);

Deno.test({
  name: "runSeeds gives up the seeds that are being run when it is told to stop",
  sanitizeOps: true,
  sanitizeResources: true,
  sanitizeExit: true,
  async fn() {
    const stop = new AbortController();
    const done: number[] = [];
    const sharing = runSeeds<number>({
      worker,
      from: 1,
      seeds: 100,
      workers: 1,
      message: (seed) => seed,
      onResult(seed) {
        done.push(seed);
        if (seed === 2) setTimeout(() => stop.abort(), 0);
      },
    }, stop.signal);
    await within("the end", sharing);
    assertEquals(done, [1, 2]);
  },
});
