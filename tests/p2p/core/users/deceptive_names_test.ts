/**
 * Names that could mislead people: nobody may register one, and one that another server lists is not shown.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FrameType, MessageKind, UserKind, writeMessage } from "@netlab/protocol";
import { servers, settle, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

const DECEPTIVE = ["Bоb", "Bo\u200bb", "\u202eboB", "Zoe\u0308", "Ann: hello", "netlab", "Bob🦊"];

pureTest("a server refuses deceptive names, and the connection may register another one", () => {
  const network = new VirtualNetwork();
  const [node] = servers(network, 1);
  for (const name of DECEPTIVE) {
    const user = new TestUser(network, name).register(node!);
    const legacy = new TestUser(network, name, { legacy: true }).register(node!);
    network.run(20);
    assertEquals([user.errorNames(), user.welcomes], [["NameInvalid"], 0], name);
    assert(legacy.text.startsWith("netlab: Cannot use the user name "), legacy.text);
    assert(!user.connection!.closed);
  }
  assertEquals(node!.users(), []);
});

pureTest("deceptive names on an older server do not break the link, and are reported once", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2);
  settle(network, nodes);
  const [node, far] = nodes as [typeof nodes[0] & object, typeof nodes[0] & object];
  const peer = new ScriptedPeer(network, node);
  const record = (name: string) => (
    { name, kind: UserKind.Session, session: network.uuid(), since: network.now }
  );
  for (let version = 1; version <= 3; version++) {
    peer.present([record("Ann"), ...DECEPTIVE.map(record)], { version });
    network.run(100);
  }
  for (const { core, events } of [node, far]) {
    assertEquals([...core.locations.names()], ["Ann"]);
    for (const name of DECEPTIVE) assertEquals(core.locations.locate(name), undefined);
    assertEquals(events.filter((event) => event === "user.ignored").length, DECEPTIVE.length);
  }
  assertEquals(node.neighbours().includes(peer.address), true);

  // Messages from such users do not break the link either.
  const ann = new TestUser(network, "Eva").at(node);
  const message = { id: network.uuid(), sender: "Bob🦊", recipient: "Eva", text: "hello" };
  writeMessage(peer.out, message, MessageKind.Ephemeral);
  network.run(50);
  assert(!peer.connection.closed);
  assertEquals(ann.textsFrom("Bob🦊"), ["hello"]);
  assertEquals(peer.got(FrameType.Error, 1), []);
});

pureTest("a name of another script that looks like that of a present user is taken", () => {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2);
  settle(network, nodes);
  // Latin, Cyrillic, Greek; and Latin and Cyrillic with a mark.
  for (const names of [["BOB", "ВОВ", "ΒΟΒ"], ["Bepa", "Вера"], ["ëc", "ёс"]]) {
    for (const first of names) {
      const user = new TestUser(network, first).at(nodes[0]!);
      network.run(50);
      for (const [index, second] of [...names, ...names].entries()) {
        if (second === first) continue;
        const other = new TestUser(network, second).register(nodes[index % 2]!);
        network.run(50);
        assertEquals(other.errorNames(), ["NameTaken"], `${first} ${second}`);
        assert(other.errors[0]!.message.includes("a name like it"), other.errors[0]!.message);
      }
      user.connection!.abort();
      network.run(50);
      const next = new TestUser(network, names.at(first === names[0] ? -1 : 0)!).at(nodes[1]!);
      next.connection!.abort();
      network.run(50);
    }
  }
});
