/**
 * The send queue under random events: its invariants hold after each event, and each message is
 * settled once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode, type Message, NetlabError, ReceiptState, uuidWords } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { SendQueue } from "../../../../p2p/core/session/sending/send_queue.ts";
import fc from "fast-check";
import { connection, message, receipts } from "../session_parts.ts";

const { Accepted, Delivered, Refused, Expired } = ReceiptState;

const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("send"), at: fc.nat(2), state: fc.nat(9) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("receipt"),
      at: fc.nat(30),
      state: fc.constantFrom(Accepted, Accepted, Delivered, Refused, Expired),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("attach", "attach legacy", "detach", "pump", "drain", "tick"),
      at: fc.nat(30),
      state: fc.nat(3_000),
    }),
  },
);

pureTest("send queue settles each message once, in any order of events", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150, size: "max" }), (events) => {
      let now = 0;
      const queue = new SendQueue(now);
      const sent: Message[] = [];
      const accepted: string[] = [];
      const settled: string[] = [];
      let server = connection();
      for (const { kind, at, state } of events) {
        if (kind === "send") {
          // One in ten is too long to be written.
          const text = state === 0 ? "x".repeat(70_000) : "x".repeat(10_000 * state);
          const one = { ...message(text), recipient: `User ${at}` };
          sent.push(one);
          queue.send(uuidWords(one.id, new Int32Array(4)), one, 1_000 * state, {
            accepted: () => accepted.push(one.id),
            settled: () => {
              assert(accepted.includes(one.id), "accepted comes first");
              settled.push(one.id);
            },
          });
        } else if (kind === "receipt") {
          const one = sent[at];
          const code = state === Refused ? ErrorCode.NoSuchUser : 0;
          if (one) queue.receipts(receipts({ id: one.id, state, code }));
        } else if (kind === "detach") queue.detach(server);
        else if (kind === "pump") queue.pump();
        else if (kind === "drain") server.out.take();
        else if (kind === "tick") queue.tick(now += state);
        else queue.attach(server = connection(kind === "attach"));
        queue.check();
      }
      queue.end(new NetlabError(ErrorCode.Closed, "Cannot go on: closed"));
      queue.check();
      const ids = sent.map(({ id }) => id).sort();
      assertEquals(accepted.sort(), ids);
      assertEquals(settled.sort(), ids);
    }),
    { numRuns: 200 },
  );
});
