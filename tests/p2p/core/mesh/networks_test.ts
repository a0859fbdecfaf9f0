/**
 * Servers link within their network only, and agree on its id.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  Information,
  readCapabilities,
  readError,
  readNetwork,
  readServers,
  writeLinkState,
  writePeerRegistration,
} from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { compareNetworks, invalidNetworkReason, isNetworkId } from "@netlab/protocol/codec";
import { Connection } from "../../../../p2p/core/connection/connection.ts";
import { between } from "@netlab/lab/random";
import { addressOf, servers, settle, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

const networkOf = ({ core }: VirtualNode) => core.mesh.network.id;

pureTest("network ids are names, or UUIDs that servers create", () => {
  for (const name of ["a", "Office-2", "a.b_c", "x".repeat(63)]) {
    assertEquals([invalidNetworkReason(name), isNetworkId(name)], [undefined, true]);
  }
  const uuid = "0198a000-0000-7000-8000-000000000001";
  assert(invalidNetworkReason(uuid) && isNetworkId(uuid));
  for (const name of ["", " ", "a b", "-a", "é", "a\n", "\x1b[2J", "x".repeat(64), "a=b", "a\0b"]) {
    assert(invalidNetworkReason(name), name);
    assert(!isNetworkId(name), name);
  }
  assert(invalidNetworkReason(uuid.toUpperCase()) && !isNetworkId(uuid.toUpperCase()));
  const older = "0197a000-0000-7000-8000-000000000001";
  assertEquals(compareNetworks("a", "a"), "same");
  assertEquals(compareNetworks("a", "A"), "other");
  assertEquals(compareNetworks("a", undefined), "other", "a named network admits only its own");
  assertEquals(compareNetworks("a", uuid), "other");
  assertEquals(compareNetworks(uuid, "a"), "other");
  assertEquals(compareNetworks(uuid, older), "mergeable");
  assertEquals(compareNetworks(uuid, undefined), "unknown");
});

pureTest("servers without a name agree on the lowest id, whoever starts first", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const network = new VirtualNetwork(seed);
    const nodes = servers(network, between(network.random, 2, 6));
    const lowest = nodes.map(({ core }) => core.id).sort()[0]!;
    settle(network, nodes);
    assertEquals(nodes.map(networkOf), nodes.map(() => lowest), `seed ${seed}`);
  }
});

pureTest("servers of two names never link, although each dials the other, whatever fails", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const network = new VirtualNetwork(seed);
    const nodes = servers(network, 6, undefined, (index) => ({ network: index % 2 ? "b" : "a" }));
    const alone = new VirtualNode(network, addressOf(6), { peers: nodes.map((n) => n.address) });
    const check = () => {
      for (const [index, { core }] of nodes.entries()) {
        for (const id of core.topology.routes().keys()) {
          const { address } = core.topology.get(id)!;
          const other = nodes.findIndex((node) => node.address === address);
          assertEquals(other % 2, index % 2, `seed ${seed}: ${index} has a route to ${address}`);
        }
        assert(!core.locations.names().has(index % 2 ? "Alice" : "Bob"), "presence has crossed");
      }
      assertEquals(alone.neighbours(), [], "a server without a name has joined a network with one");
    };
    new TestUser(network, "Alice").register(nodes[0]!);
    new TestUser(network, "Bob").register(nodes[1]!);
    for (let step = 0; step < 20; step++) {
      network.run(between(network.random, 100, 2_000));
      check();
      const [a, b] = [between(network.random, 0, 5), between(network.random, 0, 5)];
      if (a !== b) network.cut(addressOf(a), addressOf(b));
      if (step % 5 === 4) {
        nodes[5]!.crash();
        nodes[5]!.start();
      }
    }
    network.run(40_000);
    check();
    for (const [index, node] of nodes.entries()) {
      assertEquals(node.neighbours().length, 2, `seed ${seed}: the servers of one name link`);
      assert(node.events.includes("link.refused"), `${index} says why it does not link`);
      // At most once for each address and start.
      assert(node.events.filter((event) => event === "link.refused").length <= 4 * 5);
    }
  }
});

pureTest("a refused link is told to both sides, once", () => {
  const network = new VirtualNetwork();
  const [one, two] = servers(network, 2, undefined, (index) => ({ network: `n${index}` }));
  const errors = network.watch(({ frame }) => frame.type === FrameType.Error);
  network.run(60_000);
  const seen = errors.map(({ from, frame }) => {
    const { code, message } = readError(frame);
    assertEquals(code, ErrorCode.OtherNetwork);
    return `${from} ${message}`;
  });
  const sentence = (a: VirtualNode, b: VirtualNode) =>
    `${a.address} Cannot link ${a.address} and ${b.address}: the first belongs to the network ` +
    `${networkOf(a)}, the second to the network ${networkOf(b)}; to make them one network, give ` +
    `both --network ${networkOf(a)}`;
  assertEquals(seen.toSorted(), [sentence(one!, two!), sentence(two!, one!)]);
});

pureTest(
  "a learned address that leads to another network is not linked, and is asked again",
  () => {
    const network = new VirtualNetwork();
    // Someone else's server runs where the peer says that it has a neighbour.
    const [near, unrelated] = [addressOf(0), addressOf(1)].map((address) =>
      new VirtualNode(network, address)
    ) as [VirtualNode, VirtualNode];
    const peer = new ScriptedPeer(network, near);
    const links = [{ server: peer.id, cost: 1 }];
    const server = network.uuid();
    writeLinkState(peer.out, { server, version: 1, address: unrelated.address, links }, 0);
    const asked = network.watch(({ from, to }) =>
      from === near.address && to === unrelated.address
    );
    network.run(60_000);
    assertEquals([near.neighbours(), unrelated.neighbours()], [[peer.address], []]);
    assert(networkOf(near) !== networkOf(unrelated));
    assert(asked.filter(({ frame }) => frame.type === FrameType.InformationRequest).length > 2);
    assert(asked.every(({ frame }) => frame.type !== FrameType.Registration));
  },
);

pureTest("a server that restarts with a new id is linked again by those it was linked with", () => {
  const network = new VirtualNetwork();
  const seed = new VirtualNode(network, addressOf(0));
  const [one, two] = [1, 2].map((index) =>
    new VirtualNode(network, addressOf(index), { peers: [seed.address] })
  ) as [VirtualNode, VirtualNode];
  network.until(() => one.neighbours().length + two.neighbours().length === 4, 5_000);
  // The server that both were given is gone for good.
  seed.crash();
  for (const node of [one, two]) {
    node.crash();
    node.start();
    network.run(1_000);
    network.until(() => one.neighbours().length + two.neighbours().length === 2, 60_000);
    network.run(100);
    assertEquals(networkOf(one), networkOf(two));
  }
});

pureTest("servers that state no network link with unnamed ones only", () => {
  const network = new VirtualNetwork();
  const unnamed = new VirtualNode(network, addressOf(0));
  const named = new VirtualNode(network, addressOf(1), { network: "a" });
  const old = new ScriptedPeer(network, unnamed);
  assertEquals(unnamed.neighbours(), [old.address]);
  const errors: number[] = [];
  network.dial("10.0.8.8:5001", named.address, {
    connected(connection) {
      connection.start({
        frame: (frame) => {
          if (frame.type === FrameType.Error) errors.push(readError(frame).code);
        },
      });
      writePeerRegistration(connection.out, { server: network.uuid(), address: "10.0.8.8:5001" });
    },
    failed: () => {},
  });
  network.run(1_000);
  assertEquals([named.neighbours(), errors], [[], [ErrorCode.OtherNetwork]]);
});

pureTest("users are told when their server's network becomes part of an older one", () => {
  const network = new VirtualNetwork();
  const [one, two] = [addressOf(0), addressOf(1)].map((address) =>
    new VirtualNode(network, address)
  ) as [VirtualNode, VirtualNode];
  const [older, newer] = networkOf(one) < networkOf(two) ? [one, two] : [two, one];
  const alice = new TestUser(network, "Alice").register(newer);
  network.run(500);
  const told = network.watch(({ to, frame }) =>
    to === alice.party && frame.type === FrameType.InformationResponse &&
    frame.subtype === Information.Capabilities
  );
  const bridge = new VirtualNode(network, addressOf(2), { peers: [one.address, two.address] });
  network.until(() => [one, two, bridge].every((node) => node.neighbours().length === 2), 5_000);
  assertEquals(networkOf(newer), [networkOf(older), bridge.core.id].sort()[0]);
  assertEquals(readNetwork(readCapabilities(told.at(-1)!.frame.payload)), networkOf(newer));
});

pureTest("loopback addresses are kept from parties on other hosts", () => {
  const network = new VirtualNetwork();
  const remote = addressOf(3);
  const here = ["127.0.0.1:5002", "[::1]:5003", "localhost:5004"];
  const first = new VirtualNode(network, addressOf(0));
  for (const address of here) {
    // The simulator would show its loopback address as the source of a connection to the other host.
    network.separate(address, remote);
    new VirtualNode(network, address, { peers: [first.address] });
  }
  const far = new VirtualNode(network, remote, { peers: [first.address] });
  network.until(() => first.neighbours().length === 4, 5_000);
  network.run(1_000);
  const listed = (node: VirtualNode, host: string) =>
    node.core.servers(new Connection({ out: undefined } as never, host, undefined, 0)).toSorted();
  assertEquals(listed(first, "10.0.0.9"), [first.address, remote]);
  for (const host of ["127.0.0.1", "127.0.0.2", "[::1]"]) {
    assertEquals(listed(first, host), [first.address, remote, ...here].toSorted(), host);
  }
  // For the server on the other host, those addresses lead to itself, and so they do for its clients.
  assertEquals(listed(far, "127.0.0.1"), [first.address, remote]);
  const user = new TestUser(network, "Alice").at(first);
  const asked = network.watch(({ to, frame }) =>
    to === user.party && frame.type === FrameType.Disconnect
  );
  first.core.drain();
  network.run(1_000);
  assertEquals(asked.map(({ frame }) => readServers(frame.payload)), [[remote]]);
  const reached = network.watch(({ from, to }) => from === remote && to !== first.address);
  first.crash();
  network.run(30_000);
  assertEquals(reached.map(({ to }) => to), []);
});

pureTest(
  "servers on default addresses find each other when they start, and no tunnel later",
  () => {
    const network = new VirtualNetwork();
    const addresses = [0, 1, 2].map(addressOf);
    const start = (index: number) =>
      new VirtualNode(network, addresses[index]!, { defaultPeers: addresses });
    const first = start(0);
    network.run(60_000);
    const second = start(1);
    network.until(() => first.neighbours().length === 1, 5_000);
    // Both restart with new ids.
    for (const node of [first, second]) {
      node.crash();
      node.start();
      network.run(1_000);
      assertEquals([first.neighbours().length, second.neighbours().length], [1, 1]);
    }
    network.run(60_000);
    // This one looks for nobody, like a server at the other end of a tunnel.
    const tunnel = new VirtualNode(network, addresses[2]!);
    network.run(60_000);
    assertEquals(tunnel.neighbours(), []);
    assert(first.events.includes("link.refused"));
  },
);

pureTest("a default address that was unused for long leads to no server of the network", () => {
  const network = new VirtualNetwork();
  const addresses = [0, 1].map(addressOf);
  const start = (index: number) =>
    new VirtualNode(network, addresses[index]!, { defaultPeers: addresses });
  const first = start(0);
  const second = start(1);
  network.until(() => first.neighbours().length === 1, 5_000);
  second.crash();
  network.run(600_000);
  // This one looks for nobody, like a server at the other end of a tunnel.
  const tunnel = new VirtualNode(network, addresses[1]!);
  network.run(60_000);
  assertEquals(tunnel.neighbours(), []);
  assert(first.events.includes("link.refused"));
});
