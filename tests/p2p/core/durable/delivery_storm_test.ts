/**
 * Durable messages in storms, while servers crash and clients move, leave and come back: every
 * accepted message arrives exactly once and in order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { between, pick } from "@netlab/lab/random";
import type { SessionClient, VirtualConnection } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { Storm } from "../storm.ts";
import { blow, clearUp, clientsIn } from "../storm_clients.ts";

/** How many storms; rare failures take some hundreds: raise it to look for them. */
const SEEDS = 40;

/** A message, and the connection on which its sender sent it and on which it was accepted. */
interface Sent {
  from: SessionClient;
  to: SessionClient;
  id: string;
  sentOn: VirtualConnection | undefined;
}

function weather(seed: number): void {
  const storm = new Storm(seed, { durable: true });
  const { network, random } = storm;
  const clients = clientsIn(storm);
  const sent: Sent[] = [];
  for (let round = between(random, 10, 40); round > 0; round--) {
    blow(storm, clients);
    for (let burst = 0; burst < 5; burst++) {
      const [from, to] = [pick(random, clients), pick(random, clients)];
      for (let several = between(random, 1, 4); several > 0; several--) {
        const id = from.send(to.name, `${sent.length}`, 0, 300_000);
        sent.push({ from, to, id, sentOn: from.attached });
      }
      network.run(pick(random, [1, 10, 100, 500]));
    }
  }
  clearUp(storm, clients);

  const note = (what: string) => `seed ${seed}: ${what}`;
  for (const { from, to, id } of sent) {
    assert(from.accepted.has(id), note("was not accepted"));
    const times = to.messages.filter((message) => message.id === id).length;
    assertEquals(times, 1, note("was accepted, and did not arrive once"));
    assert(from.outcomes.has(id), note(`${from.name} did not hear how it ended`));
    assertEquals(from.outcomes.get(id), undefined, note("ended with an error"));
  }
  for (const from of clients) {
    for (const to of clients) {
      const positions = new Map(to.messages.map(({ id }, index) => [id, index]));
      let last: { position: number; on: VirtualConnection } | undefined;
      for (const message of sent) {
        if (message.from !== from || message.to !== to) continue;
        const on = from.acceptedOn.get(message.id);
        if (on === undefined || message.sentOn !== on) continue;
        const position = positions.get(message.id)!;
        if (last?.on === on) {
          assert(last.position < position, note(`${from.name} to ${to.name} in order`));
        }
        last = { position, on };
      }
    }
  }
  for (const { core } of storm.nodes) assert(core.isDrained, note("takes users"));
}

pureTest("every accepted message arrives exactly once and in order after any storm", () => {
  for (let seed = 1; seed <= SEEDS; seed++) weather(seed);
});
