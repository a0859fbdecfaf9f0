/**
 * Parts of tests of a `ClientSession`: connections that collect frames, and a session that records the
 * outcomes of messages.
 *
 * @module
 */
import {
  ErrorCode,
  type Frame,
  FrameDecoder,
  FrameType,
  FrameWriter,
  type Message,
  NetlabError,
  readMessage,
  readReceiptQuery,
  type Receipt,
  ReceiptKind,
  ReceiptState,
  uuidWords,
  writeReceipts,
} from "@netlab/protocol";
import {
  ClientSession,
  type Incoming,
  MessageIds,
  PublishQueue,
  type SessionConnection,
} from "@netlab/p2p/core";
import { randomUuid, seeded } from "@netlab/lab/random";

const random = seeded(7);

/** A connection on which the test answers requests. */
export interface TestConnection extends SessionConnection {
  /** What to call when the server answers a request, in order. */
  readonly asked: (() => void)[];
}

export function connection(receipts = true, batches = true): TestConnection {
  const asked: (() => void)[] = [];
  return {
    out: new FrameWriter(),
    receipts,
    batches,
    isPaused: false,
    asked,
    ask: (answered) => void asked.push(answered),
  };
}

/** The publish queue of Ann; `endTurn` ends an event loop turn. */
export function posting(): { posting: PublishQueue; endTurn: () => void } {
  const due: (() => void)[] = [];
  const ids = new MessageIds((bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = 256 * random();
  });
  const queue = new PublishQueue("Ann", ids, (run) => due.push(run));
  const endTurn = () => {
    for (const run of due.splice(0)) run();
    queue.check();
  };
  return { posting: queue, endTurn };
}

export function decode(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  new FrameDecoder((frame) => frames.push(frame.copy())).push(bytes);
  return frames;
}

/** The texts of the messages that were written to a connection since the last call. */
export function written(server: SessionConnection): string[] {
  return decode(server.out.take()).filter(({ type }) => type === FrameType.Message)
    .map(({ payload }) => readMessage(payload).text);
}

/** The ids in each receipt query that was written to a connection since the last call. */
export function asked(server: SessionConnection): (readonly string[])[] {
  return decode(server.out.take())
    .filter(({ type, subtype }) => type === FrameType.Receipt && subtype === ReceiptKind.Query)
    .map(({ payload }) => readReceiptQuery(payload).ids);
}

export function message(text: string): Message {
  return { id: randomUuid(random), sender: "Ann", recipient: "Bob", text };
}

export function frameOf(write: (out: FrameWriter) => void): Frame {
  const out = new FrameWriter();
  write(out);
  return decode(out.take())[0]!;
}

export function receipts(...items: (Partial<Receipt> & { id: string })[]): Frame {
  const full = items.map((item) => ({
    state: ReceiptState.Delivered,
    code: 0,
    reason: "",
    ...item,
  }));
  return frameOf((out) => writeReceipts(out, full));
}

/** A session, the messages that it received, and the outcomes of those that it sent: `ok`, or an error. */
export function start() {
  const received: Message[] = [];
  const accepted: string[] = [];
  const outcomes: string[] = [];
  const incoming: Incoming[] = [];
  const session = new ClientSession(
    (one) => {
      incoming.push(one);
      received.push(one.message);
    },
    posting().posting,
    0,
  );
  const send = (text: string, timeoutMs = 1_000) => {
    const sent = message(text);
    const nameOf = (error: NetlabError) =>
      Object.entries(ErrorCode).find(([, code]) => code === error.code)?.[0];
    session.send(uuidWords(sent.id, new Int32Array(4)), sent, timeoutMs, {
      accepted: (error) => accepted.push(`${text} ${error ? nameOf(error) : "ok"}`),
      settled: (outcome) =>
        outcomes.push(
          `${text} ${
            outcome instanceof NetlabError
              ? nameOf(outcome)
              : outcome === "delivered"
              ? "ok"
              : outcome
          }`,
        ),
    });
    return sent;
  };
  return { session, incoming, received, accepted, outcomes, send };
}
