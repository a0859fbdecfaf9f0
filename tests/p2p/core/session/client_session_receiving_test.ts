/**
 * The receiving half of a user's session: each message once, acknowledgements, and signs of life.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  Capability,
  FrameType,
  Information,
  MessageKind,
  readCapabilities,
  readReceipts,
  writeInformationRequest,
  writeMessage,
} from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { connection, decode, frameOf, message, start } from "../session_parts.ts";

pureTest("session receives each message once, over whichever connections it arrives", () => {
  const { session, received } = start();
  const [one, other] = [connection(), connection()];
  session.attach(one);
  const sent = message("hello");
  const frame = frameOf((out) => writeMessage(out, sent, MessageKind.Durable));
  assertEquals(session.received(frame, one), true);
  session.attach(other);
  session.received(frame, other);
  session.received(frame, one);
  session.receive({ ...sent, text: "the same id" }, true);
  assertEquals(received, [sent]);
});

pureTest(
  "session acknowledges messages that the program has read, once and on every connection",
  () => {
    const { session, received, incoming } = start();
    const [one, other, gone] = [connection(), connection(), connection()];
    for (const server of [one, other, gone]) session.attach(server);
    session.detach(gone);
    const durable = Array.from({ length: 3_264 }, (_, index) => message(`${index}`));
    for (const sent of durable) {
      session.received(frameOf((out) => writeMessage(out, sent, MessageKind.Durable)), one);
    }
    const ephemeral = message("without a receipt");
    session.received(frameOf((out) => writeMessage(out, ephemeral, MessageKind.Ephemeral)), one);
    session.acknowledge();
    assertEquals(one.out.length, 0, "nothing was taken yet");
    session.take(incoming.at(-1)!);
    for (const index of durable.keys()) assertEquals(session.take(incoming[index]!), index + 1);
    assertEquals(session.take(incoming[0]!), durable.length, "taken once");
    session.acknowledge();
    const ids = [one, other].map(({ out }) =>
      decode(out.take()).map(({ payload }) => readReceipts(payload).map(({ id }) => id))
    );
    assertEquals(ids[0]!.map(({ length }) => length), [3_263, 1], "as many as fit into a frame");
    assertEquals(ids[0]!.flat(), durable.map(({ id }) => id));
    assertEquals(ids[1], ids[0]);
    session.acknowledge();
    assertEquals([one, other, gone].map(({ out }) => out.length), [0, 0, 0]);
    assertEquals(received.length, 3_265);
  },
);

pureTest(
  "session acknowledges second copies of messages that the program has read, and of no others",
  () => {
    const { session, received, incoming } = start();
    const server = connection();
    const sent = message("hello");
    session.receive(sent, true);
    session.receive(sent, true);
    session.take(incoming[0]!);
    session.acknowledge();
    session.attach(server);
    assertEquals(server.out.length, 0, "the acknowledgement waits for a connection");
    session.acknowledge();
    assertEquals(decode(server.out.take()).length, 1);
    session.receive(sent, true);
    session.acknowledge();
    const [again] = decode(server.out.take());
    assertEquals(readReceipts(again!.payload).map(({ id }) => id), [sent.id]);
    // A second copy is acknowledged although the program takes nothing.
    session.receive(sent, true);
    session.tick(1_000);
    assertEquals(decode(server.out.take()).length, 1);
    assertEquals(received, [sent]);
  },
);

pureTest("session answers a liveness probe on the connection that it came on", () => {
  const { session } = start();
  const [now, before] = [connection(), connection()];
  session.attach(now);
  for (const what of [Information.Capabilities, Information.Users]) {
    const question = frameOf((out) => writeInformationRequest(out, what));
    assertEquals(session.received(question, before), true);
    const [answer] = decode(before.out.take());
    assertEquals([answer!.type, answer!.subtype], [FrameType.InformationResponse, what]);
    const says = what === Information.Capabilities ? [Capability.Session] : [];
    assertEquals([...readCapabilities(answer!.payload)], says);
  }
  assertEquals(now.out.length, 0);
});

pureTest("session does not handle frames of other types", () => {
  const { session } = start();
  const server = connection();
  for (const type of [FrameType.Error, FrameType.Echo, FrameType.Registration, 99]) {
    assertEquals(session.received(frameOf((out) => out.frame(type, 0)), server), false);
  }
  assertEquals(server.out.length, 0);
});
