/**
 * A user that shows a sign of life keeps its name; one that shows none loses it.
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

function sessionAt(node: VirtualNode): string | undefined {
  return node.core.users.get("Bob")?.session;
}

pureTest("a user that shows a sign of life keeps its name, and the new session is refused", () => {
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
  assertEquals(sessionAt(node), bob.session);
  assertEquals([bob.errors, eve.welcomes], [[], 0]);
});

pureTest("a user that is silent for 2 s loses its name to the new session", () => {
  for (const legacy of [false, true]) {
    const { network, nodes, node } = start();
    const bob = new TestUser(network, "Bob", { mute: true }).at(node);
    const eve = new TestUser(network, "Bob", { legacy }).register(node);
    network.run(1_900);
    assertEquals(sessionAt(node), bob.session);
    network.run(400);
    assert(bob.connection!.closed);
    assertEquals(sessionAt(node), node.core.locations.locate("Bob")!.user.session);
    assert(sessionAt(node) !== bob.session);
    assertEquals([eve.errors, eve.text, eve.welcomes], [[], "", legacy ? 0 : 1]);
    assertEquals(nodes[1].users(), ["Bob"]);
  }
});

pureTest(
  "a server that was suspended removes nobody and gives no name away because of that",
  () => {
    const { network, node } = start();
    const bob = new TestUser(network, "Bob", { mute: true }).at(node);
    const eve = new TestUser(network, "Bob").register(node);
    network.run(500);
    // As after SIGSTOP and SIGCONT: the timer fires before anything that has arrived is read.
    node.core.tick(network.now + 60_000);
    network.run(300);
    assertEquals(sessionAt(node), bob.session);
    assertEquals([bob.errors, eve.errors], [[], []]);
    writeInformationRequest(bob.connection!.out, Information.Users);
    network.run(50);
    assertEquals(sessionAt(node), bob.session);
    assertEquals(eve.errorNames(), ["NameTaken"]);
  },
);

pureTest("anything that a user sends is a sign of life", () => {
  const { network, node } = start();
  const bob = new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(1_900);
  writeInformationRequest(bob.connection!.out, Information.Users);
  network.run(1_000);
  assertEquals(sessionAt(node), bob.session);
  assertEquals(eve.errorNames(), ["NameTaken"]);
});

pureTest("a legacy user cannot be asked, here or elsewhere, and keeps its name", () => {
  const { network, nodes } = start();
  new TestUser(network, "Bea", { legacy: true }).at(nodes[0]);
  network.run(50);
  for (const node of nodes) {
    const eve = new TestUser(network, "Bea").register(node);
    network.run(20);
    assertEquals(eve.errorNames(), ["NameTaken"]);
  }
  network.run(5_000);
  assertEquals(nodes[0].core.users.get("Bea")?.readsText, true);
});

pureTest(
  "a legacy user gets a name whose user leaves within 2 s, here or elsewhere",
  () => {
    const { network, nodes, node } = start();
    for (const [index, at] of nodes.entries()) {
      const name = `User ${index}`;
      const before = new TestUser(network, name, { legacy: true }).at(at);
      network.run(50);
      const next = new TestUser(network, name, { legacy: true }).register(node);
      const late = new TestUser(network, name, { legacy: true }).register(node);
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

pureTest("a second new session is refused while the first one waits", () => {
  const { network, node } = start();
  new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(500);
  const mallory = new TestUser(network, "Bob").register(node);
  network.run(50);
  assertEquals(mallory.errorNames(), ["NameTaken"]);
  network.run(2_000);
  assertEquals(sessionAt(node), eve.session);
});

pureTest("a new session that leaves while it waits does not affect the user", () => {
  const { network, node } = start();
  const bob = new TestUser(network, "Bob", { mute: true }).at(node);
  const eve = new TestUser(network, "Bob").register(node);
  network.run(1_000);
  eve.connection!.end();
  network.run(5_000);
  assertEquals(sessionAt(node), bob.session);
  assert(!bob.connection!.closed);
});

pureTest(
  "a user whose connection breaks while a new session waits keeps its name if it returns first",
  () => {
    const { network, node } = start();
    const bob = new TestUser(network, "Bob").at(node);
    // Its connection is dead: the probe does not reach it.
    network.silence(bob.party, node.address);
    const eve = new TestUser(network, "Bob").register(node);
    network.run(500);
    network.cut(bob.party, node.address);
    network.join(bob.party, node.address);
    network.run(50);
    bob.at(node);
    network.run(5_000);
    assertEquals(sessionAt(node), bob.session);
    assert(!bob.connection!.closed);
    assertEquals(eve.errorNames(), ["NameTaken"]);
  },
);

pureTest(
  "a session that is silent for 45 s is closed, and one that sends a request now and then stays",
  () => {
    const { network, nodes, node } = start();
    const bob = new TestUser(network, "Bob", { mute: true }).at(node);
    const ann = new TestUser(network, "Ann").at(node);
    const legacy = new TestUser(network, "Bea", { legacy: true }).at(node);
    network.run(44_000);
    assertEquals(nodes[1].users(), ["Ann", "Bea", "Bob"]);
    network.run(7_000);
    assertEquals(nodes[1].users(), ["Ann", "Bea"]);
    assert(bob.connection!.closed);
    network.run(300_000);
    assertEquals([ann.connection!.closed, legacy.connection!.closed], [false, false]);
  },
);

pureTest("a connection that does not register within a minute is closed", () => {
  const { network, node } = start();
  const before = node.connections;
  const eve = new TestUser(network, "Eve", { mute: true }).dial(node);
  network.run(59_000);
  assert(!eve.connection!.closed);
  network.run(2_500);
  assert(eve.connection!.closed);
  assertEquals(node.connections, before);
});
