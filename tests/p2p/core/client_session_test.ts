/**
 * The sending half of a user's session: what is sent again, how much is under way, and what becomes of
 * each message.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  type Message,
  MessageKind,
  NetlabError,
  readMessage,
  ReceiptState,
} from "@netlab/protocol";
import { ClientSession } from "@netlab/p2p/core";
import {
  asked,
  connection,
  decode,
  message,
  posting,
  receipts,
  start,
  written,
} from "./session_parts.ts";

/** As many messages may be under way, and as many bytes wait to leave. */
const MAX_IN_FLIGHT = 4_096;
const ENOUGH_BYTES = 256 * 1024;

Deno.test({
  name: "session sends at once when it has a connection, and else on the next one",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    send("before");
    const outlet = connection();
    session.attach(outlet);
    send("after");
    assertEquals(written(outlet), ["before", "after"]);
    assertEquals(outcomes, []);
  },
});

Deno.test({
  name:
    "session sends what has no receipt again on the next connection, in order and under the same ids",
  permissions: "none",
  fn() {
    const { session, send } = start();
    const first = connection();
    session.attach(first);
    const sent = ["a", "b", "c", "d"].map((text) => send(text));
    session.received(receipts({ id: sent[1]!.id }), first);
    session.detach(first);
    send("e");
    const second = connection();
    session.attach(second);
    const again = decode(second.out.take()).map(({ payload }) => readMessage(payload));
    assertEquals(again.map(({ text }) => text), ["a", "c", "d", "e"]);
    assertEquals(again.slice(0, 3), [sent[0]!, sent[2]!, sent[3]!]);
    assertEquals(written(first), ["a", "b", "c", "d"], "nothing more on the old one");
  },
});

Deno.test({
  name: "session settles a message by its receipts: delivered, refused with the reason, expired",
  permissions: "none",
  fn() {
    const { session, send, accepted, outcomes } = start();
    const outlet = connection();
    session.attach(outlet);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((text) => send(text)) as Message[];
    session.received(receipts({ id: a!.id, state: ReceiptState.Accepted }), outlet);
    session.received(receipts({ id: d!.id, state: 99 }), outlet);
    assertEquals(accepted, ["a ok"]);
    assertEquals(outcomes, [], "accepted is not the end, nor is what nobody knows");
    const refusal = { state: ReceiptState.Refused, code: ErrorCode.NoSuchUser, reason: "nobody" };
    session.received(
      receipts({ id: a!.id }, { id: b!.id, ...refusal }, {
        id: c!.id,
        state: ReceiptState.Expired,
      }),
      outlet,
    );
    assertEquals(outcomes, ["a ok", "b NoSuchUser", "c TimedOut"]);
    session.received(receipts({ id: a!.id }, { id: message("unknown").id }), outlet);
    assertEquals(accepted, ["a ok", "b NoSuchUser", "c TimedOut"]);
    assertEquals(outcomes.length, 3, "each is settled once");
  },
});

Deno.test({
  name: "session keeps at most 4,096 messages that are not safe under way",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    const outlet = connection();
    session.attach(outlet);
    const sent: Message[] = [];
    let inFlight: string[] = [];
    for (let i = 0; i < MAX_IN_FLIGHT + 100; i++) {
      sent.push(send(`${i}`));
      inFlight = inFlight.concat(written(outlet));
    }
    session.pump();
    assertEquals(outlet.out.length, 0);
    assertEquals(inFlight.length, MAX_IN_FLIGHT);
    session.received(receipts(...sent.slice(0, 60)), outlet);
    assertEquals(
      written(outlet),
      sent.slice(MAX_IN_FLIGHT, MAX_IN_FLIGHT + 60).map(({ text }) => text),
    );
    assertEquals(outcomes.length, 60);
  },
});

Deno.test({
  name: "session writes no more while 256 KiB wait to leave, and goes on when there is room",
  permissions: "none",
  fn() {
    const { session, send } = start();
    const outlet = connection();
    session.attach(outlet);
    const texts = Array.from({ length: 100 }, (_, i) => `${i} ${"x".repeat(10_000)}`);
    for (const text of texts) send(text);
    let all: string[] = [];
    while (outlet.out.length > 0) {
      assert(outlet.out.length < ENOUGH_BYTES + 11_000);
      all = all.concat(written(outlet));
      session.pump();
    }
    assertEquals(all, texts);
  },
});

Deno.test({
  name:
    "session waits for the end of what is safe however long that takes, and does not send it again",
  permissions: "none",
  fn() {
    const { session, send, accepted, outcomes } = start();
    const [first, second] = [connection(), connection()];
    session.attach(first);
    const sent = send("safe", 500);
    session.received(receipts({ id: sent.id, state: ReceiptState.Accepted }), first);
    session.detach(first);
    session.tick(100_000);
    session.attach(second);
    assertEquals(written(second), []);
    assertEquals([accepted, outcomes], [["safe ok"], []]);
    session.received(receipts({ id: sent.id, state: ReceiptState.Expired }), second);
    assertEquals([accepted, outcomes], [["safe ok"], ["safe TimedOut"]]);
  },
});

Deno.test({
  name:
    "session gives up what has no receipt in time, from the next tick on, and does not send it again",
  permissions: "none",
  fn() {
    const { session, send, accepted, outcomes } = start();
    send("soon", 500);
    send("later", 1_000);
    session.tick(10);
    session.tick(509);
    assertEquals(outcomes, []);
    session.tick(510);
    assertEquals(outcomes, ["soon TimedOut"]);
    const outlet = connection();
    session.attach(outlet);
    assertEquals(written(outlet), ["later"]);
    session.tick(5_000);
    assertEquals(outcomes, ["soon TimedOut", "later TimedOut"]);
    assertEquals(accepted, outcomes);
  },
});

Deno.test({
  name: "session takes what was written for sent where a server gives no receipts",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    const outlet = connection(false);
    session.attach(outlet);
    send("hello");
    assertEquals(decode(outlet.out.take()).map(({ subtype }) => subtype), [MessageKind.Ephemeral]);
    assertEquals(outcomes, ["hello sent"]);
    session.attach(connection());
    session.pump();
    assertEquals(outcomes.length, 1);
  },
});

Deno.test({
  name: "session refuses what cannot travel, and sends what follows",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    const outlet = connection();
    session.attach(outlet);
    send("x".repeat(70_000));
    send("fine");
    assertEquals(outcomes.map((outcome) => outcome.split(" ")[1]), ["TextTooLong"]);
    assertEquals(written(outlet), ["fine"]);
  },
});

Deno.test({
  name: "session tells when nothing is under way any more",
  permissions: "none",
  fn() {
    const { session, send } = start();
    const { Accepted, Refused } = ReceiptState;
    let settled = 0;
    session.whenSettled(() => settled++);
    assertEquals(settled, 1, "at once, when nothing was sent");
    const outlet = connection();
    session.attach(outlet);
    const [a, b] = [send("a"), send("b")];
    session.received(receipts({ ...a, state: Accepted }), outlet);
    assertEquals(settled, 1);
    session.received(receipts({ ...b, state: Refused }), outlet);
    assertEquals(settled, 2);
  },
});

Deno.test({
  name: "session that ends gives up everything with the reason, and writes nothing more",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    const outlet = connection();
    session.attach(outlet);
    send("a");
    send("b");
    outlet.out.take();
    session.end(new NetlabError(ErrorCode.Closed, "Cannot go on: closed"));
    assertEquals(outcomes, ["a Closed", "b Closed"]);
    session.pump();
    assertEquals(outlet.out.length, 0);
  },
});

Deno.test({
  name: "session lets a program send more from where it hears what became of a message",
  permissions: "none",
  fn() {
    const texts: string[] = [];
    const session = new ClientSession(() => {}, posting().posting, 0);
    const outlet = connection(false);
    const next = (left: number) => {
      if (left === 0) return;
      session.send(Int32Array.of(0, 0, 0, left), message(`${left}`), 1_000, {
        accepted: () => {},
        ended: () => {
          texts.push(`${left}`);
          next(left - 1);
        },
      });
    };
    next(5);
    session.attach(outlet);
    assertEquals(texts, ["5", "4", "3", "2", "1"]);
    assertEquals(written(outlet), ["5", "4", "3", "2", "1"]);
  },
});

Deno.test({
  name: "session asks how a story ended, less and less often, and at once on a new connection",
  permissions: "none",
  fn() {
    const { session, send, outcomes } = start();
    const outlet = connection();
    session.attach(outlet);
    const { id } = send("hello", 1e9);
    session.received(receipts({ id, state: ReceiptState.Accepted }), outlet);
    outlet.out.take();
    const times: number[] = [];
    for (let now = 0; now < 200_000; now += 250) {
      session.tick(now);
      for (const ids of asked(outlet)) {
        assertEquals(ids, [id]);
        times.push(now);
      }
    }
    assertEquals(times, [5_000, 15_000, 35_000, 75_000, 155_000]);
    const other = connection();
    session.detach(outlet);
    session.attach(other);
    assertEquals(asked(other), [[id]]);
    session.received(receipts({ id }), other);
    for (let now = 200_000; now < 400_000; now += 250) session.tick(now);
    assertEquals([asked(other), outcomes], [[], ["hello ok"]]);
  },
});

Deno.test({
  name: "session asks nothing where a server gives no receipts",
  permissions: "none",
  fn() {
    const { session, send } = start();
    const [outlet, first] = [connection(), connection(false)];
    session.attach(outlet);
    const { id } = send("hello", 1e9);
    session.received(receipts({ id, state: ReceiptState.Accepted }), outlet);
    session.attach(first);
    session.tick(60_000);
    assertEquals(first.out.length, 0);
  },
});
