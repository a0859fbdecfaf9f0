/**
 * Servers on a bus: who has a name, who is alive, and what becomes of both when servers fail. In virtual time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../kinds.ts";
import { TestUser, type TestUserOptions } from "../p2p/core/test_user.ts";
import { VirtualBus } from "./virtual_bus.ts";

function start(count = 3) {
  const network = new VirtualNetwork();
  const bus = new VirtualBus(network);
  const nodes = servers(network, count, undefined, { serverNetwork: bus.connect });
  settle(network, nodes);
  const user = (name: string, index: number, options: TestUserOptions = {}) =>
    new TestUser(network, name, options).at(nodes[index]!);
  const holders = (name: string) => nodes.filter(({ core }) => core.users.get(name)).length;
  return { network, bus, nodes, user, holders };
}

pureTest("servers on a bus find each other and their users, and messages cross", () => {
  const { network, nodes, user } = start();
  const [ann, bob] = [user("Ann", 0), user("Bob", 2)];
  network.run(50);
  for (const node of nodes) assertEquals(node.users(), ["Ann", "Bob"]);
  assertEquals(nodes.map((node) => node.neighbours().length), [2, 2, 2]);
  const id = ann.send("Bob", "durable");
  ann.sendBatch("Bob", ["one", "two"]);
  network.run(100);
  assertEquals(bob.textsFrom("Ann").toSorted(), ["durable", "one", "two"]);
  assert(ann.isDelivered(id));
});

pureTest("of users who ask for a name at the same moment, exactly one gets it", () => {
  const { network, nodes, holders } = start();
  for (let round = 0; round < 20; round++) {
    const name = `user ${round}`;
    const users = nodes.map((node) => new TestUser(network, name).dial(node));
    for (const user of users) user.claim();
    network.run(100);
    assertEquals(holders(name), 1);
    assertEquals(users.map(({ welcomes }) => welcomes).toSorted(), [0, 0, 1]);
    // The others wait for the sign of life of the first, which is refused to them.
    network.run(3_000);
    assertEquals(users.flatMap((user) => user.errorNames()), ["NameTaken", "NameTaken"]);
    assertEquals(holders(name), 1);
  }
});

pureTest("of two users of one server who ask at the same moment, one gets the name", () => {
  const { network, nodes, holders } = start();
  const users = [0, 1].map(() => new TestUser(network, "Ann").dial(nodes[0]!));
  for (const user of users) user.claim();
  network.run(3_000);
  assertEquals([holders("Ann"), users.map(({ welcomes }) => welcomes)], [1, [1, 0]]);
  assertEquals(users[1]!.errorNames(), ["NameTaken"]);
});

pureTest("a user who leaves gives the name back, also before it was reserved", () => {
  const { network, bus, nodes, user } = start();
  const ann = user("Ann", 0);
  ann.connection!.end();
  const hasty = new TestUser(network, "Bob").register(nodes[0]!);
  hasty.connection!.end();
  network.run(100);
  assertEquals(nodes.map((node) => node.users()), [[], [], []]);
  const names = [...bus.table].filter(([key, { value }]) => key.startsWith("u.") && value);
  assertEquals(names, []);
  user("Ann", 1);
  user("Bob", 1);
  network.run(50);
  assertEquals(nodes[2]!.users(), ["Ann", "Bob"]);
});

pureTest(
  "a server that crashes is noticed within 3 s, and its users may register elsewhere",
  () => {
    const { network, nodes, user } = start();
    const ann = user("Ann", 0);
    user("Bob", 0);
    network.run(100);
    nodes[0]!.crash();
    // The same session need not wait until it is certain that the server is gone. Another one must.
    ann.at(nodes[2]!);
    network.run(50);
    assertEquals(nodes[1]!.core.locations.locate("Ann")?.server, nodes[2]!.core.id);
    network.until(() => nodes[1]!.core.locations.locate("Bob") === undefined, 3_000);
    new TestUser(network, "Bob").at(nodes[1]!);
    network.run(100);
    assertEquals(nodes[1]!.users(), ["Ann", "Bob"]);
  },
);

pureTest("the entries of a server that has been gone for a minute are removed", () => {
  const { network, bus, nodes, user } = start();
  user("Ann", 0);
  network.run(60_000);
  nodes[0]!.crash();
  network.run(75_000);
  const left = [...bus.table].filter(([, { value }]) => value).map(([key]) => key.slice(0, 1));
  assertEquals(left.toSorted(), ["s", "s"]);
});

pureTest(
  "a server that was cut off comes back with its users, and the older user keeps a name",
  () => {
    const { network, bus, nodes, user, holders } = start();
    const ann = user("Ann", 0);
    user("Bob", 0);
    network.run(1_000);
    bus.cut(nodes[0]!);
    network.run(3_000);
    assertEquals(nodes[1]!.users(), []);
    assertEquals(nodes[0]!.core.users.count, 2, "they stay");
    // Nobody can be registered there now.
    const late = new TestUser(network, "Cid").register(nodes[0]!);
    network.run(5_000);
    assertEquals(late.errorNames(), ["NetworkUnreachable"]);
    const other = new TestUser(network, "Ann").at(nodes[1]!);
    network.run(1_000);
    bus.cut(nodes[0]!, false);
    network.run(5_000);
    assertEquals(holders("Ann"), 1);
    assertEquals([ann.errorNames(), other.errorNames()], [[], ["NameTaken"]]);
    assertEquals(nodes.map((node) => node.users()), [["Ann", "Bob"], ["Ann", "Bob"], [
      "Ann",
      "Bob",
    ]]);
  },
);

pureTest("a server whose entries were removed while it was cut off writes them again", () => {
  const { network, bus, nodes, user } = start();
  user("Ann", 0);
  network.run(60_000);
  bus.cut(nodes[0]!);
  network.run(75_000);
  assertEquals(nodes[1]!.core.topology.routes().size, 1);
  bus.cut(nodes[0]!, false);
  network.run(2_000);
  assertEquals(nodes.map((node) => node.users()), [["Ann"], ["Ann"], ["Ann"]]);
  assertEquals(nodes.map((node) => node.neighbours().length), [2, 2, 2]);
});

pureTest("a session that moves is at its new server, and messages follow it", () => {
  const { network, nodes, user } = start();
  const [ann, bob] = [user("Ann", 0), user("Bob", 1)];
  network.run(50);
  const before = ann.connection!;
  ann.at(nodes[2]!);
  network.run(50);
  const id = bob.send("Ann", "hello");
  network.run(50);
  before.end();
  network.run(3_000);
  assertEquals(ann.textsFrom("Bob"), ["hello"]);
  assert(bob.isDelivered(id));
  const at = (node: VirtualNode) => node.core.users.get("Ann") !== undefined;
  assertEquals(nodes.map(at), [false, false, true]);
  assertEquals(nodes.map((node) => node.users()), [["Ann", "Bob"], ["Ann", "Bob"], ["Ann", "Bob"]]);
});
