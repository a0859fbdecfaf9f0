/**
 * Durable messages keep their order, whichever routes they take from the server that stores them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  ErrorCode,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  MessageKind,
  NIL_UUID,
  readServerReceipts,
  ReceiptKind,
  ReceiptState,
  UserKind,
  writeMessage,
  writeOutboundMessage,
} from "@netlab/protocol";
import { servers, VirtualNetwork } from "@netlab/lab/simulator";
import { pureTest } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser, type TestUserOptions } from "../test_user.ts";

/** A server with a user, and another one that stores three messages for that user. */
function start(options: TestUserOptions = {}) {
  const network = new VirtualNetwork();
  const [node] = servers(network, 1);
  const peer = new ScriptedPeer(network, node!);
  const bob = new TestUser(network, "Bob", options).at(node!);
  peer.present([{ name: "Ann", kind: UserKind.Session, session: network.uuid(), since: 1 }]);
  network.run(50);
  const ids = [network.uuid(), network.uuid(), network.uuid()];
  return {
    network,
    ids,
    node: node!,
    bob,
    /** Sends the message with that number, behind the one of another number. */
    send(
      number: number,
      previous?: number,
      subtype: number = MessageKind.Outbound,
      sender = "Ann",
    ) {
      const own = new FrameWriter();
      const message = { id: ids[number]!, sender, recipient: "Bob", text: `${number}` };
      writeMessage(own, message, MessageKind.Durable);
      const outbound = {
        origin: peer.id,
        destination: node!.core.id,
        previous: previous === undefined ? NIL_UUID : ids[previous]!,
        message: own.take().subarray(HEADER_BYTES),
      };
      writeOutboundMessage(peer.out, outbound, subtype, 1);
      network.run(50);
    },
    /** What the server answered, as the number of the message, the state and the code. */
    answers() {
      return peer.got(FrameType.Receipt, ReceiptKind.ToServer).flatMap((frame) =>
        readServerReceipts(frame.payload).receipts.map(({ id, state, code }) =>
          [ids.indexOf(id), state, code] as const
        )
      );
    },
  };
}

const { Delivered, Refused, Accepted } = ReceiptState;

pureTest("a durable message is refused until its predecessor has arrived", () => {
  const { bob, send, answers } = start({ forgetful: true });
  send(0);
  send(2, 1);
  assertEquals(bob.textsFrom("Ann"), ["0"]);
  assertEquals(answers(), [[2, Refused, ErrorCode.RecipientBusy]]);
  send(1, 0);
  send(2, 1);
  assertEquals(bob.textsFrom("Ann"), ["0", "1", "2"]);
});

pureTest(
  "a durable message can follow one that was acknowledged on another connection, and no other one",
  () => {
    const { node, bob, send, answers } = start({ forgetful: true });
    send(0);
    bob.at(node);
    send(1, 0);
    assertEquals(answers(), [[1, Refused, ErrorCode.RecipientBusy]]);
    send(0);
    bob.acknowledge(bob.messages[1]!.id);
    bob.at(node);
    send(1, 0);
    assertEquals(bob.textsFrom("Ann"), ["0", "0", "1"]);
    assertEquals(answers().slice(1), [[0, Delivered, 0]]);
  },
);

pureTest("a durable message for a legacy user also waits for its predecessor", () => {
  const { bob, send, answers } = start({ legacy: true });
  send(1, 0);
  assertEquals(answers(), [[1, Refused, ErrorCode.RecipientBusy]]);
  send(0);
  send(1, 0);
  assertEquals(bob.text, "Ann: 0Ann: 1");
});

pureTest(
  "a message that two servers store is delivered once, and both get its receipt",
  () => {
    // A random id, and a sequence id.
    const ofEachKind = [
      "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
      "00c0ffee-00ff-8a11-b42d-000000000007",
    ];
    for (const id of ofEachKind) {
      for (const ownFirst of [true, false]) {
        const { network, node, bob, ids, send, answers } = start({ forgetful: true });
        const note = `${id}, ${ownFirst ? "its own" : "the other's"} first`;
        ids[0] = id;
        // The sender was at the other server a moment ago, and sends its unsettled message again.
        const ann = new TestUser(network, "Ann 2").at(node);
        const other = () => send(0, undefined, MessageKind.Outbound, "Ann 2");
        const own = () => {
          ann.send("Bob", "0", { id });
          network.run(50);
        };
        for (const sendOne of ownFirst ? [own, other] : [other, own]) sendOne();
        assertEquals(bob.textsFrom("Ann 2"), ["0"], note);
        assertEquals(answers(), [], note);
        assertEquals(ann.statesOf(id), [Accepted], note);
        bob.acknowledge(id);
        network.run(50);
        assertEquals(answers(), [[0, Delivered, 0]], note);
        assertEquals(ann.statesOf(id), [Accepted, Delivered], note);
        // Both servers recognise it from now on.
        for (const sendOne of [own, other]) sendOne();
        assertEquals(bob.textsFrom("Ann 2"), ["0"], note);
        assertEquals(answers(), [[0, Delivered, 0], [0, Delivered, 0]], note);
        assertEquals(ann.statesOf(id), [Accepted, Delivered, Accepted, Delivered], note);
        send(1, 0);
        assertEquals(bob.textsFrom("Ann"), ["1"], `${note}: the one behind it may come`);
      }
    }
  },
);

pureTest("a message that was delivered is recognised when another server sends it", () => {
  const { network, node, bob, ids, send, answers } = start();
  ids[0] = "00c0ffee-00ff-8a11-b42d-000000000007";
  const ann = new TestUser(network, "Ann 2").at(node);
  ann.send("Bob", "0", { id: ids[0] });
  network.run(50);
  send(0, undefined, MessageKind.Outbound, "Ann 2");
  send(1, 0);
  assertEquals(bob.messages.map(({ text }) => text), ["0", "1"]);
  assertEquals(answers(), [[0, Delivered, 0], [1, Delivered, 0]]);
});

pureTest(
  "a successor accepts handed-off messages in order, and refuses one without its predecessor",
  () => {
    const { send, answers } = start();
    send(1, 0, MessageKind.HandedOff);
    assertEquals(answers(), [[1, Refused, ErrorCode.RecipientBusy]]);
    send(0, undefined, MessageKind.HandedOff);
    send(1, 0, MessageKind.HandedOff);
    send(2, 1, MessageKind.HandedOff);
    assertEquals(answers().slice(1), [[0, Accepted, 0], [1, Accepted, 0], [2, Accepted, 0]]);
  },
);
