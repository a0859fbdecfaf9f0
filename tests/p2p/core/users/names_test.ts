/**
 * Who holds a name: whoever shows a sign of life, and nobody who is dead.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, Information, writeInformationRequest } from "@netlab/protocol";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { TestUser } from "../test_user.ts";

function start() {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  return { network, nodes, node: nodes[0] };
}

function holder(node: VirtualNode): string | undefined {
  return node.core.users.get("Bob")?.session;
}

pureTest("a holder that shows a sign of life keeps its name, and the stranger is refused", () => {
  const { network, node } = start();
  const bob = new TestUser(network, "Bob").at(node);
  const asked = network.watch(({ to, frame }) =>
    to === bob.party && frame.type === FrameType.InformationRequest &&
    frame.subtype === Information.Capabilities
  );
  const eve = new TestUser(network, "Bob").register(node);
  network.run(50);
  assertEquals(asked.length, 1);
  assertEquals(eve.errorNames(), ["NameTaken"]);
  network.run(5_000);
  assertEquals(holder(node), bob.session);
  assertEquals([bob.errors, eve.welcomes], [[], 0]);
});

pureTest("a holder that is silent for 2 s loses its name to the stranger", () => {
  for (const bare of [false, true]) {
    const { network, nodes, node } = start();
    const bob = new TestUser(network, "Bob", { mute: true }).at(node);
    const eve = new TestUser(network, "Bob", { bare }).register(node);
    network.run(1_900);
    assertEquals(holder(node), bob.session);
    network.run(400);
    assert(bob.connection!.closed);
    assertEquals(holder(node), node.core.locations.locate("Bob")!.user.session);
    assert(holder(node) !== bob.session);
    assertEquals([eve.errors, eve.text, eve.welcomes], [[], "", bare ? 0 : 1]);
    assertEquals(nodes[1].users(), ["Bob"]);
  }
});

pureTest("anything that a holder sends is a sign of life", () => {
  const { network, node } = start();
  const bob = new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(1_900);
  writeInformationRequest(bob.connection!.out, Information.Users);
  network.run(1_000);
  assertEquals(holder(node), bob.session);
  assertEquals(eve.errorNames(), ["NameTaken"]);
});

pureTest("a holder at another server, and one who reads bare text, are not asked", () => {
  const { network, nodes, node } = start();
  const bob = new TestUser(network, "Bob", { mute: true }).at(nodes[1]);
  new TestUser(network, "Bare", { bare: true }).at(node);
  network.run(50);
  for (const name of ["Bob", "Bare"]) {
    const eve = new TestUser(network, name).register(node);
    network.run(20);
    assertEquals(eve.errorNames(), ["NameTaken"]);
  }
  network.run(5_000);
  assertEquals(holder(nodes[1]), bob.session);
});

pureTest(
  "a user of bare text gets a name whose holder leaves within 2 s, here or elsewhere",
  () => {
    const { network, nodes, node } = start();
    for (const [index, at] of nodes.entries()) {
      const name = `User ${index}`;
      const before = new TestUser(network, name, { bare: true }).at(at);
      network.run(50);
      const next = new TestUser(network, name, { bare: true }).register(node);
      const late = new TestUser(network, name, { bare: true }).register(node);
      network.run(1_500);
      assertEquals([next.text, late.text], ["", ""]);
      before.connection!.end();
      network.until(() => node.core.users.get(name) !== undefined, 100);
      network.run(2_500);
      assert(!next.connection!.closed);
      assertEquals(next.text, "");
      assert(late.text.startsWith(`netlab: Cannot register as ${name}`), late.text);
    }
    assertEquals(nodes[1].users(), ["User 0", "User 1"]);
  },
);

pureTest("a second stranger is refused while the first one waits", () => {
  const { network, node } = start();
  new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(500);
  const mallory = new TestUser(network, "Bob").register(node);
  network.run(50);
  assertEquals(mallory.errorNames(), ["NameTaken"]);
  network.run(2_000);
  assertEquals(holder(node), eve.session);
});

pureTest("a stranger that leaves while it waits costs the holder nothing", () => {
  const { network, node } = start();
  const bob = new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(1_000);
  eve.connection!.end();
  network.run(5_000);
  assertEquals(holder(node), bob.session);
  assert(!bob.connection!.closed);
});

pureTest(
  "a holder whose connection breaks while a stranger waits gets its name back when it returns first",
  () => {
    const { network, node } = start();
    const bob = new TestUser(network, "Bob").at(node);
    // Its connection is dead: the question does not reach it.
    network.silence(bob.party, node.address);
    const eve = new TestUser(network, "Bob").register(node);
    network.run(500);
    network.cut(bob.party, node.address);
    network.join(bob.party, node.address);
    network.run(50);
    bob.at(node);
    network.run(5_000);
    assertEquals(holder(node), bob.session);
    assert(!bob.connection!.closed);
    assertEquals(eve.errorNames(), ["NameTaken"]);
  },
);

pureTest(
  "a session that is silent for 45 s has to go, and one that asks now and then stays",
  () => {
    const { network, nodes, node } = start();
    const bob = new TestUser(network, "Bob", { mute: true }).at(node);
    const ann = new TestUser(network, "Ann").at(node);
    const bare = new TestUser(network, "Bare", { bare: true }).at(node);
    network.run(44_000);
    assertEquals(nodes[1].users(), ["Ann", "Bare", "Bob"]);
    network.run(7_000);
    assertEquals(nodes[1].users(), ["Ann", "Bare"]);
    assert(bob.connection!.closed);
    network.run(300_000);
    assertEquals([ann.connection!.closed, bare.connection!.closed], [false, false]);
  },
);

pureTest("a connection that does not say who it is has to go after a minute", () => {
  const { network, node } = start();
  const before = node.connections;
  const eve = new TestUser(network, "Eve", { mute: true }).dial(node);
  network.run(59_000);
  assert(!eve.connection!.closed);
  network.run(2_500);
  assert(eve.connection!.closed);
  assertEquals(node.connections, before);
});
