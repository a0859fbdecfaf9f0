/**
 * Links break, fall silent and come back, and servers crash, in any order. Afterwards all servers know
 * all users again, and no user has seen a message twice.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { between, pick } from "@netlab/lab/random";
import { SessionClient } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { Storm } from "../storm.ts";

function assertOnce(messages: readonly { id: string }[], seed: number): void {
  assertEquals(new Set(messages.map(({ id }) => id)).size, messages.length, `seed ${seed}`);
}

pureTest(
  "servers agree on all users after any storm, and every user can write to every other",
  () => {
    for (let seed = 1; seed <= 40; seed++) {
      const storm = new Storm(seed);
      const { network, nodes, random } = storm;
      network.run(2_000);
      const users = nodes.map((node, index) =>
        new SessionClient(network, `User ${index}`).moveTo(node)
      );
      const comeBack = () => {
        for (const [index, user] of users.entries()) {
          if (storm.runs(nodes[index]!) && !user.attached) user.moveTo(nodes[index]!);
        }
      };
      network.run(500);
      for (let round = between(random, 10, 40); round > 0; round--) {
        storm.blow(true);
        network.run(pick(random, [5, 50, 300, 2_000, 4_000]));
        comeBack();
        for (const user of users) user.send(pick(random, users).name, "in the storm");
      }
      storm.heal();
      network.run(3_000);
      comeBack();
      storm.settle(users.map(({ name }) => name));
      for (const user of users) assertOnce(user.messages, seed);

      const sent = users.flatMap((from) =>
        users.map((to) => ({ from, to, id: from.send(to.name, "") }))
      );
      network.run(3_000);
      for (const { from, to, id } of sent) {
        assertEquals(to.messages.filter((message) => message.id === id).length, 1, `seed ${seed}`);
        assert(from.accepted.has(id));
        assertEquals([...from.outcomes].filter(([key]) => key === id), [[id, undefined]]);
      }
    }
  },
);

pureTest(
  "clients that move in a storm see each message at most once, and each accepted message",
  () => {
    for (let seed = 1; seed <= 25; seed++) {
      const storm = new Storm(seed);
      const { network, nodes, random } = storm;
      network.run(2_000);
      const clients = nodes.map((node, index) =>
        new SessionClient(network, `User ${index}`).moveTo(node)
      );
      network.run(1_000);
      const sent: { from: SessionClient; to: SessionClient; id: string }[] = [];
      for (let round = between(random, 10, 40); round > 0; round--) {
        storm.blow(false);
        if (random() < 0.3) pick(random, clients).moveTo(pick(random, nodes));
        for (let burst = 0; burst < 5; burst++) {
          const [from, to] = [pick(random, clients), pick(random, clients)];
          sent.push({ from, to, id: from.send(to.name, `${sent.length}`) });
          network.run(pick(random, [1, 10, 100, 500]));
        }
      }
      storm.heal();
      network.run(40_000);
      storm.settle(clients.map(({ name }) => name));
      for (const client of clients) assertOnce(client.messages, seed);
      for (const { from, to, id } of sent) {
        // No server crashed, so no message is given up.
        assert(from.accepted.has(id), `seed ${seed}: not accepted`);
        const arrived = to.messages.some((message) => message.id === id);
        assert(arrived, `seed ${seed}: accepted, and it did not arrive`);
        assertEquals(from.outcomes.get(id), undefined, `seed ${seed}`);
      }
    }
  },
);
