/**
 * Batches of netlab that are encoded ahead of time: one frame for however many messages are sent
 * together. Owns where in the buffer that frame begins. Pure.
 *
 * @module
 */
import {
  FrameType,
  HEADER_BYTES,
  MAX_BATCH_MESSAGES,
  MAX_PAYLOAD_BYTES,
  MessageKind,
} from "@netlab/protocol";
import { BatchIds } from "./ids.ts";
import { ascii, type Batch, type Talk, text } from "./protocol.ts";

const ID_BYTES = 16;

/** As many messages as fit into a frame and into `bytes`, at least one and at most `most`. */
export function batches({ sender, receiver, size }: Talk, bytes: number, most: number): Batch {
  const names = [sender.length, ...ascii(sender), receiver.length, ...ascii(receiver)];
  const headBytes = HEADER_BYTES + ID_BYTES + names.length + 2;
  const room = Math.min(bytes, HEADER_BYTES + MAX_PAYLOAD_BYTES) - headBytes;
  const fitting = Math.floor(room / (2 + size));
  const messages = Math.max(1, Math.min(most, MAX_BATCH_MESSAGES, fitting));
  const textsAt = headBytes + 2 * messages;
  const all = new Uint8Array(textsAt + messages * size);
  const view = new DataView(all.buffer);
  for (let i = 0; i < messages; i++) view.setUint16(headBytes + 2 * i, size);
  for (let i = 0; i < messages; i++) all.set(ascii(text(size)), textsAt + i * size);
  const ids = new BatchIds();
  /** Where the lengths end of which the head of a smaller frame took the place. */
  let covered = 0;
  return {
    messages,
    next(count) {
      const first = Math.max(0, covered - Math.ceil(headBytes / 2));
      for (let i = first; i < covered; i++) view.setUint16(headBytes + 2 * i, size);
      // Texts stay where they are; in front of them stand fewer lengths, and the head.
      const start = 2 * (messages - count);
      covered = messages - count;
      all[start] = FrameType.Message;
      all[start + 1] = MessageKind.Batch;
      view.setUint16(start + 2, textsAt - start - HEADER_BYTES + count * size);
      view.setUint16(start + 4, 0);
      ids.write(view, start + HEADER_BYTES, count);
      all.set(names, start + HEADER_BYTES + ID_BYTES);
      view.setUint16(start + headBytes - 2, count);
      return all.subarray(start, textsAt + count * size);
    },
  };
}
