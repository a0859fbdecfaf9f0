/**
 * Which outcomes of settled messages a server remembers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ErrorCode, type Receipt, ReceiptState, uuidWords } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { MIN_OUTCOMES, Outcomes } from "../../../../p2p/core/mailbox/outcomes.ts";
import { randomUuid, seeded } from "@netlab/lab/random";

const random = seeded(4);
const newId = () => randomUuid(random);

function addDelivered(outcomes: Outcomes, id: string): void {
  const [id0 = 0, id1 = 0, id2 = 0, id3 = 0] = uuidWords(id, new Int32Array(4));
  outcomes.addDelivered({ id0, id1, id2, id3 });
}

function expired(id: string): Receipt {
  return { id, state: ReceiptState.Expired, code: 0, reason: "" };
}

function delivered(id: string): Receipt {
  return { id, state: ReceiptState.Delivered, code: 0, reason: "" };
}

pureTest("outcomes are known by the ids of the messages", () => {
  const outcomes = new Outcomes();
  const [a, b, c, d] = [newId(), newId(), newId(), newId()];
  addDelivered(outcomes, a);
  outcomes.add(delivered(b));
  const unconfirmed = { ...delivered(c), code: ErrorCode.Unconfirmed };
  outcomes.add(unconfirmed);
  outcomes.add(expired(d));
  assertEquals([a, b, c, d].map((id) => outcomes.get(id)), [
    delivered(a),
    delivered(b),
    unconfirmed,
    expired(d),
  ]);
  assertEquals(outcomes.get(newId()), undefined);
});

pureTest("outcome other than delivered stays when a message is settled twice", () => {
  const outcomes = new Outcomes();
  const id = newId();
  addDelivered(outcomes, id);
  outcomes.add(expired(id));
  assertEquals(outcomes.get(id), expired(id));
  addDelivered(outcomes, id);
  assertEquals(outcomes.get(id), expired(id));
});

pureTest(
  "outcomes of the last 50,000 messages are remembered, and of twice as many at most",
  () => {
    const outcomes = new Outcomes();
    const ids = Array.from({ length: 2 * MIN_OUTCOMES + 1 }, newId);
    for (const id of ids) addDelivered(outcomes, id);
    assertEquals(ids.slice(-MIN_OUTCOMES).filter((id) => !outcomes.get(id)), []);
    assertEquals(outcomes.get(ids[0]!), undefined);
  },
);
