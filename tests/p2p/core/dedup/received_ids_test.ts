/**
 * Which messages a client knows that it has received.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { uuidWords } from "@netlab/protocol";
import { MessageIds } from "@netlab/p2p/core";
import { pureTest } from "../../../kinds.ts";
import { ReceivedIds } from "../../../../p2p/core/dedup/received_ids.ts";
import { randomUuid, seeded } from "@netlab/lab/random";

const random = seeded(11);

function stream(): MessageIds {
  return new MessageIds((bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = 256 * random();
  });
}

function add(received: ReceivedIds, sender: string, id: string): boolean {
  const words = uuidWords(id, new Int32Array(4));
  return received.add({ id, sender, recipient: "Bob", text: "" }, words, 0);
}

pureTest("received ids recognize second copies: sequence ids in any order, and all others", () => {
  const received = new ReceivedIds();
  const ids = stream();
  const sequence = Array.from({ length: 300 }, () => ids.next());
  const all = [...sequence.slice(100), ...sequence.slice(0, 100), randomUuid(random)];
  for (const id of all) assertEquals(add(received, "Ann", id), true, id);
  for (const id of all) assertEquals(add(received, "Ann", id), false, id);
  assertEquals(add(received, "Ann", ids.next()), true, "the next one is new");
  assertEquals(add(received, "Cid", sequence[0]!), true, "as another sender's");
});

pureTest(
  "received ids distinguish the two streams of a session and those of the session before it",
  () => {
    const received = new ReceivedIds();
    const ids = Array.from({ length: 4 }, () => stream().next());
    for (const isNew of [true, false]) {
      for (const id of ids) assertEquals(add(received, "Ann", id), isNew);
    }
  },
);

pureTest("received ids keep the streams of the last 10,000 senders", () => {
  const received = new ReceivedIds();
  const ids = Array.from({ length: 15_000 }, () => stream().next());
  for (const [index, id] of ids.entries()) add(received, `User ${index}`, id);
  for (let index = 5_000; index < 15_000; index++) {
    assertEquals(add(received, `User ${index}`, ids[index]!), false, `${index}`);
  }
});
