import { assert, assertEquals } from "@std/assert";
import { ReceiptState } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { PendingReceipts } from "../../../../p2p/core/durable/pending_receipts.ts";

const HOUR_MS = 3_600_000;

function receipts(count: number, name: string) {
  const state = ReceiptState.Delivered;
  return Array.from(
    { length: count },
    (_, i) => ({ id: `${name} ${i}`, state, code: 0, reason: "" }),
  );
}

pureTest("pending receipts drop those of the user who has been away for longest", () => {
  const pending = new PendingReceipts(100);
  for (let user = 0; user < 1_000; user++) {
    pending.add(`${user}`, receipts(10, `${user}`), user);
    assert(pending.size <= 100, `${pending.size}`);
  }
  assert(!pending.has("0") && pending.has("999"));
  const taken = pending.take("999");
  assertEquals(taken.map(({ id }) => id), receipts(10, "999").map(({ id }) => id));
  assertEquals([pending.size, pending.take("999").length], [90, 0]);
});

pureTest("pending receipts of one user are limited, and the newest stay", () => {
  const pending = new PendingReceipts();
  for (let round = 0; round < 50; round++) pending.add("Ann", receipts(1_000, `${round}`), 0);
  assert(pending.size <= 20_000, `${pending.size}`);
  assertEquals(pending.take("Ann").at(-1)!.id, "49 999");
  assertEquals(pending.size, 0);
});

pureTest("pending receipts expire after a day without a new one", () => {
  const pending = new PendingReceipts();
  pending.add("Ann", receipts(1, "Ann"), 0);
  pending.add("Bob", receipts(1, "Bob"), 0);
  pending.add("Ann", receipts(1, "Ann"), 20 * HOUR_MS);
  pending.expire(24 * HOUR_MS);
  assertEquals([pending.has("Ann"), pending.has("Bob"), pending.size], [true, false, 2]);
  pending.expire(45 * HOUR_MS);
  assertEquals(pending.size, 0);
});
