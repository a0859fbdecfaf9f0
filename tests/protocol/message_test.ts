/**
 * Sequences of messages, as a client reads and writes them: what is remembered of a message does not affect the
 * next one.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  Frame,
  FrameWriter,
  HEADER_BYTES,
  type Message,
  MessageKind,
  MessageReader,
  ProtocolError,
  uuidWords,
  writeMessage,
  writeMessageWithId,
} from "@netlab/protocol";
import fc from "fast-check";
import { anyName, anyText, anyUuid } from "./arbitraries.ts";

/** Few names, so that many messages share one or both names with the message before. */
const names = fc.oneof(fc.constantFrom("Alice", "Bob", "Ali", "é"), anyName);
const anyMessage: fc.Arbitrary<Message> = fc.record({
  id: anyUuid,
  sender: names,
  recipient: names,
  text: anyText(100),
});
const anyMessages = fc.array(anyMessage, { minLength: 1, maxLength: 8 });

function frameOf(bytes: Uint8Array): Frame {
  const frame = new Frame();
  frame.bytes = bytes;
  frame.start = HEADER_BYTES;
  frame.end = bytes.length;
  return frame;
}

function written(message: Message): Uint8Array {
  const out = new FrameWriter();
  writeMessage(out, message, MessageKind.Ephemeral);
  return out.take();
}

/** The result of reading: the message and its id as words, or the error. */
function outcome(reader: MessageReader, frame: Frame): unknown {
  try {
    return [reader.read(frame), [...reader.id]];
  } catch (error) {
    return String(error);
  }
}

Deno.test({
  name: "message reader reads each message as if it were the first, malformed ones included",
  permissions: "none",
  fn() {
    const breaks = fc.option(fc.tuple(fc.nat(), fc.nat(255)), { freq: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(anyMessage, breaks), { maxLength: 12 }), (messages) => {
        const reader = new MessageReader();
        for (const [message, broken] of messages) {
          const bytes = written(message);
          if (broken) {
            const [at, value] = broken;
            bytes[HEADER_BYTES + at % (bytes.length - HEADER_BYTES)] = value;
          }
          const frame = frameOf(bytes);
          const read = outcome(reader, frame);
          assertEquals(read, outcome(new MessageReader(), frame));
          if (broken) continue;
          assertEquals(read, [message, [...uuidWords(message.id, new Int32Array(4))]]);
        }
      }),
      { numRuns: 500 },
    );
  },
});

Deno.test({
  name: "message reader keeps nothing of a message that it refuses",
  permissions: "none",
  fn() {
    const id = "0198c0de-0000-8000-8000-000000000001";
    const good = { id, sender: "Alice", recipient: "Bob", text: "Hello" };
    const reader = new MessageReader();
    assertEquals(reader.read(frameOf(written(good))), good);
    const bad = written({ ...good, sender: "Cid" });
    bad[bad.lastIndexOf("B".charCodeAt(0))] = " ".charCodeAt(0);
    assertThrows(() => reader.read(frameOf(bad)), ProtocolError, "Cannot use the user name");
    assertEquals(reader.read(frameOf(written(good))), good);
  },
});

Deno.test({
  name: "a message has the same bytes whether its id is text or words",
  permissions: "none",
  fn() {
    fc.assert(
      fc.property(anyMessages, (messages) => {
        for (const message of messages) {
          const out = new FrameWriter();
          const [id0, id1, id2, id3] = uuidWords(message.id, new Int32Array(4));
          const id = { id0: id0!, id1: id1!, id2: id2!, id3: id3! };
          writeMessageWithId(out, id, message, MessageKind.Ephemeral);
          assertEquals(out.take(), written(message));
        }
      }),
    );
  },
});
