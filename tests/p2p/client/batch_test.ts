/**
 * Batches between real servers, over real sockets.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Ability,
  FrameType,
  MessageKind,
  readBatch,
  readMessage,
  writeBatch,
} from "@netlab/protocol";
import { P2pServer } from "@netlab/p2p/server";
import { eventually, RawParty, socketTest as test } from "../network.ts";

const FIRST = "0f1e2d3c-4b5a-8111-9222-3333";
const idOf = (number: number) => FIRST + number.toString(16).padStart(8, "0");

test("batches arrive in order at netlab and legacy users, here and on another server", async () => {
  await using one = await P2pServer.listen();
  await using two = await P2pServer.listen({ peers: [one.address] });
  await using ann = await RawParty.register(one, "Ann");
  const session = crypto.randomUUID();
  const readers = [
    { name: "here", party: await RawParty.register(one, "here", session, Ability.Batches) },
    { name: "here, older", party: await RawParty.register(one, "here, older") },
    { name: "there", party: await RawParty.register(two, "there", session, Ability.Batches) },
    { name: "there, older", party: await RawParty.register(two, "there, older") },
  ];
  await using _readers = new AsyncDisposableStack();
  for (const { party } of readers) _readers.use(party);
  await eventually("all are known", () => one.users().length === 5);
  const texts = Array.from({ length: 3_000 }, (_, i) => `${i} ${"x".repeat(i % 100)}`);
  let number = 0;
  for (const { name: recipient } of readers) {
    for (let sent = 0; sent < texts.length;) {
      const left = texts.slice(sent, sent + 1 + number % 700);
      const batch = { id: idOf(number), sender: "Ann", recipient, texts: left };
      const taken = writeBatch(ann.out, batch);
      sent += taken;
      number += taken;
    }
  }
  for (const { name, party } of readers) {
    const textsOf = () =>
      party.frames.filter(({ type }) => type === FrameType.Message).flatMap((frame) =>
        frame.subtype === MessageKind.Batch
          ? readBatch(frame.payload).texts
          : [readMessage(frame.payload).text]
      );
    await eventually(`${name} has all`, () => textsOf().length >= texts.length);
    assertEquals(textsOf(), texts);
    const batches = party.frames.filter(({ subtype }) => subtype === MessageKind.Batch).length;
    assert(name.endsWith("older") ? batches === 0 : batches > 5, `${batches} to ${name}`);
  }
  assertEquals(ann.frames, []);
});
