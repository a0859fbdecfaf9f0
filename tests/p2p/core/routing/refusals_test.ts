/**
 * Refusals: which frames and messages a server refuses, with which error code, and whom it tells.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  MessageKind,
  NIL_UUID,
  ReceiptKind,
  ReceiptState,
  Registration,
  writeLegacyRegistration,
  writePeerRegistration,
  writeSessionRegistration,
} from "@netlab/protocol";
import { servers, settle, VirtualNetwork, type VirtualNode } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

function start() {
  const network = new VirtualNetwork();
  const nodes = servers(network, 2) as [VirtualNode, VirtualNode];
  settle(network, nodes);
  const ann = new TestUser(network, "Ann").at(nodes[0]);
  const bob = new TestUser(network, "Bob").at(nodes[1]);
  network.run(50);
  return { network, nodes, ann, bob };
}

const encoder = new TextEncoder();

pureTest("an ephemeral message to an unknown user is refused with the recipient's name", () => {
  const { network, nodes, ann } = start();
  const legacy = new TestUser(network, "Bea", { legacy: true }).at(nodes[0]);
  const id = ann.send("Zoë", "hello", { kind: MessageKind.Ephemeral });
  const durable = ann.send("Zoë", "hello");
  // A legacy user's message is never stored, whatever its kind.
  legacy.send("Zoë", "hello");
  network.run(50);
  assertEquals(ann.receiptsFor(id).length, 1);
  assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
  assertStringIncludes(ann.receiptsFor(id)[0]!.reason, "Zoë");
  assertEquals(ann.statesOf(durable), [ReceiptState.Accepted]);
  assertEquals(
    legacy.text,
    "netlab: Cannot deliver to Zoë: nobody of that name is on the network",
  );
  assertEquals(ann.errors, []);
});

pureTest("a message that a distant server refuses is reported by a receipt", () => {
  const { network, nodes, ann, bob } = start();
  // In flight when Bob leaves.
  network.latency = () => 100;
  const id = ann.send("Bob", "hello", { kind: MessageKind.Ephemeral });
  const durable = ann.send("Bob", "hello");
  network.run(50);
  bob.connection!.end();
  network.run(1_000);
  assertEquals(bob.messages, []);
  assertEquals(ann.statesOf(durable), [ReceiptState.Accepted]);
  assertEquals(ann.refusalOf(id), ErrorCode.NoSuchUser);
  assertStringIncludes(ann.receiptsFor(id)[0]!.reason, "Bob");
  assertEquals(nodes[0].users(), ["Ann"]);
});

pureTest("a message in another user's name is refused and not sent", () => {
  const { network, nodes, ann, bob } = start();
  const eve = new TestUser(network, "Eve").at(nodes[0]);
  const legacy = new TestUser(network, "Bea", { legacy: true }).at(nodes[0]);
  for (const sender of ["Ann", "Ev", "Eve ".trim() + "r", "eve"]) {
    eve.send("Bob", "hello", { sender });
    eve.send("Nobody", "hello", { sender });
  }
  legacy.send("Bob", "hello", { sender: "Ann" });
  network.run(50);
  assertEquals(eve.errorNames(), Array(8).fill("SenderMismatch"));
  assertStringIncludes(legacy.text, "netlab: Cannot send in another name");
  assertEquals([bob.messages, ann.receipts, ann.errors], [[], [], []]);
  eve.send("Bob", "in my own");
  network.run(50);
  assertEquals(bob.textsFrom("Eve"), ["in my own"]);
});

pureTest("a connection that has not registered cannot send, and is told so", () => {
  const { network, nodes, bob } = start();
  const eve = new TestUser(network, "Eve").dial(nodes[0]);
  eve.send("Bob", "hello");
  eve.send("Bob", "hello", { sender: "Ann" });
  network.run(50);
  assertEquals(eve.errorNames(), ["NotRegistered", "NotRegistered"]);
  assertEquals(bob.messages, []);
  assert(!eve.connection!.closed);
});

pureTest("frames between servers are refused from users and unregistered connections", () => {
  const { network, nodes, ann } = start();
  const eve = new TestUser(network, "Eve").dial(nodes[0]);
  for (const user of [ann, eve]) {
    const { out } = user.connection!;
    for (const type of [FrameType.Presence, FrameType.LinkState]) out.frame(type, 0);
  }
  // Only a session can acknowledge messages.
  for (const subtype of [ReceiptKind.Relayed, ReceiptKind.ToServer]) {
    ann.connection!.out.frame(FrameType.Receipt, subtype);
  }
  for (const subtype of [MessageKind.Outbound, MessageKind.HandedOff]) {
    ann.connection!.out.frame(FrameType.Message, subtype);
  }
  eve.acknowledge(network.uuid());
  writePeerRegistration(ann.connection!.out, { server: network.uuid(), address: "x:1" });
  network.run(50);
  const all = Array(2).fill("NotRegistered");
  assertEquals(eve.errorNames(), [...all, "NotRegistered"]);
  const unknown = Array(4).fill("UnknownType");
  assertEquals(ann.errorNames(), [...all, ...unknown, "AlreadyRegistered"]);
  assertEquals(nodes[0].users(), ["Ann", "Bob"]);
});

pureTest("frames of unknown types and subtypes are refused, and the connection stays open", () => {
  const { network, ann, bob } = start();
  for (const [type, subtype] of [[99, 0], [255, 255], [3, 2], [2, 9]] as const) {
    ann.connection!.out.frame(type, subtype, encoder.encode("what"));
  }
  ann.send("Bob", "still here");
  network.run(50);
  assertEquals(ann.errorNames(), Array(4).fill("UnknownType"));
  assertEquals(bob.textsFrom("Ann"), ["still here"]);
});

pureTest("malformed frames of a user are refused, and the connection stays open", () => {
  const { network, ann, bob } = start();
  const id = network.uuid();
  const payloads = [
    "",
    "no uuid\0Ann\0Bob\0text",
    `${id}\0Ann`,
    `${id}\0Ann\0Bob`,
    `${id}\0Ann\0\0nobody`,
    `${id}\0Ann\0 Bob\0a space before the name`,
  ].map((payload) => encoder.encode(payload));
  payloads.push(new Uint8Array([...encoder.encode(`${id}\0Ann\0Bob\0`), 0xff, 0xfe]));
  for (const payload of payloads) ann.connection!.out.frame(FrameType.Message, 1, payload);
  ann.send("Bob", "still here");
  network.run(50);
  assertEquals(ann.errorNames(), [
    ...Array(4).fill("Malformed"),
    "NameInvalid",
    "NameInvalid",
    "Malformed",
  ]);
  assertEquals(bob.messages.length, 1);
  assertEquals(ann.receipts.map(({ state }) => state), [
    ReceiptState.Accepted,
    ReceiptState.Delivered,
  ]);
});

pureTest(
  "registrations that are malformed, without a name or a key, or repeated are refused",
  () => {
    const { network, nodes, ann } = start();
    const eve = new TestUser(network, "Eve").dial(nodes[0]);
    const { out } = eve.connection!;
    out.frame(FrameType.Registration, Registration.Session, encoder.encode("short"));
    out.frame(FrameType.Registration, Registration.Session, new Uint8Array(17).fill(1, 0, 16));
    writeSessionRegistration(out, { session: NIL_UUID, name: "Eve" });
    writeSessionRegistration(out, eve);
    writeSessionRegistration(out, { session: eve.key, name: "Eva" });
    writeLegacyRegistration(ann.connection!.out, "Ann");
    network.run(50);
    assertEquals(eve.errorNames(), ["Malformed", "NameInvalid", "Malformed", "AlreadyRegistered"]);
    assertEquals(ann.errorNames(), ["AlreadyRegistered"]);
    assertEquals(eve.welcomes, 1);
    assertEquals(nodes[1].users(), ["Ann", "Bob", "Eve"]);
  },
);

pureTest(
  "a taken name is refused with the server that has it, to sessions and legacy users",
  () => {
    const { network, nodes } = start();
    new TestUser(network, "Bea", { legacy: true }).at(nodes[1]);
    network.run(50);
    for (const name of ["Bob", "Bea"]) {
      const session = new TestUser(network, name).register(nodes[0]);
      const legacy = new TestUser(network, name, { legacy: true }).register(nodes[0]);
      network.run(50);
      assertEquals(session.errorNames(), ["NameTaken"]);
      assertStringIncludes(session.errors[0]!.message, nodes[1].address);
      assert(!session.connection!.closed, "it may choose another");
      assertEquals(legacy.text, "", "the other user may have signed off a moment ago");
      network.run(2_300);
      assertStringIncludes(legacy.text, `netlab: Cannot register as ${name}: the name is taken`);
      assert(legacy.connection!.closed, "it could not tell that it failed");
      writeSessionRegistration(session.connection!.out, { ...session, name: `${name} II` });
      network.run(50);
      assertEquals(session.welcomes, 1);
    }
    assertEquals(nodes[1].users(), ["Ann", "Bea", "Bea II", "Bob", "Bob II"]);
  },
);

pureTest(
  "a server that sends unreadable frames loses its link, and no other connection is affected",
  () => {
    const { network, nodes, ann, bob } = start();
    const peer = new ScriptedPeer(network, nodes[0]);
    peer.out.frame(FrameType.Presence, 0, encoder.encode("not a snapshot"));
    network.run(50);
    assert(peer.connection.closed, "the link ends");
    assertEquals(peer.got(FrameType.Error, 1).length, 1);
    ann.send("Bob", "still here");
    network.run(50);
    assertEquals(bob.textsFrom("Ann"), ["still here"]);
  },
);

pureTest("a link between servers cannot become a user's connection", () => {
  const { network, nodes } = start();
  const peer = new ScriptedPeer(network, nodes[0]);
  writeSessionRegistration(peer.out, { session: network.uuid(), name: "Eve" });
  writeLegacyRegistration(peer.out, "Eve");
  network.run(50);
  assertEquals(nodes[0].users(), ["Ann", "Bob"]);
  assertEquals(peer.got(FrameType.Error, 0).length, 2);
  assert(nodes[0].neighbours().includes(peer.address));
});
