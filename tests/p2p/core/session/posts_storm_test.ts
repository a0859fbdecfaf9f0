/**
 * Posts in storms, while servers crash and users move and come back. No post is seen twice, and all
 * arrive when nothing fails.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { between, pick } from "@netlab/lab/random";
import type { SessionClient } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { Storm } from "../storm.ts";
import { blow, clearUp, clientsIn } from "../storm_clients.ts";

/** How many storms; raise it to look for rare failures. */
const SEEDS = 30;

function weather(seed: number): { posted: number; arrived: number } {
  const storm = new Storm(seed);
  const { network, random } = storm;
  const clients = clientsIn(storm);
  let posted = 0;
  const post = (from: SessionClient, to: SessionClient, count: number) => {
    for (; count > 0; count--) void from.post(to.name, `${posted++} for ${to.name}`);
  };
  for (let round = between(random, 10, 30); round > 0; round--) {
    blow(storm, clients);
    for (let burst = 0; burst < 5; burst++) {
      post(pick(random, clients), pick(random, clients), between(random, 1, 30));
      network.run(pick(random, [1, 10, 100, 500]));
    }
  }
  clearUp(storm, clients);

  const note = (what: string) => `seed ${seed}: ${what}`;
  const all = () => clients.flatMap(({ messages }) => messages.map(({ text }) => text));
  const before = all().length;
  const postedBefore = posted;
  for (const from of clients) for (const to of clients) post(from, to, 20);
  network.run(2_000);
  assertEquals(all().length - before, posted - postedBefore, note("some got lost in good weather"));
  assertEquals(new Set(all()).size, all().length, note("one came twice"));
  for (const { name, messages } of clients) {
    for (const { text } of messages) assert(text.endsWith(`for ${name}`), note(`${name}: ${text}`));
  }
  return { posted: postedBefore, arrived: before };
}

pureTest(`posts are seen at most once in ${SEEDS} storms, and arrive after them`, () => {
  let [posted, arrived] = [0, 0];
  for (let seed = 0; seed < SEEDS; seed++) {
    const counts = weather(seed);
    posted += counts.posted;
    arrived += counts.arrived;
  }
  assert(arrived > posted / 4 && arrived < posted, `${arrived} of ${posted} arrived`);
});
