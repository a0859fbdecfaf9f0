/**
 * Routes between servers while links change: how a silent link is noticed, when costs are announced,
 * and what happens to messages in flight.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { FrameType, LinkStateKind, MessageKind, readLinkState } from "@netlab/protocol";
import type { LinkCosts } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { FailureDetector } from "../../../../p2p/core/mesh/failure_detector.ts";
import { SILENT_COST, UNKNOWN_COST } from "../../../../p2p/core/mesh/topology/link_states.ts";
import {
  addressOf,
  ring,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

/** The costs of links, which the test sets by the address at the other end. The default is 10. */
class Costs implements LinkCosts {
  readonly byAddress = new Map<string, number | undefined>();

  of({ address }: { address: string }): number | undefined {
    return this.byAddress.has(address) ? this.byAddress.get(address) : 10;
  }

  describe(cost: number): string {
    return `${cost}`;
  }
}

/** Servers of which each pair is linked, with costs that can be changed. */
function priced(count: number, edges?: [number, number][]) {
  const network = new VirtualNetwork();
  const costs = Array.from({ length: count }, () => new Costs());
  const nodes = servers(network, count, edges, (index) => ({ costs: costs[index]! }));
  settle(network, nodes);
  network.run(2_000);
  const price = (a: number, b: number, cost: number | undefined) => {
    costs[a]!.byAddress.set(addressOf(b), cost);
    costs[b]!.byAddress.set(addressOf(a), cost);
  };
  const route = (from: number, to: number) => nodes[from]!.core.topology.route(nodes[to]!.core.id);
  return { network, nodes, price, route };
}

/** What a server says of its links from now on, as one of its peers hears it. */
function announcements(network: VirtualNetwork, node: VirtualNode, to: VirtualNode) {
  return network.watch((seen) =>
    seen.from === node.address && seen.to === to.address &&
    seen.frame.type === FrameType.LinkState && seen.frame.subtype === LinkStateKind.Links &&
    readLinkState(seen.frame.payload).server === node.core.id
  );
}

pureTest(
  "failure detector allows half a second of silence, and more where silences are usual",
  () => {
    const detector = new FailureDetector();
    const look = (...ms: number[]) =>
      ms.map((silentMs) => {
        detector.look(silentMs);
        return detector.silent;
      });
    assertEquals(look(100, 120, 240, 250, 499), [false, false, false, false, false]);
    assertEquals(look(50, 300, 550, 20), [false, false, false, false], "twice what was usual");
    assertEquals(look(250, 500, 750, 1_000, 1_150), [false, false, false, false, true]);
    // A failure says nothing about what is usual.
    assertEquals(look(2_000, 0), [true, false]);
    const calm = () => look(...new Array<number>(1_000).fill(100));
    calm();
    assertEquals(look(250, 500), [false, true]);
  },
);

pureTest(
  "messages avoid a silent link within a second, and use it again when it is heard",
  () => {
    for (let seed = 1; seed <= 20; seed++) {
      const network = new VirtualNetwork(seed);
      network.latency = () => 5 + 20 * network.random();
      const nodes = servers(network, 4, ring(4)) as [VirtualNode, VirtualNode, ...VirtualNode[]];
      settle(network, nodes);
      const [ann, bob] = [new TestUser(network, "Ann"), new TestUser(network, "Bob")];
      ann.at(nodes[0]);
      bob.at(nodes[1]);
      network.run(500 + 1_000 * network.random());
      // Two that dial each other at once drop one of their links at the start.
      nodes[0].events.length = 0;
      network.silence(addressOf(0), addressOf(1));
      const id = ann.send("Bob", "hello");
      const ms = network.until(() => bob.messages.length === 1, 1_200);
      assertLess(ms, 1_000, `seed ${seed}`);
      assertEquals(nodes[0].core.topology.cost(nodes[0].core.id, nodes[1].core.id), SILENT_COST);
      network.run(300);
      network.join(addressOf(0), addressOf(1));
      network.until(() => nodes[0].core.topology.route(nodes[1].core.id)?.hops === 1, 1_000);
      network.run(500);
      assertEquals(bob.textsFrom("Ann"), ["hello"], "once");
      assert(ann.isDelivered(id));
      assert(!nodes[0].events.includes("link.down"), `seed ${seed}`);
    }
  },
);

pureTest("a silent link is still used when there is no other route", () => {
  const { network, nodes, route } = priced(2);
  network.silence(addressOf(0), addressOf(1));
  network.run(1_000);
  assertEquals(route(0, 1), {
    next: nodes[1]!.core.id,
    previous: nodes[0]!.core.id,
    cost: SILENT_COST,
    hops: 1,
  });
});

pureTest("a link of unknown cost is used only when there is no other route", () => {
  const { network, price, route } = priced(3);
  price(0, 2, undefined);
  network.run(1_000);
  assertEquals([route(0, 2)?.hops, route(0, 2)?.cost], [2, 20]);
  price(0, 1, undefined);
  network.run(1_000);
  assertEquals([route(0, 2)?.hops, route(0, 2)?.cost], [1, UNKNOWN_COST]);
});

pureTest("a cost is announced again when it changes by a fifth, and not for less", () => {
  const { network, nodes, price, route } = priced(3);
  network.run(15_000); // what was first said of new links is said again
  price(0, 1, 100);
  network.run(1_000);
  const said = announcements(network, nodes[0]!, nodes[2]!);
  for (const cost of [101, 119, 81, 100]) {
    price(0, 1, cost);
    network.run(500);
  }
  assertEquals(said.length, 0);
  for (const cost of [120, 96, 19]) {
    price(0, 1, cost);
    network.run(500);
  }
  assertEquals(
    said.map(({ frame }) =>
      readLinkState(frame.payload).links.find(({ server }) => server === nodes[1]!.core.id)?.cost
    ),
    [120, 96, 19],
  );
  assertEquals(route(0, 1)?.hops, 1);
});

pureTest("servers choose the cheaper route, and log why", () => {
  const { network, nodes, price, route } = priced(3);
  price(0, 2, 80);
  network.run(1_000);
  assertEquals([route(0, 2)?.cost, route(2, 0)?.cost], [20, 20]);
  assertEquals(nodes[0]!.events.filter((event) => event === "route.changed").length, 1);
  network.separate(addressOf(0), addressOf(1));
  network.run(100);
  assertEquals([route(0, 2)?.cost, route(2, 0)?.cost], [80, 80]);
});

pureTest(
  "a server repeats its link state within a minute, so that others remember it",
  () => {
    const { network, nodes } = priced(3, [[0, 1], [1, 2]]);
    network.run(15_000);
    const said = announcements(network, nodes[0]!, nodes[1]!);
    network.run(600_000);
    assert(said.length >= 10 && said.length <= 14, `${said.length} times in ten minutes`);
    assertEquals(nodes[2]!.core.topology.routes().size, 2);
  },
);

pureTest("a server forwards link state with its age, and ignores what is too old", () => {
  const { network, nodes } = priced(2);
  const peer = new ScriptedPeer(network, nodes[0]!);
  const [young, old] = [network.uuid(), network.uuid()];
  const heard = network.watch(({ to, frame }) =>
    to === nodes[1]!.address && frame.type === FrameType.LinkState &&
    frame.subtype === LinkStateKind.Links &&
    [young, old].includes(readLinkState(frame.payload).server)
  );
  const say = (server: string, ageS: number) =>
    peer.announce({ server, version: 1, address: "10.0.9.1:5001", links: [] }, ageS);
  say(young, 150);
  say(old, 200);
  network.run(500);
  assertEquals(heard.map(({ frame }) => frame.reserved), [150]);
  // A server that links later learns the age as well.
  network.run(9_000);
  const late = new ScriptedPeer(network, nodes[1]!, "10.0.9.2:5001");
  network.run(50);
  const ages = late.got(FrameType.LinkState, LinkStateKind.Links)
    .filter((frame) => readLinkState(frame.payload).server === young)
    .map(({ reserved }) => reserved);
  assertEquals(ages.length, 1);
  assert(ages[0]! >= 159 && ages[0]! <= 162, `${ages[0]} s`);
  network.run(45_000);
  assertEquals(nodes[1]!.core.topology.get(young), undefined, "forgotten at 200 s");
});

pureTest(
  "messages keep their order while a faster route is found, and all ephemeral ones arrive",
  () => {
    for (const kind of [MessageKind.Durable, MessageKind.Ephemeral]) {
      const { network, price, route, nodes } = priced(3);
      const slow = new Set([`${addressOf(0)} ${addressOf(2)}`, `${addressOf(2)} ${addressOf(0)}`]);
      network.latency = (from, to) => slow.has(`${from} ${to}`) ? 80 : 10;
      const [ann, cid] = [new TestUser(network, "Ann"), new TestUser(network, "Cid")];
      ann.at(nodes[0]!);
      cid.at(nodes[2]!);
      network.run(500);
      const sent: string[] = [];
      const write = (ms: number) => {
        for (const end = network.now + ms; network.now < end; network.run(2)) {
          sent.push(`${sent.length}`);
          ann.send("Cid", sent.at(-1)!, { kind });
        }
      };
      write(300);
      assertEquals(route(0, 2)?.hops, 1);
      price(0, 2, 80);
      write(1_000);
      assertEquals(route(0, 2)?.hops, 2);
      price(0, 1, 200);
      write(1_000);
      assertEquals(route(0, 2)?.hops, 1);
      network.run(2_000);
      const seen = cid.textsFrom("Ann");
      if (kind === MessageKind.Durable) assertEquals(seen, sent);
      else {
        // The faster route overtakes messages that are still on the slow one.
        assertEquals(seen.toSorted((a, b) => Number(a) - Number(b)), sent);
        const late = seen.filter((text, at) => at > 0 && Number(text) < Number(seen[at - 1]));
        assert(late.length > 0 && late.length < 100, `${late.length} were overtaken`);
      }
    }
  },
);
