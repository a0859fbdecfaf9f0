/**
 * Servers find each other, keep one link each, and notice when a server is gone.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { FrameType, Registration } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { backoffMs } from "../../../../p2p/core/mesh/addresses/backoff.ts";
import { between } from "@netlab/lab/random";
import {
  addressOf,
  chain,
  servers,
  settle,
  VirtualNetwork,
  VirtualNode,
} from "@netlab/lab/simulator";
import { TestUser } from "../test_user.ts";

function others(nodes: readonly VirtualNode[], node: VirtualNode): string[] {
  return nodes.filter((other) => other !== node).map(({ address }) => address).sort();
}

pureTest("backoff doubles from 250 ms to 30 s, and takes between half and all of it", () => {
  const full = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
  for (const [failures, wait] of full.entries()) {
    assertEquals(backoffMs(failures, 0), wait / 2);
    assertEquals(backoffMs(failures, 0.5), wait * 0.75);
    assertLess(backoffMs(failures, 0.999_999), wait);
  }
  assertEquals(backoffMs(1_000_000, 0), 15_000);
});

pureTest("servers link in whatever order they start", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const network = new VirtualNetwork(seed);
    const peers = [0, 1, 2, 3].map(addressOf);
    const order = peers.toSorted(() => network.random() - 0.5);
    const nodes = order.map((address) => {
      network.run(between(network.random, 0, 2_000));
      return new VirtualNode(network, address, { peers });
    });
    network.until(() => nodes.every((node) => node.neighbours().length === 3), 5_000);
    network.run(5_000);
    for (const node of nodes) assertEquals(node.neighbours(), others(nodes, node));
  }
});

pureTest("servers learn addresses from each other", () => {
  const network = new VirtualNetwork();
  const first = new VirtualNode(network, addressOf(0));
  const rest = [1, 2, 3].map((index) =>
    new VirtualNode(network, addressOf(index), { peers: [addressOf(index - 1)] })
  );
  const nodes = [first, ...rest];
  network.until(() => nodes.every((node) => node.neighbours().length === 3), 3_000);
  assertEquals(first.core.servers().toSorted(), nodes.map(({ address }) => address));
});

pureTest(
  "two servers that dial each other at once keep one link, and both keep the same one",
  () => {
    for (let seed = 1; seed <= 60; seed++) {
      const network = new VirtualNetwork(seed);
      // From much less to much more than the time between two ticks, and different in each direction.
      const reach = [1, 20, 200, 600][seed % 4]!;
      network.latency = () => 1 + reach * network.random();
      const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
      network.run(10_000);
      const near = a.linkTo(b);
      const far = b.linkTo(a);
      assert(near && far, `seed ${seed}: no link`);
      assertEquals([a.connections, b.connections], [1, 1], `seed ${seed}`);
      const isDialled = (peer: typeof near) => peer.connection.dialled !== undefined;
      assertEquals(isDialled(near), !isDialled(far), `seed ${seed}`);
    }
  },
);

pureTest("two servers that dial each other keep the link that the lower id dialled", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const network = new VirtualNetwork(seed);
    network.latency = () => 20;
    const registrations = network.watch(({ frame }) =>
      frame.type === FrameType.Registration && frame.subtype === Registration.Peer
    );
    const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
    network.run(2_000);
    assertEquals(registrations.length, 4, "both dialled");
    const [low, high] = a.core.id < b.core.id ? [a, b] : [b, a];
    assertEquals(low.linkTo(high)?.connection.dialled, high.address);
    assertEquals(high.linkTo(low)?.connection.dialled, undefined);
    assertEquals([a.events, b.events].flat().filter((event) => event === "link.down"), []);
  }
});

pureTest(
  "a server that dials itself under another name notices, and does not dial that address again",
  () => {
    const network = new VirtualNetwork();
    const alias = "chat.example:5001";
    const node = new VirtualNode(network, addressOf(0), { peers: [alias] });
    const asked = network.watch(({ to, frame }) =>
      to === alias && frame.type === FrameType.InformationRequest
    );
    network.listen(alias, (connection) => {
      // The name leads to the server itself: what comes in here goes to its listener.
      const link = node.core.accepted(connection, "10.0.0.1");
      connection.start({
        frame: (frame) => node.core.received(link, frame),
        ended: () => node.core.closed(link),
        gone: () => node.core.closed(link),
      });
    });
    network.run(60_000);
    assertEquals(node.neighbours(), []);
    assertEquals(asked.length, 1);
    assertEquals(node.connections, 0);
  },
);

pureTest("a server that restarts is dialled again and linked under its new id", () => {
  const network = new VirtualNetwork();
  const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, [a, b]);
  const before = b.core.id;
  b.crash();
  network.run(20_000);
  assertEquals(a.neighbours(), []);
  b.start();
  network.until(() => a.linkTo(b) !== undefined, 1_000);
  assertEquals(a.linkTo(b)?.server, b.core.id);
  assert(b.core.id !== before);
  network.run(5_000);
  assertEquals([...a.core.topology.routes().keys()], [b.core.id]);
});

pureTest(
  "a server backs off from an address that refuses, and never gives up a configured one",
  () => {
    const network = new VirtualNetwork();
    const dials: number[] = [];
    const dial = network.dial.bind(network);
    network.dial = (from, to, dialler) => {
      dials.push(network.now);
      dial(from, to, dialler);
    };
    new VirtualNode(network, addressOf(0), { peers: [addressOf(1)] });
    network.run(600_000);
    const waits = dials.slice(1).map((at, index) => at - dials[index]!);
    for (const [index, wait] of waits.entries()) {
      // A dial waits for the tick behind its time, and for the answer to the last one.
      const full = backoffMs(index, 1);
      assertLessOrEqual(full / 2, wait);
      assertLessOrEqual(wait, full + 260);
    }
    assertLess(15, dials.length);
    assertLessOrEqual(600_000 - (dials.at(-1)! - dials[0]!), 30_260);
  },
);

pureTest("a server whose links break dials again", () => {
  const network = new VirtualNetwork();
  const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, [a, b]);
  for (let round = 0; round < 20; round++) {
    network.cut(a.address, b.address);
    network.run(1);
    assertEquals([a.neighbours(), b.neighbours()], [[], []]);
    network.until(() => a.linkTo(b) !== undefined && b.linkTo(a) !== undefined, 1_000);
  }
});

pureTest(
  "a silent peer is detected within 3 s, and its users are forgotten at once",
  () => {
    for (let seed = 1; seed <= 10; seed++) {
      const network = new VirtualNetwork(seed);
      const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
      settle(network, [a, b]);
      new TestUser(network, "Bob").at(b);
      network.run(100 + 1_000 * network.random());
      assertEquals(a.users(), ["Bob"]);
      network.silence(a.address, b.address);
      network.until(() => a.linkTo(b) === undefined, 3_000);
      assertEquals(a.users(), []);
      assert(a.events.includes("link.silent"));
      network.join(a.address, b.address);
      network.until(() => a.users().length === 1, 12_000);
    }
  },
);

pureTest("a quiet peer that is alive keeps its link", () => {
  const network = new VirtualNetwork();
  network.latency = () => 400;
  const nodes = servers(network, 3, chain(3));
  settle(network, nodes);
  network.run(120_000);
  for (const { events } of nodes) assert(!events.includes("link.down"));
});

pureTest("the users of a server that crashes are forgotten on every server at once", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 3, chain(3));
  const [a, b, c] = nodes as [VirtualNode, VirtualNode, VirtualNode];
  settle(network, nodes);
  for (const [name, node] of [["Ann", a], ["Bob", b], ["Cid", c]] as const) {
    new TestUser(network, name).at(node);
  }
  network.run(50);
  assertEquals(a.users(), ["Ann", "Bob", "Cid"]);
  c.crash();
  network.run(20);
  assertEquals([a.users(), b.users()], [["Ann", "Bob"], ["Ann", "Bob"]]);
  assertEquals(a.core.servers(), [a.address, b.address]);
});

pureTest("a server that signs off is forgotten by the others at once", () => {
  const network = new VirtualNetwork();
  const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, [a, b]);
  const bob = new TestUser(network, "Bob").at(b);
  network.run(50);
  b.close();
  network.run(50);
  assertEquals(a.users(), []);
  assertEquals(bob.errorNames(), ["ServerClosing"]);
});

pureTest("a server that was suspended does not count the time as silence of its peers", () => {
  const network = new VirtualNetwork();
  const [a, b] = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, [a, b]);
  a.core.tick(network.now + 60_000);
  assertEquals(a.neighbours(), [b.address]);
  assert(!a.events.includes("link.silent"));
});
