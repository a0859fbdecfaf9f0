/**
 * When a message that was sent fails because no server accepts it, and when a program may send the next one.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ErrorCode, NetlabError, ReceiptState } from "@netlab/protocol";
import { pureTest } from "../../../kinds.ts";
import { connection, receipts, start, type TestConnection, written } from "../session_parts.ts";

/** A session whose clock the test moves in steps of a second. */
function ticking() {
  const it = start();
  let now = 0;
  return {
    ...it,
    pass(seconds: number, each: () => void = () => {}): void {
      for (let second = 0; second < seconds; second++) {
        it.session.tick(now += 1_000);
        each();
      }
    },
    /** Lets time pass in one step, as for a program that was suspended. */
    suspend(seconds: number): void {
      it.session.tick(now += 1_000 * seconds);
    },
  };
}

/** Answers all requests. */
function answer(server: TestConnection): void {
  for (const answered of server.asked.splice(0)) answered();
}

pureTest("session gives a message up when its time is over after the server has read it", () => {
  const { session, send, pass, accepted, outcomes } = ticking();
  const server = connection();
  session.attach(server);
  send("soon", 2_000);
  send("later", 5_000);
  pass(2);
  assertEquals(server.asked.length, 1);
  answer(server);
  pass(1);
  assertEquals(outcomes, []);
  pass(1);
  assertEquals(outcomes, ["soon TimedOut"]);
  const next = connection();
  session.attach(next);
  assertEquals(written(next), ["later"], "it is not sent again");
  pass(2);
  answer(next);
  pass(5);
  assertEquals(outcomes, ["soon TimedOut", "later TimedOut"]);
  assertEquals(accepted, outcomes);
});

pureTest("session gives messages up when no server could be reached in time", () => {
  const { session, send, pass, suspend, outcomes } = ticking();
  send("before", 10_000);
  pass(9);
  const server = connection();
  session.attach(server);
  assertEquals(written(server), ["before"]);
  pass(20);
  session.detach(server);
  pass(7);
  suspend(3_600);
  assertEquals(outcomes, [], "a suspension is no time without a server");
  send("while alone", 10_000);
  pass(1);
  assertEquals(outcomes, ["before TimedOut", "while alone TimedOut"]);
  send("long after", 10_000);
  send("with more time", 20_000);
  pass(1);
  assertEquals(outcomes.slice(2), ["long after TimedOut"]);
  const next = connection();
  session.attach(next);
  assertEquals(written(next), ["with more time"]);
});

pureTest("session gives no message up that is behind others on a slow link", () => {
  const { session, send, pass, outcomes } = ticking();
  const server = connection();
  session.attach(server);
  send("written", 1_000);
  pass(3_600);
  assertEquals(outcomes, []);
  assertEquals(server.asked.length, 1, "it asks once");
  // The answer to a request does not count for a message that was written after it.
  const late = send("written later", 1_000);
  answer(server);
  pass(1);
  assertEquals(outcomes, ["written TimedOut"]);
  pass(60);
  session.received(receipts({ id: late.id, state: ReceiptState.Accepted }), server);
  answer(server);
  pass(60);
  assertEquals(outcomes, ["written TimedOut"]);
});

pureTest("session gives no message up while the server works through those before it", () => {
  const { session, send, pass, outcomes } = ticking();
  const server = connection();
  session.attach(server);
  const before = Array.from({ length: 30 }, (_, number) => send(`${number}`, 2_000));
  send("last", 2_000);
  pass(2);
  answer(server);
  // One receipt a second, as when the recipient is slow.
  pass(30, () => {
    const { id } = before.shift()!;
    session.received(receipts({ id, state: ReceiptState.Accepted }), server);
  });
  assertEquals(outcomes, []);
  // Receipts for later messages do not help.
  pass(3, () => {
    const { id } = send("after", 60_000);
    session.received(receipts({ id, state: ReceiptState.Accepted }), server);
  });
  assertEquals(outcomes, ["last TimedOut"]);
});

pureTest("session that was suspended gives nothing up at once", () => {
  const { session, send, pass, suspend, outcomes } = ticking();
  const server = connection();
  session.attach(server);
  const sent = send("hello", 30_000);
  pass(2);
  answer(server);
  suspend(3_600);
  assertEquals(outcomes, []);
  session.received(receipts({ id: sent.id }), server);
  assertEquals(outcomes, ["hello ok"]);
});

pureTest("session tells when there is room for the next message", () => {
  const { session, send } = ticking();
  let room = 0;
  const ask = () => session.whenRoom(() => room++);
  ask();
  assertEquals(room, 1);
  send("waits for a server");
  ask();
  assertEquals(room, 1);
  const server = connection();
  session.attach(server);
  assertEquals(room, 2);
  const texts = Array.from({ length: 50 }, () => "x".repeat(10_000));
  const sent = texts.map((text) => send(text));
  ask();
  assertEquals(room, 2);
  server.out.take();
  session.pump();
  assertEquals(room, 3);
  // 2 MiB are in flight, though they have left.
  for (let number = 0; number < 200; number++) {
    sent.push(send("x".repeat(10_000)));
    server.out.take();
  }
  ask();
  assertEquals(room, 3);
  session.received(receipts(...sent.slice(0, 50)), server);
  server.out.take();
  session.pump();
  assertEquals(room, 4);
  session.detach(server);
  send("waits");
  ask();
  session.end(new NetlabError(ErrorCode.Closed, "Cannot go on: closed"));
  assertEquals(room, 5);
});
