/**
 * Micro-benchmarks of the wire: how fast frames and messages go into bytes and out of them. Figures
 * are per message; compare them within one run only.
 *
 * @module
 */
import {
  FrameDecoder,
  FrameWriter,
  MessageFields,
  MessageKind,
  readMessage,
  writeMessage,
} from "@netlab/protocol";

/** Messages in one iteration, so that the loop itself does not count. */
const COUNT = 1_000;

const message = {
  id: crypto.randomUUID(),
  sender: "Alice",
  recipient: "Bob",
  text: "x".repeat(64),
};
const writer = new FrameWriter();
for (let i = 0; i < COUNT; i++) writeMessage(writer, message, MessageKind.Durable);
const frames = writer.take().slice();
const payload = frames.subarray(6, frames.length / COUNT);

Deno.bench(`find the frames of ${COUNT} messages`, { group: "read" }, () => {
  let found = 0;
  new FrameDecoder(() => found++).push(frames);
  if (found !== COUNT) throw new Error(`found ${found} frames`);
});

const fields = new MessageFields();
Deno.bench(`find the fields of ${COUNT} messages`, { group: "read" }, () => {
  for (let i = 0; i < COUNT; i++) fields.read(payload, 0, payload.length);
});

Deno.bench(`decode ${COUNT} messages`, { group: "read" }, () => {
  for (let i = 0; i < COUNT; i++) readMessage(payload);
});

const out = new FrameWriter();
Deno.bench(`encode ${COUNT} messages`, { group: "write" }, () => {
  for (let i = 0; i < COUNT; i++) writeMessage(out, message, MessageKind.Durable);
  out.recycle(out.take());
});

Deno.bench(`forward ${COUNT} messages`, { group: "write" }, () => {
  const decoder = new FrameDecoder((frame) => out.forward(frame, 1));
  decoder.push(frames);
  out.recycle(out.take());
});
