/**
 * The sending half of a user's session: what is sent again, how much is in flight, and how each message is
 * settled.
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
import { pureTest } from "../../../kinds.ts";
import {
  asked,
  connection,
  decode,
  message,
  posting,
  receipts,
  start,
  written,
} from "../session_parts.ts";

/** The limits of messages in flight, and of bytes that wait to leave. */
const MAX_IN_FLIGHT = 4_096;
const MAX_WAITING_BYTES = 256 * 1024;

pureTest("session sends at once if it has a connection, and otherwise on the next one", () => {
  const { session, send, outcomes } = start();
  send("before");
  const server = connection();
  session.attach(server);
  send("after");
  assertEquals(written(server), ["before", "after"]);
  assertEquals(outcomes, []);
});

pureTest(
  "session sends messages without a receipt again on the next connection, in order, with the same ids",
  () => {
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
);

pureTest(
  "session settles a message by its receipts: delivered, refused with the reason, expired",
  () => {
    const { session, send, accepted, outcomes } = start();
    const server = connection();
    session.attach(server);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((text) => send(text)) as Message[];
    session.received(receipts({ id: a!.id, state: ReceiptState.Accepted }), server);
    session.received(receipts({ id: d!.id, state: 99 }), server);
    assertEquals(accepted, ["a ok"]);
    assertEquals(outcomes, [], "neither accepted nor an unknown state is an outcome");
    const refusal = { state: ReceiptState.Refused, code: ErrorCode.NoSuchUser, reason: "nobody" };
    session.received(
      receipts({ id: a!.id }, { id: b!.id, ...refusal }, {
        id: c!.id,
        state: ReceiptState.Expired,
      }),
      server,
    );
    assertEquals(outcomes, ["a ok", "b NoSuchUser", "c TimedOut"]);
    session.received(receipts({ id: a!.id }, { id: message("unknown").id }), server);
    assertEquals(accepted, ["a ok", "b NoSuchUser", "c TimedOut"]);
    assertEquals(outcomes.length, 3, "each is settled once");
  },
);

pureTest(
  "session does not believe a refusal of a message that an earlier server may have taken",
  () => {
    const { session, send, outcomes } = start();
    const [first, second] = [connection(), connection()];
    session.attach(first);
    const [a, b] = [send("a"), send("b")];
    session.received(receipts({ id: a.id, state: ReceiptState.Accepted }), first);
    session.detach(first);
    session.attach(second);
    const c = send("c");
    const refusal = { state: ReceiptState.Refused, code: ErrorCode.StorageFull, reason: "full" };
    session.received(receipts({ id: b.id, ...refusal }, { id: c.id, ...refusal }), second);
    assertEquals(outcomes, ["b NotStored", "c StorageFull"]);
  },
);

pureTest("session has at most 4,096 messages in flight that are not accepted", () => {
  const { session, send, outcomes } = start();
  const server = connection();
  session.attach(server);
  const sent: Message[] = [];
  let inFlight: string[] = [];
  for (let i = 0; i < MAX_IN_FLIGHT + 100; i++) {
    sent.push(send(`${i}`));
    inFlight = inFlight.concat(written(server));
  }
  session.pump();
  assertEquals(server.out.length, 0);
  assertEquals(inFlight.length, MAX_IN_FLIGHT);
  session.received(receipts(...sent.slice(0, 60)), server);
  assertEquals(
    written(server),
    sent.slice(MAX_IN_FLIGHT, MAX_IN_FLIGHT + 60).map(({ text }) => text),
  );
  assertEquals(outcomes.length, 60);
});

pureTest(
  "session writes nothing while 256 KiB wait to leave, and continues when there is room",
  () => {
    const { session, send } = start();
    const server = connection();
    session.attach(server);
    const texts = Array.from({ length: 100 }, (_, i) => `${i} ${"x".repeat(10_000)}`);
    for (const text of texts) send(text);
    let all: string[] = [];
    while (server.out.length > 0) {
      assert(server.out.length < MAX_WAITING_BYTES + 11_000);
      all = all.concat(written(server));
      session.pump();
    }
    assertEquals(all, texts);
  },
);

pureTest(
  "session waits for the outcome of an accepted message without a limit, and does not send it again",
  () => {
    const { session, send, accepted, outcomes } = start();
    const [first, second] = [connection(), connection()];
    session.attach(first);
    const sent = send("durable", 500);
    session.received(receipts({ id: sent.id, state: ReceiptState.Accepted }), first);
    session.detach(first);
    session.tick(100_000);
    session.attach(second);
    assertEquals(written(second), []);
    assertEquals([accepted, outcomes], [["durable ok"], []]);
    session.received(receipts({ id: sent.id, state: ReceiptState.Expired }), second);
    assertEquals([accepted, outcomes], [["durable ok"], ["durable TimedOut"]]);
  },
);

pureTest(
  "session settles a message as sent when it is written to a server without receipts",
  () => {
    const { session, send, outcomes } = start();
    const server = connection(false);
    session.attach(server);
    send("hello");
    assertEquals(decode(server.out.take()).map(({ subtype }) => subtype), [MessageKind.Ephemeral]);
    assertEquals(outcomes, ["hello sent"]);
    session.attach(connection());
    session.pump();
    assertEquals(outcomes.length, 1);
  },
);

pureTest("session refuses a message that is too long, and sends the next one", () => {
  const { session, send, outcomes } = start();
  const server = connection();
  session.attach(server);
  send("x".repeat(70_000));
  send("fine");
  assertEquals(outcomes.map((outcome) => outcome.split(" ")[1]), ["TextTooLong"]);
  assertEquals(written(server), ["fine"]);
});

pureTest("session tells when all messages are accepted or refused", () => {
  const { session, send } = start();
  const { Accepted, Refused } = ReceiptState;
  let callbacks = 0;
  session.whenAllAccepted(() => callbacks++);
  assertEquals(callbacks, 1, "at once, when nothing was sent");
  const server = connection();
  session.attach(server);
  const [a, b] = [send("a"), send("b")];
  session.received(receipts({ ...a, state: Accepted }), server);
  assertEquals(callbacks, 1);
  session.received(receipts({ ...b, state: Refused }), server);
  assertEquals(callbacks, 2);
});

pureTest("session that ends fails all messages with the reason, and writes nothing more", () => {
  const { session, send, outcomes } = start();
  const server = connection();
  session.attach(server);
  send("a");
  send("b");
  server.out.take();
  session.end(new NetlabError(ErrorCode.Closed, "Cannot go on: closed"));
  assertEquals(outcomes, ["a Closed", "b Closed"]);
  session.pump();
  assertEquals(server.out.length, 0);
});

pureTest("session lets a program send messages from a listener", () => {
  const texts: string[] = [];
  const session = new ClientSession(() => {}, posting().posting, 0);
  const server = connection(false);
  const next = (left: number) => {
    if (left === 0) return;
    session.send(Int32Array.of(0, 0, 0, left), message(`${left}`), 1_000, {
      accepted: () => {},
      settled: () => {
        texts.push(`${left}`);
        next(left - 1);
      },
    });
  };
  next(5);
  session.attach(server);
  assertEquals(texts, ["5", "4", "3", "2", "1"]);
  assertEquals(written(server), ["5", "4", "3", "2", "1"]);
});

pureTest(
  "session queries a missing outcome less and less often, and at once on a new connection",
  () => {
    const { session, send, outcomes } = start();
    const server = connection();
    session.attach(server);
    const { id } = send("hello", 1e9);
    session.received(receipts({ id, state: ReceiptState.Accepted }), server);
    server.out.take();
    const times: number[] = [];
    for (let now = 0; now < 200_000; now += 250) {
      session.tick(now);
      for (const ids of asked(server)) {
        assertEquals(ids, [id]);
        times.push(now);
      }
    }
    assertEquals(times, [5_000, 15_000, 35_000, 75_000, 155_000]);
    const other = connection();
    session.detach(server);
    session.attach(other);
    assertEquals(asked(other), [[id]]);
    session.received(receipts({ id }), other);
    for (let now = 200_000; now < 400_000; now += 250) session.tick(now);
    assertEquals([asked(other), outcomes], [[], ["hello ok"]]);
  },
);

pureTest("session queries nothing from a server without receipts", () => {
  const { session, send } = start();
  const [server, first] = [connection(), connection(false)];
  session.attach(server);
  const { id } = send("hello", 1e9);
  session.received(receipts({ id, state: ReceiptState.Accepted }), server);
  session.attach(first);
  session.tick(60_000);
  assertEquals(first.out.length, 0);
});
