import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  type Frame,
  FrameDecoder,
  FrameType,
  FrameWriter,
  MessageKind,
  readBatch,
  readMessage,
  readReceipts,
  ReceiptState,
  writeMessage,
  writeReceipts,
} from "@netlab/protocol";
import { PROTOCOLS } from "../../bench/peers/protocols/mod.ts";
import { packet } from "../../bench/peers/protocols/mqtt.ts";
import type { Counter, Protocol } from "../../bench/peers/protocols/protocol.ts";
import { command } from "../../bench/peers/protocols/redis.ts";

const permissions = "none";

const talk = { sender: "s0010001", receiver: "r0010001", size: 10 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a server makes of one message of a batch for its recipient. */
const delivered: Record<string, (message: Uint8Array) => Uint8Array> = {
  "netlab-legacy": (message) => {
    const { sender, text } = readMessage(message.subarray(6));
    return encoder.encode(`${sender}: ${text}`);
  },
  "netlab-batch": (message) => message,
  "netlab-frames": (message) => message,
  "netlab-receipts": (message) => message,
  "nats": (message) => {
    const [, subject, size, text] = /^PUB (\S+) (\d+)\r\n(\w+)\r\n$/.exec(decoder.decode(message))!;
    return encoder.encode(`MSG ${subject} 1 ${size}\r\n${text}\r\n`);
  },
  "redis": (message) => {
    const words = decoder.decode(message).split("\r\n");
    return command("message", words[4]!, words[6]!);
  },
  "mqtt-0": (message) => message,
  "mqtt-1": (message) => message,
};

function feed(counter: Counter, bytes: Uint8Array, step: number): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += step) {
    const part = bytes.subarray(at, at + step);
    count += counter.take(part, part.length);
  }
  return count;
}

for (const [name, deliver] of Object.entries(delivered)) {
  Deno.test({
    name: `${name} counts the deliveries of a batch, wherever the stream is cut`,
    permissions,
    fn: () => {
      const protocol: Protocol = PROTOCOLS[name as keyof typeof PROTOCOLS];
      const batch = protocol.batch(talk, 4_000, 20);
      const deliveries = Array.from({ length: batch.messages }, () => deliver(batch.next(1)));
      const stream = Uint8Array.from(deliveries.flatMap((bytes) => [...bytes]));
      for (const step of [1, 2, 7, 64, stream.length]) {
        const counter = protocol.deliveries!(talk);
        assertEquals(feed(counter, stream, step), batch.messages, `${step} bytes at a time`);
        assert(counter.whole);
        feed(counter, stream.subarray(0, 3), 3);
        assert(!counter.whole, "a message has begun");
      }
    },
  });
}

Deno.test({
  name: "a batch has as many messages as fit, at least one",
  permissions,
  fn: () => {
    for (const protocol of Object.values(PROTOCOLS) as Protocol[]) {
      assertEquals(protocol.batch(talk, 1, 9).messages, 1);
      assertEquals(protocol.batch(talk, 100_000, 9).messages, 9);
    }
  },
});

for (
  const [name, version] of [["netlab-legacy", "4"], ["netlab-frames", "8"]] as const
) {
  Deno.test({
    name: `${name} sends frames with ids of version ${version}, new ones each time`,
    permissions,
    fn: () => {
      const batch = PROTOCOLS[name].batch(talk, 10_000, 50);
      const ids: string[] = [];
      for (let round = 0; round < 6; round++) {
        const bytes = batch.next(batch.messages);
        new FrameDecoder(({ payload }) => {
          const { id, sender, recipient, text } = readMessage(payload);
          assertMatch(
            id,
            /^[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
          );
          assertEquals(id[14], version);
          assertEquals([sender, recipient, text], [talk.sender, talk.receiver, "abcdefghij"]);
          ids.push(id);
        }).push(bytes);
      }
      assertEquals(new Set(ids).size, 300);
      if (version !== "8") return;
      assertEquals(new Set(ids.map((id) => id.slice(0, 15))).size, 1, "one stream");
      const random = ids.slice(0, batch.messages).map((id) => id.slice(15, 28));
      assertEquals(new Set(random).size, batch.messages, "nobody can tell the next one");
      const numbers = ids.map((id) => parseInt(id.slice(28), 16));
      assertEquals(numbers, ids.map((_, index) => index));
    },
  });
}

Deno.test({
  name: "netlab's batches hold any number of messages with consecutive ids, and are counted",
  permissions,
  fn: () => {
    for (const names of [talk, { ...talk, sender: "s001000" }]) {
      const batch = PROTOCOLS["netlab-batch"].batch(names, 1_000, 50);
      const counts = [50, 1, 50, 49, 3, 20, 47, 50, 2, 1];
      const streams: number[][] = [];
      let next = 0;
      for (const count of counts) {
        const bytes = batch.next(count);
        streams.push([...bytes]);
        new FrameDecoder(({ type, subtype, payload }) => {
          assertEquals([type, subtype], [FrameType.Message, MessageKind.Batch]);
          const { id, sender, recipient, texts } = readBatch(payload);
          assertEquals([sender, recipient], [names.sender, names.receiver]);
          assertEquals(texts, Array(count).fill("abcdefghij"));
          assertEquals(parseInt(id.slice(-8), 16), next);
          next += count;
        }).push(bytes);
      }
      // A single message, and a frame that is not a message, in between.
      const out = new FrameWriter();
      writeMessage(out, { id: crypto.randomUUID(), sender: "A", recipient: "B", text: "x" }, 0);
      out.frame(FrameType.LinkState, 1);
      const stream = Uint8Array.from([...streams, [...out.take()], ...streams].flat());
      for (const step of [1, 2, 7, 41, 64, 1_000, stream.length]) {
        const counter = PROTOCOLS["netlab-batch"].deliveries!(names);
        assertEquals(feed(counter, stream, step), 2 * next + 1, `${step} bytes at a time`);
        assert(counter.whole);
      }
    }
  },
});

Deno.test({
  name: "netlab's messages are acknowledged by id, in as many frames as necessary",
  permissions,
  fn: () => {
    const batch = PROTOCOLS["netlab-receipts"].batch(talk, 1_000_000, 4_000);
    const bytes = batch.next(batch.messages);
    const sent: string[] = [];
    new FrameDecoder(({ payload }) => sent.push(readMessage(payload).id)).push(bytes);
    const counter = PROTOCOLS["netlab-receipts"].deliveries!(talk);
    assertEquals(feed(counter, bytes, 1_000), 4_000);
    const acknowledged: string[] = [];
    let frames = 0;
    new FrameDecoder(({ type, payload }: Frame) => {
      assertEquals(type, FrameType.Receipt);
      const receipts = readReceipts(payload);
      frames++;
      for (const { id, state } of receipts) {
        assertEquals(state, ReceiptState.Delivered);
        acknowledged.push(id);
      }
    }).push(counter.reply!()!);
    assertEquals(acknowledged, sent);
    assertEquals(frames, 2);
    assertEquals(counter.reply!(), undefined);
  },
});

Deno.test({
  name: "netlab's receipts are counted, other frames are not, and a refusal is an error",
  permissions,
  fn: () => {
    const receipt = (state: number, reason = "") => ({
      ...{ id: crypto.randomUUID(), state, code: 0, reason },
    });
    const out = new FrameWriter();
    out.frame(FrameType.InformationRequest, 2);
    writeReceipts(out, [receipt(ReceiptState.Accepted), receipt(ReceiptState.Delivered)]);
    writeMessage(out, { id: crypto.randomUUID(), sender: "A", recipient: "B", text: "" }, 0);
    writeReceipts(out, [receipt(ReceiptState.Accepted)]);
    const stream = out.take().slice();
    const { answers } = PROTOCOLS["netlab-accepted"];
    assertEquals(feed(answers!(talk), stream, 5), 3);
    writeReceipts(out, [receipt(ReceiptState.Refused, "the mailbox is full")]);
    const refusal = out.take().slice();
    assertThrows(
      () => feed(answers!(talk), refusal, refusal.length),
      Error,
      "netlab refused a message: the mailbox is full",
    );
  },
});

Deno.test({
  name: "a PING of NATS is answered",
  permissions,
  fn: () => {
    const counter = PROTOCOLS.nats.deliveries!(talk);
    const message = "MSG r0010001 1 10\r\nabcdefghij\r\n";
    assertEquals(feed(counter, encoder.encode(`${message}PING\r\n${message}`), 4), 2);
    assertEquals(decoder.decode(counter.reply!()), "PONG\r\n");
    assertEquals(counter.reply!(), undefined);
  },
});

Deno.test({
  name: "redis streams are counted by the ids of their entries",
  permissions,
  fn: () => {
    const ids = "$15\r\n1526919030474-0\r\n$16\r\n1526919030474-55\r\n";
    for (const step of [1, 3, 100]) {
      const counter = PROTOCOLS["redis-stream"].answers!(talk);
      assertEquals(feed(counter, encoder.encode(ids), step), 2);
      assert(counter.whole);
    }
    const counter = PROTOCOLS["redis-stream"].answers!(talk);
    const refusal = encoder.encode("-ERR no\r\n");
    assertThrows(() => counter.take(refusal, refusal.length), Error, "Redis refused a message");
  },
});

Deno.test({
  name: "redis commands are arrays of bulk strings",
  permissions,
  fn: () => {
    assertEquals(
      decoder.decode(command("PUBLISH", "Bob", "Hello")),
      "*3\r\n$7\r\nPUBLISH\r\n$3\r\nBob\r\n$5\r\nHello\r\n",
    );
  },
});

Deno.test({
  name: "MQTT packets have their length in groups of seven bits",
  permissions,
  fn: () => {
    const lengths = [0, 127, 128, 16_383, 16_384].map((length) =>
      [...packet(0x30, new Uint8Array(length))].slice(1, -length || undefined)
    );
    assertEquals(lengths, [[0], [127], [128, 1], [255, 127], [128, 128, 1]]);
  },
});

Deno.test({
  name: "MQTT with QoS 1 gives messages ids and acknowledges them",
  permissions,
  fn: () => {
    const protocol = PROTOCOLS["mqtt-1"];
    const batch = protocol.batch(talk, 1_000, 3);
    const counter = protocol.deliveries!(talk);
    assertEquals(feed(counter, batch.next(3), 3), 3);
    const acknowledged = [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3];
    assertEquals([...counter.reply!()!], acknowledged);
    // The id after 65,535 is 1, because 0 is not allowed.
    for (let i = 3; i < 65_535; i += 3) batch.next(3);
    feed(counter, batch.next(3), 1_000);
    assertEquals([...counter.reply!()!], acknowledged);
  },
});

const joins: [name: keyof typeof PROTOCOLS, answers: string[], refusal: string][] = [
  ["nats", ["INFO {}\r\n", "PONG\r\n"], "-ERR 'no'\r\n"],
  ["redis", ["*3\r\n$9\r\nsubscribe\r\n$8\r\nr0010001\r\n:1\r\n"], ""],
  ["mqtt-0", ["\x20\x02\x00\x00", "\x90\x03\x00\x01\x00"], "\x20\x02\x00\x05"],
  ["netlab-frames", ["\x02\x02\x00\x00\x00\x00"], "\x07\x00\x00\x04\x00\x00\x00\x06no"],
  ["netlab-legacy", ["\x01\x02\x00\x00\x00\x00"], ""],
];
for (const [name, answers, refusal] of joins) {
  Deno.test({
    name: `${name} knows when a user has joined`,
    permissions,
    fn: () => {
      const exchanges = PROTOCOLS[name].join(talk.receiver, "receiver");
      assertEquals(exchanges.length, answers.length);
      const last = exchanges.at(-1)!;
      exchanges.forEach(({ answered }, index) => {
        const answer = Uint8Array.from(answers[index]!, (c) => c.charCodeAt(0));
        assert(!answered(answer.subarray(0, 3)), "not all of it");
        assert(answered(answer));
      });
      if (refusal === "") return;
      const refusing = name === "mqtt-0" ? exchanges[0]! : last;
      assertThrows(
        () => refusing.answered(Uint8Array.from(refusal, (c) => c.charCodeAt(0))),
        Error,
      );
    },
  });
}
