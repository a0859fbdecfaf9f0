/**
 * netlab's own protocol in the forms that its users speak: legacy text, batches, one frame per message,
 * and durable messages with receipts. `@netlab/protocol` encodes and decodes the frames, except where
 * that would be too slow for a generator. Must not know sockets.
 *
 * @module
 */
import {
  Ability,
  type Frame,
  FrameDecoder,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  Information,
  MAX_BATCH_MESSAGES,
  MAX_PAYLOAD_BYTES,
  MessageKind,
  readError,
  readUuidWords,
  ReceiptCursor,
  ReceiptRecords,
  ReceiptState,
  Registration,
  UUID_TEXT_BYTES,
  writeInformationRequest,
  writeLegacyRegistration,
  writeMessage,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { type RenewIds, renewRandomIds, renewSequenceIds, sequenceIds } from "./netlab_ids.ts";
import { ascii, type Batch, type Counter, type Exchange, fixedCounter } from "./protocol.ts";
import { type Protocol, RecordCounter, repeat, type Talk, text } from "./protocol.ts";

const ID_BYTES = 16;

/** Legacy users: random ids and no receipts. A delivery is the text `sender: text`. */
export const legacy: Protocol = {
  join: (name) => [{
    // The server does not answer a legacy registration, so ask a question that it answers.
    send: encode((out) => {
      writeLegacyRegistration(out, name);
      writeInformationRequest(out, Information.Capabilities);
    }),
    answered: expectingFrame(FrameType.InformationResponse, Information.Capabilities),
  }],
  batch: (talk, bytes, most) => single(talk, MessageKind.Ephemeral, bytes, most, renewRandomIds),
  deliveries: ({ sender, size }) => fixedCounter(sender.length + 2 + size),
};

const session = {
  join: (name) => [{
    send: encode((out) =>
      writeSessionRegistration(out, {
        session: crypto.randomUUID(),
        name,
        abilities: Ability.Batches,
      })
    ),
    answered: expectingFrame(FrameType.Registration, Registration.Session),
  }],
  // An empty list of receipts, which the server does not answer.
  signOfLife: encode((out) => writeReceipts(out, [])),
} satisfies Partial<Protocol>;

/** Sessions with ephemeral messages, as many in each frame as are ready. */
export const batch: Protocol = { ...session, batch: batches, deliveries: batchCounter };

/** Sessions with ephemeral messages, one in each frame. */
export const frames: Protocol = {
  ...session,
  batch: (talk, bytes, most) => single(talk, MessageKind.Ephemeral, bytes, most, renewSequenceIds),
  deliveries: (talk) => fixedCounter(message(talk, MessageKind.Ephemeral).length),
};

/** Durable messages to offline recipients: only the accepted receipt comes back. */
export const accepted: Protocol = {
  ...session,
  batch: (talk, bytes, most) => single(talk, MessageKind.Durable, bytes, most, renewSequenceIds),
  answers: receiptCounter,
};

/** Durable messages to recipients who acknowledge them: receipts are accepted and delivered. */
export const receipts: Protocol = {
  ...accepted,
  deliveries: acknowledgingCounter,
  answersPerMessage: 2,
};

/** Looks for a frame in an answer. An error frame is a refusal. */
function expectingFrame(type: number, subtype: number): Exchange["answered"] {
  return (received) => {
    let found = false;
    new FrameDecoder((frame) => {
      if (frame.type === FrameType.Error) throw readError(frame);
      if (frame.type === type && frame.subtype === subtype) found = true;
    }).push(received);
    return found;
  };
}

function encode(write: (out: FrameWriter) => void): Uint8Array<ArrayBuffer> {
  const out = new FrameWriter();
  write(out);
  return out.take().slice();
}

function message({ sender, receiver, size }: Talk, kind: number): Uint8Array {
  const id = crypto.randomUUID();
  return encode((out) =>
    writeMessage(out, { id, sender, recipient: receiver, text: text(size) }, kind)
  );
}

/** One frame per message. */
function single(
  talk: Talk,
  kind: number,
  bytes: number,
  most: number,
  renew: (step: number) => RenewIds,
): Batch {
  const one = message(talk, kind);
  return repeat(one, bytes, most, renew(one.length));
}

/** A batch frame up to the number of its messages, without length and id. */
function batchHead({ sender, receiver }: Talk): Uint8Array {
  const header = [FrameType.Message, MessageKind.Batch, 0, 0, 0, 0];
  const names = [sender, receiver].flatMap((name) => [name.length, ...ascii(name)]);
  return Uint8Array.from([...header, ...new Uint8Array(ID_BYTES), ...names]);
}

/**
 * One batch frame for all messages that are sent together. The texts stay in place: a smaller frame
 * starts further right in the same buffer, with fewer lengths before the texts.
 */
function batches(talk: Talk, bytes: number, most: number): Batch {
  const { size } = talk;
  const head = batchHead(talk);
  const headBytes = head.length + 2;
  const room = Math.min(bytes, HEADER_BYTES + MAX_PAYLOAD_BYTES) - headBytes;
  const messages = Math.max(1, Math.min(most, MAX_BATCH_MESSAGES, Math.floor(room / (2 + size))));
  const textsAt = headBytes + 2 * messages;
  const all = new Uint8Array(textsAt + messages * size);
  const view = new DataView(all.buffer);
  const writeLength = (i: number) => view.setUint16(headBytes + 2 * i, size);
  for (let i = 0; i < messages; i++) writeLength(i);
  for (let i = 0; i < messages; i++) all.set(ascii(text(size)), textsAt + i * size);
  const ids = sequenceIds();
  let skipped = 0;
  return {
    messages,
    next(count) {
      // The head of the frame before this one has overwritten some lengths.
      const overwritten = Math.max(0, skipped - Math.ceil(headBytes / 2));
      for (let i = overwritten; i < skipped; i++) writeLength(i);
      skipped = messages - count;
      const start = 2 * skipped;
      all.set(head, start);
      view.setUint16(start + 2, textsAt - start - HEADER_BYTES + count * size);
      ids.nextWords(count).forEach((word, i) => view.setInt32(start + HEADER_BYTES + 4 * i, word));
      view.setUint16(start + head.length, count);
      return all.subarray(start, textsAt + count * size);
    },
  };
}

const frameBytes = (head: Uint8Array) => HEADER_BYTES + ((head[2]! << 8) | head[3]!);

/** Counts messages in batches and single ones. All texts have the same length, so headers are enough. */
function batchCounter(talk: Talk): Counter {
  const headBytes = batchHead(talk).length + 2;
  return new RecordCounter(HEADER_BYTES, frameBytes, (head) => {
    if (head[0] !== FrameType.Message) return 0;
    if (head[1] !== MessageKind.Batch) return 1;
    return (frameBytes(head) - headBytes) / (2 + talk.size);
  });
}

/** Counts what `visit` finds in frames. */
function frameCounter(visit: (frame: Frame) => number): Counter {
  let found = 0;
  const decoder = new FrameDecoder((frame) => found += visit(frame));
  return {
    get whole() {
      return decoder.pendingBytes === 0;
    },
    take(bytes, length) {
      found = 0;
      decoder.push(bytes.subarray(0, length));
      return found;
    },
  };
}

/** Counts durable messages and acknowledges each. */
function acknowledgingCounter(): Counter {
  const records = new ReceiptRecords();
  const id = new Int32Array(4);
  const out = new FrameWriter();
  const counter = frameCounter(({ type, bytes, start }) => {
    if (type !== FrameType.Message) return 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, UUID_TEXT_BYTES);
    readUuidWords(view, 0, id);
    records.add(id[0]!, id[1]!, id[2]!, id[3]!, ReceiptState.Delivered);
    return 1;
  });
  return Object.assign(counter, {
    reply() {
      if (records.length === 0) return undefined;
      for (const part of records.parts()) writeReceipts(out, part);
      records.clear();
      return out.take().slice();
    },
  });
}

/** Counts receipts of accepted and delivered messages. Any other receipt is an error. */
function receiptCounter(): Counter {
  const receipts = new ReceiptCursor();
  return frameCounter((frame) => {
    if (frame.type === FrameType.Error) throw new Error("netlab answered with an error");
    if (frame.type !== FrameType.Receipt) return 0;
    let found = 0;
    for (receipts.begin(frame); receipts.next(); found++) {
      if (receipts.state !== ReceiptState.Accepted && receipts.state !== ReceiptState.Delivered) {
        throw new Error(`netlab refused a message: ${receipts.reason}`);
      }
    }
    return found;
  });
}
