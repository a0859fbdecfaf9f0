/**
 * Links break, fall silent and come back, and servers crash, in any order: when that is over everyone
 * knows everyone again, and at no time does anybody see a message twice.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "@netlab/protocol";
import { servers } from "./networks.ts";
import { between, pick, seeded } from "./seeded.ts";
import { disconnectRules, SessionClient } from "./session_client.ts";
import { TestUser } from "./test_user.ts";
import { VirtualNetwork } from "./virtual_network.ts";
import type { VirtualNode } from "./virtual_node.ts";

/** A connected graph over `count` servers. */
function graph(count: number, random: () => number): [number, number][] {
  const edges: [number, number][] = [];
  for (let index = 1; index < count; index++) edges.push([between(random, 0, index - 1), index]);
  for (let extra = between(random, 0, count); extra > 0; extra--) {
    const [a, b] = [between(random, 0, count - 1), between(random, 0, count - 1)];
    if (a !== b) edges.push([a, b]);
  }
  return edges;
}

class Storm {
  readonly network: VirtualNetwork;
  readonly nodes: VirtualNode[];
  readonly random: () => number;
  readonly #edges: [number, number][];
  readonly #down = new Set<VirtualNode>();

  constructor(seed: number) {
    this.network = new VirtualNetwork(seed);
    this.random = seeded(seed + 1_000_000);
    const count = between(this.random, 3, 9);
    const reach = pick(this.random, [2, 20, 100]);
    this.network.latency = () => 1 + reach * this.network.random();
    this.#edges = graph(count, this.random);
    this.nodes = servers(this.network, count, this.#edges, { rules: disconnectRules });
  }

  /** One more thing goes wrong, or right again. */
  blow(crashes: boolean): void {
    const { network, nodes } = this;
    const edge = pick(this.random, this.#edges);
    const [a, b] = [nodes[edge[0]]!.address, nodes[edge[1]]!.address];
    const node = pick(this.random, nodes);
    switch (between(this.random, 0, crashes ? 6 : 4)) {
      case 0:
        return network.cut(a, b);
      case 1:
        return network.separate(a, b);
      case 2:
        return network.silence(a, b);
      case 3:
      case 4:
        return network.join(a, b);
      default:
        if (this.#down.delete(node)) return node.start();
        this.#down.add(node);
        node.crash();
    }
  }

  /** Whether a server runs. */
  runs(node: VirtualNode): boolean {
    return !this.#down.has(node);
  }

  /** Everything works again. */
  heal(): void {
    for (const [a, b] of this.#edges) {
      this.network.join(this.nodes[a]!.address, this.nodes[b]!.address);
    }
    for (const node of this.#down) node.start();
    this.#down.clear();
  }

  /** Waits until every server has these users. */
  settle(names: string[], seed: number): void {
    const settled = () =>
      this.nodes.every((node) =>
        node.core.topology.routes().size === this.nodes.length - 1 &&
        node.users().join() === names.join()
      );
    try {
      this.network.until(settled, 45_000);
      // Links of which one end has not heard yet that they are dead still go, and come again.
      this.network.run(4_000);
      this.network.until(settled, 5_000);
    } catch (cause) {
      const found = this.nodes.map((node) => `${node.neighbours()}: ${node.users()}`).join("\n");
      throw new Error(`seed ${seed} does not settle:\n${found}`, { cause });
    }
  }
}

function assertOnce(messages: readonly { id: string }[], seed: number): void {
  assertEquals(new Set(messages.map(({ id }) => id)).size, messages.length, `seed ${seed}`);
}

Deno.test({
  name: "servers agree on all users after any storm, and everybody can write to everybody",
  permissions: "none",
  fn() {
    for (let seed = 1; seed <= 40; seed++) {
      const storm = new Storm(seed);
      const { network, nodes, random } = storm;
      network.run(2_000);
      const users = nodes.map((node, index) =>
        new TestUser(network, `User ${index}`).register(node)
      );
      for (let round = between(random, 10, 40); round > 0; round--) {
        storm.blow(true);
        network.run(pick(random, [5, 50, 300, 2_000, 4_000]));
        for (const [index, user] of users.entries()) {
          if (!storm.runs(nodes[index]!)) continue;
          if (user.connection!.closed) user.register(nodes[index]!);
          user.send(pick(random, users).name, "in the storm");
        }
      }
      storm.heal();
      network.run(3_000);
      for (const [index, user] of users.entries()) {
        if (user.connection!.closed) user.register(nodes[index]!);
      }
      storm.settle(users.map(({ name }) => name).sort(), seed);
      for (const user of users) assertOnce(user.messages, seed);

      const sent = users.flatMap((from) =>
        users.map((to) => ({ from, to, id: from.send(to.name, "") }))
      );
      network.run(3_000);
      for (const { from, to, id } of sent) {
        assertEquals(to.messages.filter((message) => message.id === id).length, 1, `seed ${seed}`);
        assertEquals(from.receiptsFor(id).length, 1, `seed ${seed}`);
        assert(from.isDelivered(id));
      }
    }
  },
});

Deno.test({
  name:
    "clients that move in a storm see each message once, and each that is reported as delivered",
  permissions: "none",
  fn() {
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
      for (const client of clients) assertOnce(client.messages, seed);
      for (const { from, to, id } of sent) {
        assert(from.outcomes.has(id), `seed ${seed}: no outcome`);
        const error = from.outcomes.get(id);
        const arrived = to.messages.some((message) => message.id === id);
        if (error === undefined) assert(arrived, `seed ${seed}: delivered, but it did not arrive`);
        else assert(error.code === ErrorCode.NoSuchUser || error.code === ErrorCode.TimedOut);
      }
      storm.settle(clients.map(({ name }) => name).sort(), seed);
    }
  },
});
