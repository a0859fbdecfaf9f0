/**
 * netlab's own protocol, in the ways that its users speak it: as bare text, in batches, a frame for each
 * message, with receipts.
 * Pure: bytes in, bytes out. Frames are written by `@netlab/protocol`; only ids are changed in place.
 *
 * @module
 */
import {
  Ability,
  FrameDecoder,
  FrameType,
  FrameWriter,
  HEADER_BYTES,
  Information,
  MessageKind,
  readError,
  Registration,
  writeInformationRequest,
  writeLegacyRegistration,
  writeMessage,
  writeReceipts,
  writeSessionRegistration,
} from "@netlab/protocol";
import { batches } from "./batches.ts";
import { CountedIds, type IdWriter, RandomIds } from "./ids.ts";
import { AcknowledgingCounter, BatchCounter, ReceiptCounter } from "./netlab_counters.ts";
import { type Batch, type Exchange, FixedCounter, type Protocol } from "./protocol.ts";
import { repeat, type Talk, text } from "./protocol.ts";

/**
 * Users of bare text, as legacy clients have it: random ids, no receipts, deliveries are `sender: text`.
 */
export const netlabLegacy: Protocol = {
  join: (name) => [{
    // A bare registration is not answered, a question is.
    send: frames((out) => {
      writeLegacyRegistration(out, name);
      writeInformationRequest(out, Information.Capabilities);
    }),
    answered: (received) =>
      hasFrame(received, FrameType.InformationResponse, Information.Capabilities),
  }],
  batch: (talk, bytes, most) => messages(talk, MessageKind.Ephemeral, new RandomIds(), bytes, most),
  deliveries: ({ sender, size }) => new FixedCounter(sender.length + 2 + size),
  answers: () => undefined,
};

/** Receipts for no message: heard, and not answered. */
const SIGN_OF_LIFE = frames((out) => writeReceipts(out, []));

/** Sessions, which put as many messages as are ready into a frame; nobody keeps these. */
export const netlabBatch: Protocol = {
  join: joinSession,
  signOfLife: SIGN_OF_LIFE,
  batch: batches,
  deliveries: () => new BatchCounter(),
  answers: () => undefined,
};

/** The same with a frame for each message. */
export const netlabSession: Protocol = {
  join: joinSession,
  signOfLife: SIGN_OF_LIFE,
  batch: (talk, bytes, most) =>
    messages(talk, MessageKind.Ephemeral, new CountedIds(), bytes, most),
  deliveries: (talk) => new FixedCounter(message(talk, MessageKind.Ephemeral).length),
  answers: () => undefined,
};

/** Sessions with receipts: the server keeps each message until the recipient has acknowledged it. */
export const netlabReceipts: Protocol = {
  join: joinSession,
  signOfLife: SIGN_OF_LIFE,
  batch: (talk, bytes, most) => messages(talk, MessageKind.Durable, new CountedIds(), bytes, most),
  deliveries: () => new AcknowledgingCounter(),
  answers: () => new ReceiptCounter(),
  // Accepted, and delivered.
  answersPerMessage: 2,
};

/** Messages for somebody who is not there: each is kept, and `accepted` when it is safe. */
export const netlabDurable: Protocol = {
  join: joinSession,
  signOfLife: SIGN_OF_LIFE,
  batch: (talk, bytes, most) => messages(talk, MessageKind.Durable, new CountedIds(), bytes, most),
  deliveries: () => undefined,
  answers: () => new ReceiptCounter(),
};

function joinSession(name: string): Exchange[] {
  return [{
    send: frames((out) =>
      writeSessionRegistration(out, {
        session: crypto.randomUUID(),
        name,
        abilities: Ability.Batches,
      })
    ),
    answered: (received) => hasFrame(received, FrameType.Registration, Registration.Session),
  }];
}

function frames(write: (out: FrameWriter) => void): Uint8Array<ArrayBuffer> {
  const out = new FrameWriter();
  write(out);
  return out.take().slice();
}

function message({ sender, receiver, size }: Talk, kind: number): Uint8Array {
  const id = crypto.randomUUID();
  return frames((out) =>
    writeMessage(out, { id, sender, recipient: receiver, text: text(size) }, kind)
  );
}

function messages(
  talk: Talk,
  kind: number,
  ids: IdWriter,
  bytes: number,
  most: number,
): Batch {
  const one = message(talk, kind);
  let view: DataView | undefined;
  return repeat(one, bytes, most, (all, count) => {
    view ??= new DataView(all.buffer);
    ids.write(view, HEADER_BYTES, one.length, count);
  });
}

/** Whether a frame of that type is among what was received; an error is thrown as what it says. */
function hasFrame(received: Uint8Array, type: number, subtype: number): boolean {
  let found = false;
  new FrameDecoder((frame) => {
    if (frame.type === FrameType.Error) throw readError(frame);
    if (frame.type === type && frame.subtype === subtype) found = true;
  }).push(received);
  return found;
}
